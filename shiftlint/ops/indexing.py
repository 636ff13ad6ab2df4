"""Operators that pick or write elements by index; along an image axis this depends on position."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any

from shiftlint.calculus.note import Kind, Note, Reason, SizeError, Unsupported, Words
from shiftlint.calculus.relation import window
from shiftlint.calculus.tensor import Dim, Tensor, derived, dim_of, dim_size, follows
from shiftlint.calculus.track import resample
from shiftlint.lazy_numpy import np
from shiftlint.ops.broadcasting import forgotten
from shiftlint.ops.cropping import checked_axis, integers, take
from shiftlint.ops.elementwise import pointwise
from shiftlint.ops.normalization import ordered
from shiftlint.ops.registry import numbered, transfer
from shiftlint.ops.shape_values import evaluated

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _picks(data: Tensor, indices: Tensor, *, axis: int = 0) -> Hashable:
    """The indices, unless they pick image positions."""
    known = indices.elements is not None and follows(data.dims[checked_axis(axis, data.rank)])
    return None if known else indices


@transfer("Gather", since=1)
@numbered("indices", elementwise=True, besides=_picks)
def gather(data: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    """Pick elements along an axis, such as sizes of a shape or channels.

    Equal steps along an image axis are a crop. Picking rows of a table by pixel value is pointwise.

    Spec: https://onnx.ai/onnx/operators/onnx__Gather.html
    """
    axis = checked_axis(axis, data.rank)
    if indices.elements is not None and indices.elements.kind not in ("i", "u"):
        raise Unsupported(Reason.INDICES_NOT_INTEGERS)
    known = evaluated(lambda array, index: np.take(array, index, axis), data, indices)
    if known is not None:
        return known
    size = data.shape[axis]
    picks = indices.value
    check_range(picks, size)
    tracked = any(atom.track for atom in data.dims[axis])
    if (
        tracked
        and indices.value is not None
        and indices.rank == 1
        and (taken := progression(indices.value, size))
    ):
        dim, notes = take(data.dims[axis], taken)
        return data.with_dim(axis, dim).with_notes(notes)
    if (
        tracked
        and picks is not None
        and picks.ndim == 2
        and (found := _patches(data.dims[axis], picks)) is not None
    ):
        base = forgotten(data)
        return derived((*base.dims[:axis], *found, *base.dims[axis + 1 :]), data)
    if indices.from_image and not data.from_image:
        dims = [tuple(dim_of(n)) for n in data.shape]
        return derived((*dims[:axis], *indices.dims, *dims[axis + 1 :]), data, indices)
    base = forgotten(data)
    notes = positioned(base, [axis], Reason.PICKED) + chosen_by(indices)
    picked = forgotten(indices).dims
    return derived((*base.dims[:axis], *picked, *base.dims[axis + 1 :]), data, indices, notes=notes)


@transfer("GatherElements", since=11)
def gather_elements(data: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    """Pick each element along an axis by its own index.

    Spec: https://onnx.ai/onnx/operators/onnx__GatherElements.html
    """
    axis = checked_axis(axis, data.rank)
    if indices.rank != data.rank:
        raise Unsupported(Reason.RANKS, ranks=(data.rank, indices.rank))
    known = evaluated(lambda array, index: np.take_along_axis(array, index, axis), data, indices)
    if known is not None:
        return known
    if any(
        n > most
        for i, (n, most) in enumerate(zip(indices.shape, data.shape, strict=True))
        if i != axis
    ):
        raise SizeError(f"indices of shape {indices.shape} for data of shape {data.shape}")
    check_range(indices.value, data.shape[axis])
    return _elsewhere(data, indices, Reason.PICKED)


@transfer("GatherND", since=11)
def gather_nd(data: Tensor, indices: Tensor, *, batch_dims: int = 0) -> Tensor:
    """Pick slices by tuples of indices.

    Spec: https://onnx.ai/onnx/operators/onnx__GatherND.html
    """
    depth = indices.shape[-1] if indices.rank else 0
    if not 0 <= batch_dims < indices.rank or not 1 <= depth <= data.rank - batch_dims:
        shapes = Words(list(indices.shape)), Words(list(data.shape))
        raise Unsupported(Reason.INDICES_SHAPE, indices=shapes[0], data=shapes[1])
    if batch_dims == 0:
        known = evaluated(
            lambda array, index: array[tuple(np.moveaxis(index, -1, 0))], data, indices
        )
        if known is not None:
            return known
    _check_tuples(data, indices, batch_dims)
    base = forgotten(data)
    notes = positioned(base, range(batch_dims + depth), Reason.PICKED) + chosen_by(indices)
    dims = (*(dim_of(n) for n in indices.shape[:-1]), *base.dims[batch_dims + depth :])
    lost = positioned(indices, range(indices.rank), Reason.PICKED)
    return derived(dims, data, indices, notes=notes + lost)


@transfer("ScatterElements", since=11)
def scatter_elements(
    data: Tensor, indices: Tensor, updates: Tensor, *, axis: int = 0, reduction: str = "none"
) -> Tensor:
    """Write each element along an axis by its own index.

    Spec: https://onnx.ai/onnx/operators/onnx__ScatterElements.html
    """
    axis = checked_axis(axis, data.rank)
    within = all(
        n <= most
        for i, (n, most) in enumerate(zip(indices.shape, data.shape, strict=False))
        if i != axis
    )
    if indices.rank != data.rank or indices.shape != updates.shape or not within:
        raise SizeError(
            f"indices of shape {indices.shape} and updates of shape {updates.shape} for data of "
            f"shape {data.shape}"
        )
    check_range(indices.value, data.shape[axis])
    return _elsewhere(data, data, Reason.WRITTEN, indices, updates)


@transfer("Scatter", since=9)
def scatter(data: Tensor, indices: Tensor, updates: Tensor, *, axis: int = 0) -> Tensor:
    """The old name of ScatterElements.

    Spec: https://onnx.ai/onnx/operators/onnx__Scatter.html
    """
    return scatter_elements(data, indices, updates, axis=axis)


@transfer("ScatterND", since=11)
def scatter_nd(
    data: Tensor, indices: Tensor, updates: Tensor, *, reduction: str = "none"
) -> Tensor:
    """Write slices by tuples of indices.

    Spec: https://onnx.ai/onnx/operators/onnx__ScatterND.html
    """
    if reduction == "none":
        known = evaluated(_scattered, data, indices, updates)
        if known is not None:
            return known
    depth = indices.shape[-1] if indices.rank else 0
    if not 1 <= depth <= data.rank or updates.shape != (*indices.shape[:-1], *data.shape[depth:]):
        raise SizeError(
            f"indices of shape {indices.shape} and updates of shape {updates.shape} for data of "
            f"shape {data.shape}"
        )
    _check_tuples(data, indices, 0)
    return _elsewhere(data, data, Reason.WRITTEN, indices, updates)


@transfer("TensorScatter", since=24)
def tensor_scatter(
    past_cache: Tensor,
    update: Tensor,
    write_indices: Tensor | None = None,
    *,
    axis: int = -2,
    mode: str = "linear",
) -> Tensor:
    """Write a piece into an axis.

    Spec: https://onnx.ai/onnx/operators/onnx__TensorScatter.html
    """
    return _elsewhere(
        past_cache,
        past_cache,
        Reason.WRITTEN,
        update,
        *([write_indices] if write_indices is not None else []),
    )


@transfer("OneHot", since=9)
def one_hot(indices: Tensor, depth: Tensor, values: Tensor, *, axis: int = -1) -> Tensor:
    """Each element becomes a one-hot row.

    Spec: https://onnx.ai/onnx/operators/onnx__OneHot.html
    """
    count = integers(depth, "depth")
    if len(count) != 1:
        raise Unsupported(Reason.NOT_ONE_NUMBER, operand="depth")
    at = checked_axis(axis, indices.rank + 1)
    base = forgotten(indices)
    return derived((*base.dims[:at], dim_of(count[0]), *base.dims[at:]), indices, values)


@transfer("ReverseSequence", since=10)
def reverse_sequence(
    x: Tensor, sequence_lens: Tensor, *, batch_axis: int = 1, time_axis: int = 0
) -> Tensor:
    """Read an axis backward.

    Spec: https://onnx.ai/onnx/operators/onnx__ReverseSequence.html
    """
    axes = [checked_axis(time_axis, x.rank), checked_axis(batch_axis, x.rank)]
    if sequence_lens.shape != (x.shape[axes[1]],):
        raise SizeError(f"{sequence_lens.shape} lengths of sequences in {x.shape}")
    if sequence_lens.value is not None and int(sequence_lens.value.max()) > x.shape[axes[0]]:
        raise SizeError(f"a sequence of {sequence_lens.value.max()} in {x.shape[axes[0]]} elements")
    return pointwise(x).with_notes(positioned(x, axes, Reason.BACKWARD))


@transfer("Trilu", since=14)
def trilu(x: Tensor, k: Tensor | None = None, *, upper: int = 1) -> Tensor:
    """Keep one triangle of the last two dimensions.

    Spec: https://onnx.ai/onnx/operators/onnx__Trilu.html
    """
    if x.rank < 2:
        raise Unsupported(Reason.RANK, rank=x.rank)
    offset = integers(k, "k") if k is not None else [0]
    if len(offset) != 1:
        raise Unsupported(Reason.NOT_ONE_NUMBER, operand="k")
    bound = max(min(offset[0], x.shape[-1]), -x.shape[-2])
    known = evaluated(lambda array: (np.triu if upper else np.tril)(array, bound), x)
    if known is not None:
        return known
    result = forgotten(x).with_dim(-1, _varying(x, -1)).with_dim(-2, _varying(x, -2))
    return result.with_notes(positioned(x, [x.rank - 2, x.rank - 1], Reason.TRIANGLE))


@transfer("CumSum", since=11)
@transfer("CumProd", since=26)
def cum_sum(x: Tensor, axis: Tensor, *, exclusive: int = 0, reverse: int = 0) -> Tensor:
    """A running sum, which starts at an end of the axis.

    Spec: https://onnx.ai/onnx/operators/onnx__CumSum.html
    """
    along = integers(axis, "axis")
    if len(along) != 1:
        raise Unsupported(Reason.NOT_ONE_NUMBER, operand="axis")
    index = checked_axis(along[0], x.rank)
    if not exclusive and not reverse and x.value is not None and (x.value == 1).all():
        # exporters count this way
        known = evaluated(lambda array: np.cumsum(array, index, dtype=array.dtype), x)
        if known is not None:
            return known
    dim = _varying(x, index)
    return forgotten(x).with_dim(index, dim).with_notes(ordered(x, [index], Reason.RUNNING_SUM))


def check_range(picks: NDArray[Any] | None, size: int) -> None:
    """Raise SizeError if a known index is outside of `size` elements."""
    if picks is not None and picks.size and (int(picks.max()) >= size or int(picks.min()) < -size):
        raise SizeError(f"an index into {size} elements is out of range")


def _check_tuples(data: Tensor, indices: Tensor, batch_dims: int) -> None:
    """`check_range` for index tuples after `batch_dims` batch dimensions, which must match."""
    if indices.shape[:batch_dims] != data.shape[:batch_dims]:
        raise SizeError(f"indices of shape {indices.shape} for data of shape {data.shape}")
    if indices.value is not None:
        for place in range(indices.shape[-1]):
            check_range(indices.value[..., place], data.shape[batch_dims + place])


def _patches(dim: Dim, index: NDArray[Any]) -> tuple[Dim, Dim] | None:
    """Sliding windows as an index table (torch's unfold); the longer side follows the axis."""
    size = dim_size(dim)
    wrapped = index.astype(np.int64) % max(size, 1)
    turned = wrapped.shape[0] > wrapped.shape[1]
    table = wrapped.T if turned else wrapped  # (taps, places)
    taps, places = progression(table[:, 0], size), progression(table[0], size)
    if len(dim) != 1 or dim[0].track is None or taps is None or places is None or len(places) < 2:
        return None
    if not np.array_equal(table, table[:, :1] + (table[:1] - table[0, 0])):
        return None
    relation = window(len(taps), stride=places.step, dilation=taps.step, before=-taps.start)
    track = resample(dim[0].track, size, relation, len(places), kind="")
    found = (dim_of(len(taps)), dim_of(len(places), track))
    return (found[1], found[0]) if turned else found


def positioned(x: Tensor, axes: Iterable[int], reason: Reason) -> list[Note]:
    """A position note for every image axis among `axes`."""
    return [
        Note(Kind.POSITION, atom.track.axis, reason)
        for index in axes
        for atom in x.dims[index]
        if atom.track
    ]


def chosen_by(indices: Tensor) -> list[Note]:
    """Notes for indices that are computed from the image."""
    reason = Reason.INDEX_FROM_IMAGE
    return (
        [Note(Kind.UNKNOWN, axis, reason) for axis in sorted(indices.image_axes())]
        if indices.from_image
        else []
    )


def progression(index: NDArray[Any], size: int) -> range | None:
    """`index` as a rising range with equal steps, or None."""
    wrapped = [int(i) % size if size else 0 for i in index]
    if len(wrapped) < 2:
        return range(wrapped[0], wrapped[0] + 1) if wrapped else None
    step = wrapped[1] - wrapped[0]
    rising = range(wrapped[0], wrapped[-1] + 1, step) if step > 0 else None
    return rising if rising is not None and list(rising) == wrapped else None


def _elsewhere(source: Tensor, shaped: Tensor, reason: Reason, *others: Tensor) -> Tensor:
    """A tensor of the shape of `shaped`, with elements of `source` and `others` by index."""
    involved = (source, shaped, *others)
    notes = [note for t in involved for note in positioned(t, range(t.rank), reason)]
    indices = others[0] if others else shaped
    dims = tuple(dim_of(n) for n in shaped.shape)
    return derived(dims, *involved, notes=notes + chosen_by(indices))


def _varying(x: Tensor, index: int) -> tuple[Any, ...]:
    """A dimension along which elements now vary."""
    dim = x.dims[index]
    return dim if any(atom.track for atom in dim) else dim_of(dim_size(dim))


def _scattered(data: NDArray[Any], indices: NDArray[Any], updates: NDArray[Any]) -> NDArray[Any]:
    result = data.copy()
    result[tuple(np.moveaxis(indices, -1, 0))] = updates
    return result
