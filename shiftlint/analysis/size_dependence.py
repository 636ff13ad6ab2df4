"""Numbered programs: whether a network computes the same thing at two choices of sizes.

A contract found at one size holds at another iff the network is the same local function there.
Therefore every tensor gets the number of its program:

    number(result) = N[operator and attributes, numbers of the operands,
                       what its subgraphs gave, geometry of the result]

where N gives equal numbers to equal keys only (global value numbering, as in compilers). The
geometry of a tensor is the relation, border and offset of every axis that follows the image, and
the size of every axis that does not. By default everything is part of the key; tensors computed
from sizes, by value. A transfer function declares what to omit (`shiftlint.ops.registry.numbered`):
operands that say where elements go, because the geometry shows their effect; and, in element-wise
operators, how often equal elements are repeated along an axis.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from shiftlint.calculus.tensor import Atom, Dim, Tensor
from shiftlint.onnx_file.constants import Elements, once
from shiftlint.ops.broadcasting import deviating_ends

if TYPE_CHECKING:
    from numpy.typing import NDArray

Sizes = Mapping[int, int]  # px of the image by axis


class Key(NamedTuple):
    """The key of one result of one node; two programs are the same iff their keys are equal.

    Attributes
    ----------
    call : int
        Operator and attributes.
    operands : tuple
        One entry per input: a number, a value, or None if it is absent or not part of the key.
    besides : hashable
        The effect of operands outside the key on axes that do not follow the image.
    bodies : tuple
        Operands and results of the subgraphs that were run.
    result : int
        Which output of the node.
    geometry : tuple
        Geometry of the result, one entry per dimension.
    """

    call: Hashable
    operands: tuple[Hashable, ...]
    besides: Hashable
    bodies: tuple[Hashable, ...]
    result: tuple[int, Hashable]
    geometry: tuple[Hashable, ...]


class Numbering:
    """Numbers for keys: equal ones for equal keys."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._keys: list[Hashable] = [None]

    def number(self, key: Hashable) -> int:
        """The number of a key; a new number for a new key."""
        number = self._numbers.setdefault(key, len(self._keys))
        if number == len(self._keys):
            self._keys.append(key)
        return number

    def key(self, number: Hashable) -> Hashable:
        """The key with this number; None for anything else."""
        return self._keys[number] if isinstance(number, int) else None


def operand(x: Tensor | None, *, elementwise: bool = False) -> Hashable:
    """The contribution of an input to a key.

    Parameters
    ----------
    x : Tensor, optional
    elementwise : bool
        Ignore how often equal elements are repeated along an axis.
    """
    if x is None:
        return None
    if x.program is not None:
        return (
            x.program if elementwise or not isinstance(x.program, int) else (x.program, _repeats(x))
        )
    if x.elements is None:
        return (x.shape, x.dims)
    return _value(x.elements, elementwise=elementwise)


def geometry(x: Tensor, sizes: Sizes) -> tuple[Hashable, ...]:
    """How each dimension of a tensor follows an image of these `sizes`.

    Equal elements count only if they are merged with others: their number then determines where
    the others are.
    """
    return tuple([_atom(dim[0], sizes) if len(dim) == 1 else _merged(dim, sizes) for dim in x.dims])


def _merged(dim: Dim, sizes: Sizes) -> tuple[Hashable, ...]:
    if all(atom.uniform for atom in dim):
        return tuple([_atom(atom, sizes) for atom in dim])
    return tuple(
        [atom.size if atom.uniform and atom.track is None else _atom(atom, sizes) for atom in dim]
    )


def _atom(atom: Atom, sizes: Sizes) -> Hashable:
    track = atom.track
    if track is None:
        return None if atom.uniform else atom.size
    relation, image, first = track.relation, sizes[track.axis], track.relation.reads[0]
    if first is not None:  # a piece at one end, such as what a roll wraps, counts from that end
        if 2 * first[0] > image:
            reads = tuple([read and (read[0] - image, read[1] - image) for read in relation.reads])
            return track.axis, relation.period, reads, track.border, atom.size
        if 2 * (first[1] + 1 + (atom.size - 1) * relation.period // relation.step) < image:
            return track.axis, relation, track.border, atom.size, "near"
    return track.axis, relation, track.border, image * relation.step - atom.size * relation.period


def _repeats(x: Tensor) -> tuple[int, ...]:
    """How often equal elements are repeated along each axis."""
    return tuple(
        [atom.size for dim in x.dims for atom in dim if atom.uniform and atom.track is None]
    )


def _value(elements: Elements, *, elementwise: bool) -> Hashable:
    if elements.size == 1:
        return elements.dtype, elements.shape, elements.encoded()
    array = once(elements.array())
    if not elementwise:
        return elements.dtype, elements.shape, array.shape, array.tobytes()
    ends = []
    for axis in range(array.ndim):
        array, found = _shortened(array, axis)
        ends.append(found)
    return elements.dtype, tuple(ends), array.tobytes()


def _shortened(array: NDArray[Any], axis: int) -> tuple[NDArray[Any], Any]:
    """The array with equal slices along an axis merged, and the number of slices at each end."""
    count = array.shape[axis]
    ends = deviating_ends(array, axis)
    if ends is None or count == 0:
        return array, count
    before, after = ends
    kept = [*range(before + 1), *range(count - after, count)]
    return array.take(kept, axis), ends
