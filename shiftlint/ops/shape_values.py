"""Shape arithmetic: tensors of few integers whose elements are computed, not abstracted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftlint.axes import Kind, Note, SizeError, Tensor, Unsupported, constant, plain
from shiftlint.transfer import transfer

LARGEST_VALUE = 1 << 16  # elements; what is larger keeps its sizes alone


def evaluated(compute: Callable[..., NDArray[Any]], *tensors: Tensor | None) -> Tensor | None:
    """The constant that `compute` gives on the elements of `tensors`; None where these are not all known."""
    arrays = [None if t is None else t.value for t in tensors]
    if any(t is not None and t.value is None for t in tensors):
        return None
    try:
        result = np.asarray(compute(*arrays))
    except (ValueError, IndexError) as error:
        raise SizeError(f"shape arithmetic fails: {error}") from error
    return constant(result) if result.size <= LARGEST_VALUE else None


@transfer("Constant", since=1)
def constant_(
    *,
    value: Tensor | None = None,
    value_int: int | None = None,
    value_ints: tuple[int, ...] | None = None,
    value_float: float | None = None,
    value_floats: tuple[float, ...] | None = None,
    value_string: str | None = None,
    value_strings: tuple[str, ...] | None = None,
    sparse_value: Any = None,
) -> Tensor:
    """A constant.

    Spec: https://onnx.ai/onnx/operators/onnx__Constant.html
    """
    if value is not None:
        return value
    if value_int is not None or value_ints is not None:
        return constant(np.asarray(value_int if value_ints is None else value_ints, np.int64))
    if value_float is not None or value_floats is not None:
        return constant(np.asarray(value_float if value_floats is None else value_floats, np.float32))
    raise Unsupported("a constant that is no dense tensor of numbers")


@transfer("Shape", since=1)
def shape(data: Tensor, *, start: int = 0, end: int | None = None) -> Tensor:
    """The sizes of a tensor, known at every analysis.

    Spec: https://onnx.ai/onnx/operators/onnx__Shape.html
    """
    return constant(np.asarray(data.shape[slice(start, end)], np.int64))


@transfer("Size", since=1)
def size(data: Tensor) -> Tensor:
    """The number of elements.

    Spec: https://onnx.ai/onnx/operators/onnx__Size.html
    """
    return constant(np.asarray(int(np.prod(data.shape, dtype=np.int64)), np.int64))


@transfer("ConstantOfShape", since=9)
def constant_of_shape(shape: Tensor, *, value: Tensor | None = None) -> Tensor:
    """One value everywhere.

    Spec: https://onnx.ai/onnx/operators/onnx__ConstantOfShape.html
    """
    if shape.value is None:
        raise Unsupported("a shape that is not constant")
    sizes = [int(n) for n in shape.value.reshape(-1)]
    if min(sizes, default=0) < 0:
        raise SizeError(f"a tensor of shape {sizes}")
    fill = value.value.reshape(-1)[0] if value is not None and value.value is not None else np.float32(0)
    if int(np.prod(sizes, dtype=object)) <= LARGEST_VALUE:
        return constant(np.full(sizes, fill))
    return plain(*sizes, uniform=True)


@transfer("Range", since=11)
def range_(start: Tensor, limit: Tensor, delta: Tensor) -> Tensor:
    """Coordinates: they know the absolute place.

    Spec: https://onnx.ai/onnx/operators/onnx__Range.html
    """
    if start.value is None or limit.value is None or delta.value is None:
        raise Unsupported("bounds that are not constant")
    first, last, step = (t.value.reshape(-1)[0] for t in (start, limit, delta) if t.value is not None)
    if step == 0:
        raise Unsupported("a step of 0")
    count = max(int(np.ceil((last - first) / step)), 0)
    if count <= LARGEST_VALUE:
        return constant(first + step * np.arange(count, dtype=np.asarray(first).dtype))
    return plain(count)


@transfer("Gather", since=1)
def gather(data: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    """Pick elements along an axis: of a shape, of channels; along an axis of the image this knows the place.

    Spec: https://onnx.ai/onnx/operators/onnx__Gather.html
    """
    from shiftlint.ops.cropping import checked_axis, take

    axis = checked_axis(axis, data.rank)
    known = evaluated(lambda array, index: np.take(array, index, axis), data, indices)
    if known is not None:
        return known
    tracked = any(atom.track for atom in data.dims[axis])
    if tracked and indices.value is not None and indices.rank == 1 and (taken := _progression(indices.value, data.shape[axis])):
        dim, notes = take(data.dims[axis], taken)
        return data.with_dim(axis, dim).with_notes(notes)
    notes = [Note(Kind.POSITION, atom.track.axis, "elements are picked by their place") for atom in data.dims[axis] if atom.track]
    if indices.from_image:
        notes += [Note(Kind.UNKNOWN, a, "elements are picked by an index computed from the image") for a in indices.image_axes()]
    dims = (*data.dims[:axis], *indices.dims, *data.dims[axis + 1 :])
    return Tensor(dims, from_image=data.from_image, notes=frozenset(notes))


def _progression(index: NDArray[Any], size: int) -> range | None:
    """`index` as a rising range of steps of equal length; None if it is none."""
    wrapped = [int(i) % size if size else 0 for i in index]
    if len(wrapped) < 2:
        return range(wrapped[0], wrapped[0] + 1) if wrapped else None
    step = wrapped[1] - wrapped[0]
    rising = range(wrapped[0], wrapped[-1] + 1, step) if step > 0 else None
    return rising if rising is not None and list(rising) == wrapped else None
