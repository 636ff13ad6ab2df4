"""What the analyzer knows of a tensor: its sizes, and per axis how it follows the image.

A tensor has dimensions; a dimension is a product of *atoms*, from outer to inner. This makes
Reshape and Transpose exact (pixel shuffle, window partition, flattening). An atom either follows
one axis of the image (`Track`) or is plain: channels, heads, the inside of a block. `Note`s record
per image axis what atoms cannot express.

An element of a tracked atom is *clean* iff its window in its own input tensor contains only clean
elements and does not leave that tensor. `border` counts, from each end, up to the last element that
is not clean. It does not follow from the final windows: after a crop, a padded convolution reads
inside the image and still mixes in its own zeros. On a shorter axis the count goes beyond its end,
which makes it independent of the size.
"""

from __future__ import annotations

import struct
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from shiftlint.calculus.note import Facts, Kind, Note, Reason, SizeError, Unsupported
from shiftlint.calculus.track import Track
from shiftlint.onnx_file.constants import FORMATS, LARGEST_SIZE, Constant, Elements

if TYPE_CHECKING:
    from numpy.typing import NDArray


BATCH_AXIS = 0


class Rounding(StrEnum):
    """What the last bits of an operator depend on, besides its values."""

    PLACE = "place"
    BATCH = "batch"


class Atom(NamedTuple):
    """A factor of a dimension: its size and, unless it is plain, the image axis that it follows.

    If the elements along a plain atom are known to be equal (`uniform`), it may meet an axis of the
    image anywhere.
    """

    size: int
    track: Track | None = None
    uniform: bool = False


Dim = tuple[Atom, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """An abstract value.

    Attributes
    ----------
    dims : tuple of Dim
        The size of a dimension is the product of its atoms' sizes; a dimension without atoms has
        size 1.
    elements : Elements, optional
        Known if they do not depend on the image: shapes, indices, scales.
    from_image : bool
        Whether the elements depend on the image.
    notes : frozenset of Note
    upsampling : frozenset of {"fixed", "learned"}
        Kinds of upsampling between the image and this tensor.
    opaque : bool
        Not even the sizes are known; `dims` is empty, and the notes say why.
    blocked : bool
        In memory a block of channels is innermost (onnxruntime's NCHWc); only Reshape depends on
        this.
    program : hashable, optional
        The program that computed it (see `shiftlint.analysis.size_dependence`); None if it was
        computed from sizes: then `elements` identify it.
    """

    dims: tuple[Dim, ...]
    elements: Elements | None = None
    from_image: bool = False
    notes: frozenset[Note] = frozenset()
    upsampling: frozenset[str] = frozenset()
    opaque: bool = False
    blocked: bool = False
    program: Hashable = None

    @property
    def value(self) -> NDArray[Any] | None:
        """The elements as an array, which must not be written to; None if unknown."""
        return None if self.elements is None else self.elements.array()

    def number(self) -> Any:
        """The only element; None if it is unknown or there are more."""
        return (
            self.elements.numbers()[0]
            if self.elements is not None and self.elements.size == 1
            else None
        )

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(
            [dim[0].size if len(dim) == 1 else dim_size(dim) if dim else 1 for dim in self.dims]
        )

    @property
    def rank(self) -> int:
        return len(self.dims)

    def tracks(self) -> tuple[Track, ...]:
        """All tracks of all dimensions."""
        return tuple([atom.track for dim in self.dims for atom in dim if atom.track])

    def image_axes(self) -> frozenset[int]:
        """The image axes that this tensor depends on, through tracks or notes."""
        return frozenset(track.axis for track in self.tracks()) | {note.axis for note in self.notes}

    def with_dim(self, index: int, dim: Dim) -> Tensor:
        """The same tensor with one dimension replaced and its elements unknown."""
        dims = (
            (*self.dims[:index], dim, *self.dims[index + 1 :])
            if index >= 0
            else self.with_dim(index + self.rank, dim).dims
        )
        return replace(self, dims=dims, elements=None)

    def with_notes(self, notes: Iterable[Note]) -> Tensor:
        """The same tensor with `notes` added."""
        added = self.notes.union(notes)
        return self if added == self.notes else replace(self, notes=added)


Parameter = Tensor
"""Annotates an input that must be constant: a node that computes it from the image is not analyzed.
"""


def rounded(x: Tensor, rounding: Rounding) -> Tensor:
    """The same tensor, but its last bits depend on the position or on the batch size."""
    axes = {BATCH_AXIS} if rounding is Rounding.BATCH else {track.axis for track in x.tracks()}
    dims = [
        tuple(
            [
                a._replace(track=a.track.by_place()) if a.track and a.track.axis in axes else a
                for a in dim
            ]
        )
        for dim in x.dims
    ]
    return replace(x, dims=tuple(dims))


def with_program(x: Tensor, program: Hashable) -> Tensor:
    """The same tensor, computed by `program`."""
    return Tensor(
        x.dims, x.elements, x.from_image, x.notes, x.upsampling, x.opaque, x.blocked, program
    )


def plain(*sizes: int, uniform: bool = False, program: Hashable = None) -> Tensor:
    """A tensor of these sizes that does not depend on the image."""
    return Tensor(tuple(dim_of(size, uniform=uniform) for size in sizes), program=program)


def derived(
    dims: Iterable[Dim],
    *sources: Tensor | None,
    notes: Iterable[Note] = (),
    upsampling: frozenset[str] = frozenset(),
    blocked: bool = False,
) -> Tensor:
    """A tensor that is computed from `sources` and inherits their notes."""
    present = [source for source in sources if source is not None]
    return Tensor(
        tuple(dims),
        from_image=any(source.from_image for source in present),
        notes=frozenset(notes).union(*[source.notes for source in present]),
        upsampling=upsampling.union(*[source.upsampling for source in present]),
        blocked=blocked,
    )


def opaque(sources: Iterable[Tensor], reason: Reason, facts: Facts = ()) -> Tensor:
    """A tensor of which only the sources are known."""
    sources = tuple(sources)
    notes = {note for source in sources for note in source.notes}
    notes |= {
        Note(Kind.UNKNOWN, axis, reason, facts=facts)
        for source in sources
        for axis in source.image_axes()
    }
    return Tensor(
        (), from_image=any(s.from_image for s in sources), notes=frozenset(notes), opaque=True
    )


def constant(values: Sequence[Any] | float, dtype: str = "int64") -> Tensor:
    """A tensor of these numbers: a list, or a single number without axes."""
    if not isinstance(values, Sequence):
        return stored(Elements((), dtype, struct.pack(f"<{FORMATS[dtype]}", values)))
    return stored(
        Elements((len(values),), dtype, struct.pack(f"<{len(values)}{FORMATS[dtype]}", *values))
    )


def computed(array: NDArray[Any]) -> Tensor:
    """A tensor of an array's elements."""
    return stored(Elements(array.shape, array.dtype.name, array))


def stored(elements: Elements, program: Hashable = None) -> Tensor:
    """A tensor of these elements."""
    return Tensor(tuple(dim_of(size) for size in elements.shape), elements, program=program)


def tensor_of(value: Constant) -> Tensor:
    """A constant of a file; its name and number identify its program."""
    return Tensor(
        tuple(dim_of(size) for size in value.shape),
        value.elements,
        program=(value.name, value.number),
    )


def dim_of(size: int, track: Track | None = None, *, uniform: bool = False) -> Dim:
    """A dimension of one atom, or of no atom if it is plain and of size 1."""
    if size < 0:
        raise SizeError(f"negative size {size}")
    if size > LARGEST_SIZE:
        raise SizeError(f"a size of {size}")
    return (Atom(size, track, uniform),) if track or size != 1 else ()


def released(dim: Dim, reason: Reason) -> list[Note]:
    """Notes for a dimension that loses its one element: global for a whole axis, or positional."""
    notes = []
    for track in (atom.track for atom in dim if atom.track):
        kind = Kind.GLOBAL if track.whole else Kind.POSITION
        notes.append(
            Note(kind, track.axis, Reason.AVERAGE if track.whole else reason, track.whole or 1)
        )
    return notes


def dim_size(dim: Dim) -> int:
    """The product of the atoms' sizes."""
    if len(dim) == 1:
        return dim[0].size
    return prod([atom.size for atom in dim]) if dim else 1


def single_track(dim: Dim) -> Track | None:
    """The track of a dimension of one atom; None if plain; Unsupported if it merges axes."""
    if len(dim) == 1:
        return dim[0].track
    if any(atom.track for atom in dim):
        raise Unsupported(Reason.LOCAL_OVER_MERGED)
    return None


def spoil(dim: Dim, kind: Kind, reason: Reason, **facts: Any) -> tuple[Dim, list[Note]]:
    """Drop the tracks of a dimension: the same size, and a note per image axis that it followed."""
    known = tuple(facts.items())
    notes = [
        Note(kind, atom.track.axis, reason, atom.track.relation.period, facts=known)
        for atom in dim
        if atom.track
    ]
    return dim_of(dim_size(dim)), notes


def follows(dim: Dim) -> bool:
    """Whether any part of a dimension follows the image."""
    return any(atom.track for atom in dim)


def is_uniform(dim: Dim) -> bool:
    """Whether all elements along a dimension are known to be equal."""
    return all(atom.uniform or (atom.size == 1 and not atom.track) for atom in dim)
