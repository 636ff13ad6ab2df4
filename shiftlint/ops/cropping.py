"""Operators that cut from an axis or add to its ends: Slice, Split, Pad."""

from __future__ import annotations

from collections.abc import Hashable

from shiftlint.calculus.note import Kind, Note, Reason, SizeError, Unsupported
from shiftlint.calculus.relation import Relation, shift, strided
from shiftlint.calculus.sliding_windows import Ints
from shiftlint.calculus.tensor import (
    Dim,
    Tensor,
    constant,
    dim_of,
    dim_size,
    follows,
    is_uniform,
    single_track,
    spoil,
)
from shiftlint.calculus.track import resample
from shiftlint.ops.broadcasting import forgotten
from shiftlint.ops.registry import numbered, transfer
from shiftlint.ops.shape_values import LARGEST_VALUE, viewed


def _taken(
    data: Tensor,
    starts: Tensor,
    ends: Tensor,
    axes: Tensor | None = None,
    steps: Tensor | None = None,
) -> dict[int, tuple[slice, range]]:
    """The bounds of a Slice by axis, and the elements within them."""
    first, last = integers(starts, "starts"), integers(ends, "ends")
    chosen = integers(axes, "axes") if axes is not None else list(range(len(first)))
    stride = integers(steps, "steps") if steps is not None else [1] * len(first)
    if not len(first) == len(last) == len(chosen) == len(stride):
        raise Unsupported(Reason.LENGTHS_DIFFER)
    found = {}
    for start, end, axis, step in zip(first, last, chosen, stride, strict=True):
        axis = checked_axis(axis, data.rank)
        if step == 0:
            raise Unsupported(Reason.STEP_OF_ZERO)
        bounds = slice(start, None if step < 0 and end < -data.shape[axis] else end, step)
        found[axis] = bounds, range(data.shape[axis])[bounds]
    return found


def _taken_beside_the_image(data: Tensor, *bounds: Tensor | None) -> Hashable:
    """The elements that a Slice takes along axes that do not follow the image."""
    return tuple(
        (axis, taken)
        for axis, (_, taken) in _taken(data, *bounds).items()  # type: ignore[arg-type]
        if not follows(data.dims[axis])
    )


@transfer("Slice", since=10)
@numbered("starts", "ends", "axes", "steps", elementwise=True, besides=_taken_beside_the_image)
def slice_(
    data: Tensor,
    starts: Tensor,
    ends: Tensor,
    axes: Tensor | None = None,
    steps: Tensor | None = None,
) -> Tensor:
    """Output k reads start + step·k; an axis read backward has no period.

    Spec: https://onnx.ai/onnx/operators/onnx__Slice.html
    """
    result, notes = data, []
    index: list[slice] = [slice(None)] * data.rank
    for axis, (index[axis], taken) in _taken(data, starts, ends, axes, steps).items():
        dim, more = take(data.dims[axis], taken)
        result = result.with_dim(axis, dim)
        notes += more
    return viewed(lambda array: array[tuple(index)], data) or result.with_notes(notes)


@transfer("Slice", since=1)
@numbered(elementwise=True)
def slice_1(data: Tensor, *, starts: Ints, ends: Ints, axes: Ints | None = None) -> Tensor:
    """Output k reads start + k; the bounds are attributes.

    Spec: https://onnx.ai/onnx/operators/text_diff_Slice_1_10.html
    """
    bounds = [constant(v) for v in (starts, ends, axes if axes is not None else range(len(starts)))]
    return slice_(data, *bounds)


def _parts_beside_the_image(
    x: Tensor, split: Tensor | None = None, *, axis: int = 0, num_outputs: int | None = None
) -> Hashable:
    """The parts of an axis that does not follow the image."""
    return (
        split is not None
        and not follows(x.dims[checked_axis(axis, x.rank)])
        and tuple(integers(split, "split"))
    )


@transfer("Split", since=1)
@numbered("split", elementwise=True, besides=_parts_beside_the_image)
def split(
    x: Tensor,
    split: Tensor | None = None,
    *,
    axis: int = 0,
    num_outputs: int | None = None,
    outputs: int = 1,
) -> tuple[Tensor, ...]:
    """Consecutive parts, each a crop.

    Spec: https://onnx.ai/onnx/operators/onnx__Split.html
    """
    axis = checked_axis(axis, x.rank)
    size = x.shape[axis]
    if split is not None:
        lengths = integers(split, "split")
    else:
        part = -(-size // (num_outputs or outputs))
        lengths = [min(part, max(size - part * k, 0)) for k in range(outputs)]
    if sum(lengths) != size or min(lengths, default=0) < 0:
        raise SizeError(f"parts {lengths} of an axis of {size}")
    parts, start = [], 0
    for length in lengths:
        cut = slice(start, start + length)
        dim, notes = take(x.dims[axis], range(size)[cut])
        known = viewed(lambda array, cut=cut: array[(slice(None),) * axis + (cut,)], x)
        parts.append(known or x.with_dim(axis, dim).with_notes(notes))
        start += length
    return tuple(parts)


@transfer("Split", since=2)
@numbered(elementwise=True)
def split_2(
    x: Tensor, *, axis: int = 0, split: Ints | None = None, outputs: int = 1
) -> tuple[Tensor, ...]:
    """Consecutive parts; their lengths are an attribute.

    Spec: https://onnx.ai/onnx/operators/text_diff_Split_2_13.html
    """
    return _split(x, constant(split) if split is not None else None, axis=axis, outputs=outputs)


_split = split
transfer("Split", since=13)(split)


def _pads_beside_the_image(
    data: Tensor,
    pads: Tensor,
    constant_value: Tensor | None = None,
    axes: Tensor | None = None,
    *,
    mode: str = "constant",
) -> Hashable:
    """The padding of axes that do not follow the image."""
    amounts = integers(pads, "pads")
    chosen = integers(axes, "axes") if axes is not None else list(range(data.rank))
    half = len(amounts) // 2
    along = zip(chosen, amounts[:half], amounts[half:], strict=False)
    return tuple(one for one in along if not follows(data.dims[checked_axis(one[0], data.rank)]))


@transfer("Pad", since=11)
@numbered("pads", elementwise=True, besides=_pads_beside_the_image)
def pad(
    data: Tensor,
    pads: Tensor,
    constant_value: Tensor | None = None,
    axes: Tensor | None = None,
    *,
    mode: str = "constant",
) -> Tensor:
    """Output k reads k - pad; the added elements are border.

    Spec: https://onnx.ai/onnx/operators/onnx__Pad.html
    """
    amounts = integers(pads, "pads")
    chosen = integers(axes, "axes") if axes is not None else list(range(data.rank))
    if len(amounts) != 2 * len(chosen):
        raise Unsupported(
            Reason.COUNT_FOR_AXES, count=len(amounts), operand="pads", axes=len(chosen)
        )
    kind = "zeros" if mode == "constant" else mode
    result, notes = forgotten(data), []
    for position, axis in enumerate(chosen):
        before, after = amounts[position], amounts[position + len(chosen)]
        if not before and not after:
            continue
        axis = checked_axis(axis, data.rank)
        size = data.shape[axis]
        left = size + min(before, 0) + min(after, 0)  # negative pads crop first
        if mode != "constant" and max(before, after, 1) > left - (
            mode == "reflect" and max(before, after) > 0
        ):
            raise SizeError(f"{mode} padding of {before} and {after} on an axis of {size}")
        dim, more = crop(data.dims[axis], -before, size + before + after, fills=kind)
        result = result.with_dim(axis, dim)
        notes += more
    return result.with_notes(notes)


@transfer("Pad", since=2)
@numbered(elementwise=True)
def pad_2(data: Tensor, *, pads: Ints, mode: str = "constant", value: float = 0.0) -> Tensor:
    """Output k reads k - pad; the pads are an attribute.

    Spec: https://onnx.ai/onnx/operators/text_diff_Pad_2_11.html
    """
    return pad(data, constant(pads), mode=mode)


@transfer("CenterCropPad", since=18)
@numbered("shape", elementwise=True)
def center_crop_pad(data: Tensor, shape: Tensor, *, axes: Ints | None = None) -> Tensor:
    """Crop or pad both ends equally to a given size.

    Spec: https://onnx.ai/onnx/operators/onnx__CenterCropPad.html
    """
    wish = integers(shape, "shape")
    chosen = (
        [checked_axis(a, data.rank) for a in axes] if axes is not None else list(range(data.rank))
    )
    if len(wish) != len(chosen):
        raise Unsupported(Reason.COUNT_FOR_AXES, count=len(wish), operand="sizes", axes=len(chosen))
    result, notes = forgotten(data), []
    for axis, new_size in zip(chosen, wish, strict=True):
        size = data.shape[axis]
        start = (size - new_size) // 2 if size >= new_size else -((new_size - size) // 2)
        dim, more = crop(data.dims[axis], start, new_size, fills="zeros")
        result = result.with_dim(axis, dim)
        notes += more
    return result.with_notes(notes)


def take(dim: Dim, taken: range) -> tuple[Dim, list[Note]]:
    """The elements `taken` of a dimension."""
    size = dim_size(dim)
    if taken == range(size):
        return dim, []
    if not any(atom.track for atom in dim):
        return dim_of(len(taken), uniform=is_uniform(dim)), []
    if taken.step < 0:
        _, notes = spoil(dim, Kind.POSITION, Reason.BACKWARD)
        return dim_of(len(taken)), notes
    return _read(dim, strided(taken.step, taken.start), len(taken), fills="")


def crop(dim: Dim, start: int, new_size: int, *, fills: str) -> tuple[Dim, list[Note]]:
    """`new_size` elements from `start` on; a negative start or a longer end is filled."""
    return _read(dim, shift(start), new_size, fills=fills)


def _read(dim: Dim, relation: Relation, new_size: int, *, fills: str) -> tuple[Dim, list[Note]]:
    try:
        track = single_track(dim)
    except Unsupported:
        _, notes = spoil(dim, Kind.UNKNOWN, Reason.CROP_OF_MERGED)
        return dim_of(new_size), notes
    return dim_of(
        new_size, track and resample(track, dim_size(dim), relation, new_size, kind=fills)
    ), []


def integers(tensor: Tensor, name: str) -> list[int]:
    """The elements of a tensor that must be constant."""
    if (
        tensor.elements is None
        or tensor.elements.kind not in ("i", "u")
        or tensor.elements.size > LARGEST_VALUE
    ):
        raise Unsupported(Reason.NOT_CONSTANT, operand=name)
    return tensor.elements.numbers()


def checked_axis(axis: int, rank: int) -> int:
    """A non-negative axis; Unsupported if it is out of range."""
    if not -rank <= axis < rank:
        raise Unsupported(Reason.AXIS, axis=axis, rank=rank)
    return axis % rank
