"""Broadcasting: tensors combined element by element, dimension by dimension and atom by atom.

A tensor of known elements (a mask, a position embedding, a scale) is checked along every image axis
that it is combined with. If it does not vary, it is harmless. If it varies only near the ends,
these are border (the baked mask of shifted window attention). Otherwise the result depends on
position.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shiftlint.calculus.combine import combine_dims
from shiftlint.calculus.note import Kind, Note, Reason, SizeError
from shiftlint.calculus.tensor import Atom, Dim, Tensor, derived, dim_of, dim_size, released
from shiftlint.calculus.track import Track
from shiftlint.lazy_numpy import np
from shiftlint.onnx_file.constants import once

if TYPE_CHECKING:
    from numpy.typing import NDArray


def broadcast(*tensors: Tensor) -> Tensor:
    """NumPy broadcasting of tensors that are combined element by element.

    Raises
    ------
    SizeError
        Sizes differ and neither is 1.
    """
    shapes = [t.shape for t in tensors]
    rank = max(map(len, shapes), default=0)
    sizes = [
        _broadcast_size([shape[i] for shape in shapes if len(shape) >= -i]) for i in range(-rank, 0)
    ]
    known = [t for t in tensors if t.elements is not None and t.elements.size > 1]
    others = [t for t in tensors if t.elements is None]
    dims: list[Dim] = []
    notes: list[Note] = []
    for index in range(-rank, 0):
        dim, more = _meet([t for t in others if t.rank >= -index], index, sizes[index])
        dims.append(dim)
        notes += more
    for t in known:
        dims, more = with_values(dims, t.value)  # type: ignore[arg-type]
        notes += more
    blocked = any(t.blocked for t in tensors)
    return derived(dims, *tensors, notes=notes, blocked=blocked)


def spread_over(x: Tensor, *parameters: Tensor | None) -> Tensor:
    """Broadcast `parameters` to the shape of `x`; None is skipped.

    Raises
    ------
    SizeError
        A parameter has more elements along an axis, or more axes.
    """
    given = [t for t in parameters if t is not None]
    result = broadcast(x, *given) if given else x
    if result.shape != x.shape:
        raise SizeError(
            f"parameters of shape {' and '.join(str(t.shape) for t in given)} do not fit {x.shape}"
        )
    return result


def along(parameter: Tensor, rest: int) -> Tensor:
    """A vector (one number per channel or row) followed by `rest` dimensions of size 1."""
    base = forgotten(parameter)
    return replace(base, dims=(*base.dims, *((),) * rest))


def with_values(dims: list[Dim], value: NDArray[Any]) -> tuple[list[Dim], list[Note]]:
    """Dimensions combined with an array of known elements: variation becomes border or a note."""
    shape: list[int] = []
    lead = len(dims) - value.ndim
    for index, dim in enumerate(dims):
        own = value.shape[index - lead] if index >= lead else 1
        shape += [atom.size for atom in dim] if own == dim_size(dim) else [1] * len(dim)
    array = value.reshape(shape)
    result: list[Dim] = []
    notes: list[Note] = []
    position = 0
    for dim in dims:
        atoms: list[Atom] = []
        for atom in dim:
            atom, note = _held_against(atom, array, position)
            atoms.append(atom)
            notes += note
            position += 1
        result.append(tuple(atoms))
    return result, notes


def _held_against(atom: Atom, array: NDArray[Any], axis: int) -> tuple[Atom, list[Note]]:
    """One atom combined with axis `axis` of `array`."""
    if array.shape[axis] == 1 or (atom.track is None and not atom.uniform):
        return atom, []
    ends = deviating_ends(array, axis)
    if ends == (0, 0):
        return atom, []
    if atom.track is None:
        return atom._replace(uniform=False), []
    if ends is None:
        return atom, [Note(Kind.POSITION, atom.track.axis, Reason.VARIES)]
    return atom._replace(track=_bordered(atom.track, ends)), []


def _bordered(track: Track, ends: tuple[int, int]) -> Track:
    border = (max(track.border[0], ends[0]), max(track.border[1], ends[1]))
    return track._replace(border=border, padding=track.padding.also("baked"), whole=0)


def deviating_ends(array: NDArray[Any], axis: int) -> tuple[int, int] | None:
    """How many slices at either end of an axis differ from the equal ones in between.

    None if no run of equal slices covers more than half of the axis.
    """
    count = array.shape[axis]
    if count < 2 or array.strides[axis] == 0:
        return 0, 0
    rows = np.moveaxis(once(array), axis, 0).reshape(count, -1)
    same = (rows[1:] == rows[:-1]).all(axis=1)
    if same.all():
        return 0, 0
    # runs of equal slices are between breaks
    breaks = [-1, *np.flatnonzero(~same).tolist(), count - 1]
    first, last = max(
        ((a + 1, b) for a, b in itertools.pairwise(breaks)), key=lambda run: run[1] - run[0]
    )
    return (first, count - 1 - last) if 2 * (last - first + 1) > count else None


def forgotten(x: Tensor) -> Tensor:
    """The same axes with unknown elements; axes of equal elements stay marked as uniform."""
    array = x.value
    if array is None:
        return x
    dims = tuple(
        dim_of(n, uniform=n > 1 and deviating_ends(array, i) == (0, 0))
        for i, n in enumerate(x.shape)
    )
    return replace(x, dims=dims, elements=None)


def _broadcast_size(sizes: list[int]) -> int:
    large = {n for n in sizes if n != 1}
    if len(large) > 1:
        raise SizeError(f"sizes {' and '.join(map(str, sizes))} do not fit")
    return large.pop() if large else 1


def _meet(tensors: list[Tensor], index: int, size: int) -> tuple[Dim, list[Note]]:
    """Combine one dimension of tensors with unknown elements; size 1 is broadcast."""
    result: Dim | None = None
    notes: list[Note] = []
    for t in tensors:
        dim = t.dims[index]
        if dim_size(dim) != size:
            notes += released(dim, Reason.SPREAD)
            continue
        if result is None:
            result = dim
        else:
            result, more = combine_dims(result, dim)
            notes += more
    return dim_of(size, uniform=size > 1) if result is None else result, notes
