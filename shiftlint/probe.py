"""One network at chosen input sizes: what its outputs then do, axis by axis."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import lcm

from shiftlint.axes import Kind, Note, SizeError, Tensor, Track, dim_of, dim_size, plain
from shiftlint.interpreter import Call, Program, Values, fold, interpret, trace
from shiftlint.nodes import Graph, Value
from shiftlint.paddings import Paddings
from shiftlint.relation import Relation, at_least

BATCH_AXIS = 0


@dataclass(frozen=True, slots=True)
class AxisBehavior:
    """What one output axis does at one input size.

    Attributes
    ----------
    output_axis : int
    relation : Relation
        To the image axis; its period is a multiple of that of every global dependence.
    border, padding, bitwise
        As in `Track`.
    offset : Fraction
        scale · input size - output size.
    output_size : int
    notes : frozenset of Note
        Those of this image axis.
    """

    output_axis: int
    relation: Relation
    border: tuple[int, int]
    padding: Paddings
    bitwise: bool
    offset: Fraction
    output_size: int
    notes: frozenset[Note]

    @property
    def periodic(self) -> bool:
        """Whether a period holds at this size."""
        return all(note.kind in (Kind.GLOBAL, Kind.SIZE) for note in self.notes)

    def same_class(self, other: AxisBehavior) -> bool:
        """Whether both sizes obey one contract; borders of a small output are cut short by its size."""
        fits = all(a == b or a == self.output_size < b for a, b in zip(self.border, other.border, strict=True))
        return fits and (self.output_axis, self.relation, self.offset, self.bitwise, self.kinds, self.values) == (
            other.output_axis,
            other.relation,
            other.offset,
            other.bitwise,
            other.kinds,
            other.values,
        )

    @property
    def kinds(self) -> frozenset[Kind]:
        return frozenset(note.kind for note in self.notes)

    @property
    def values(self) -> frozenset[Note]:
        """The values, computed from the input's size, that the output depends on."""
        return frozenset(note for note in self.notes if note.kind is Kind.SIZE)


@dataclass(frozen=True, slots=True)
class Behavior:
    """All outputs at one choice of sizes: tensors by name, and behavior by (output, image axis)."""

    outputs: dict[str, Tensor]
    axes: dict[tuple[str, int], AxisBehavior]


@dataclass(slots=True)
class Probe:
    """A network that can be asked for its behavior at any sizes; answers are kept.

    Attributes
    ----------
    image : Value
        The image input.
    axes : tuple of int
        Its spatial dimensions.
    channels : int
        What is put in for a dynamic dimension that is neither batch nor space.
    """

    graph: Graph
    image: Value
    axes: tuple[int, ...]
    channels: int = 1
    _program: Program = field(init=False)
    _known: dict[tuple[int, ...], Behavior | str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._program = fold(self.graph)

    @property
    def static(self) -> tuple[int | None, ...]:
        """The fixed sizes of the spatial axes; None where one is dynamic."""
        sizes = (self.image.shape[axis] for axis in self.axes)
        return tuple(n if isinstance(n, int) else None for n in sizes)

    @property
    def calls(self) -> tuple[Call, ...]:
        """The nodes that depend on the image or its size."""
        return self._program.calls

    @property
    def constants(self) -> Values:
        """The values that do not."""
        return self._program.constants

    def diagonal(self, size: int, base: tuple[int, ...]) -> tuple[int, ...]:
        """`size` along all axes that are as long as each other in `base` and dynamic: one look answers for all of them."""
        if len(set(base)) > 1:
            return ()
        return tuple(size if fixed is None else fixed for fixed in self.static)

    def alike(self, base: tuple[int, ...]) -> bool:
        """Whether all spatial axes are dynamic, as long as each other in `base`, and do the same there in every output."""
        if len(set(base)) > 1 or any(fixed is not None for fixed in self.static):
            return False
        behavior = self.at(base).axes
        for value in self.graph.outputs:
            first, *others = (behavior.get((value.name, axis)) for axis in self.axes)
            if first is None or any(
                one is None or not first.same_class(replace(one, output_axis=first.output_axis)) for one in others
            ):
                return False
        return True

    def at(self, sizes: tuple[int, ...]) -> Behavior:
        """The behavior at `sizes` px along the spatial axes; SizeError where the network does not run."""
        if sizes not in self._known:
            try:
                outputs = interpret(self._program, self._inputs(self._input(sizes)))
                self._known[sizes] = Behavior(outputs, _behavior(outputs, dict(zip(self.axes, sizes, strict=True))))
            except SizeError as error:
                self._known[sizes] = str(error)
        known = self._known[sizes]
        if isinstance(known, str):
            raise SizeError(known)
        return known

    def tensors(self, sizes: tuple[int, ...]) -> Values:
        """All tensors of the graph at `sizes`, by name; SizeError where the network does not run."""
        return trace(self._program, self._inputs(self._input(sizes)))

    def legal(self, sizes: tuple[int, ...]) -> bool:
        """Whether the network runs at `sizes` and gives at least one px."""
        if not sizes:
            return False
        try:
            behavior = self.at(sizes)
        except SizeError:
            return False
        return all(axis.output_size > 0 for axis in behavior.axes.values())

    def batch(self, sizes: tuple[int, ...]) -> str:
        """ "independent", "fixed" or "mixed": whether samples of a batch may be exchanged freely."""
        if isinstance(self.image.shape[0], int):
            return "fixed"
        image = self._input(sizes).with_dim(BATCH_AXIS, dim_of(2, Track(BATCH_AXIS)))
        try:
            outputs = interpret(self._program, self._inputs(image))
        except SizeError:
            return "fixed"
        return "independent" if all(_per_sample(t) for t in outputs.values()) else "mixed"

    def _input(self, sizes: tuple[int, ...]) -> Tensor:
        chosen = dict(zip(self.axes, sizes, strict=True))
        dims = [
            dim_of(chosen[i], Track(i)) if i in chosen else dim_of(n if isinstance(n, int) else self.channels if i else 1)
            for i, n in enumerate(self.image.shape)
        ]
        return Tensor(tuple(dims), from_image=True)

    def _inputs(self, image: Tensor) -> dict[str, Tensor]:
        """The image, and every other input as a tensor that does not depend on it; sizes of the same name are the same."""
        named = {n: size for n, size in zip(self.image.shape, image.shape, strict=True) if isinstance(n, str)}
        inputs = {self.image.name: image}
        for value in self.graph.inputs:
            if value.name != self.image.name:
                inputs[value.name] = plain(*(n if isinstance(n, int) else named.get(n, 1) for n in value.shape))
        return inputs


def _per_sample(output: Tensor) -> bool:
    """Whether dimension 0 still is the batch, and nothing else depends on it."""
    if output.opaque or not output.dims or any(note.axis == BATCH_AXIS for note in output.notes):
        return False
    first, *others = output.dims
    own = len(first) == 1 and first[0].track == Track(BATCH_AXIS)
    return own and not any(a.track and a.track.axis == BATCH_AXIS for dim in others for a in dim)


def _behavior(outputs: dict[str, Tensor], sizes: dict[int, int]) -> dict[tuple[str, int], AxisBehavior]:
    result = {}
    for name, tensor in outputs.items():
        for axis, size in sizes.items():
            found = [
                (index, dim[0].track)
                for index, dim in enumerate(tensor.dims)
                if len(dim) == 1 and dim[0].track and dim[0].track.axis == axis
            ]
            notes = frozenset(note for note in tensor.notes if note.axis == axis)
            if len(found) == 1:
                result[name, axis] = _axis_behavior(*found[0], dim_size(tensor.dims[found[0][0]]), size, notes)
    return result


def _axis_behavior(index: int, track: Track, output_size: int, size: int, notes: frozenset[Note]) -> AxisBehavior:
    relation = track.relation
    if notes:
        relation = at_least(relation, lcm(*(note.period for note in notes)))
    offset = relation.scale * size - output_size
    return AxisBehavior(index, relation, track.border, track.padding, track.bitwise, offset, output_size, notes)
