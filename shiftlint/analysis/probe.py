"""Probe one network at chosen input sizes: the behavior of its outputs, axis by axis."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import lcm

from shiftlint.analysis.interpreter import Call, Program, Values, fold, interpret, trace
from shiftlint.analysis.rounding import long_product_px
from shiftlint.analysis.size_dependence import operand
from shiftlint.calculus.note import EVERY, Kind, Note, SizeError
from shiftlint.calculus.padding_set import Paddings
from shiftlint.calculus.relation import Relation, at_least
from shiftlint.calculus.tensor import BATCH_AXIS, Tensor, dim_of, dim_size, plain
from shiftlint.calculus.track import Track
from shiftlint.contract.values import Inexact
from shiftlint.onnx_file.graph import Graph, Node, Value, needed


@dataclass(frozen=True, slots=True)
class AxisBehavior:
    """The behavior of one output axis at one input size.

    Attributes
    ----------
    output_axis : int
    relation : Relation
        To the image axis; its period is a multiple of that of every global dependence.
    border, padding, rounding
        As in `Track`.
    offset : Fraction
        scale · input size - output size.
    output_size : int
    notes : frozenset of Note
        The notes on this image axis.
    program : hashable
        The program of the whole output (see `shiftlint.analysis.size_dependence`).
    """

    output_axis: int
    relation: Relation
    border: tuple[int, int]
    padding: Paddings
    rounding: Inexact
    offset: Fraction
    output_size: int
    notes: frozenset[Note]
    program: Hashable

    @property
    def periodic(self) -> bool:
        """Whether a period holds at this size."""
        return all(note.kind is Kind.GLOBAL for note in self.notes)

    @property
    def clipped_border(self) -> tuple[int, int]:
        """The border, limited to the size of the output."""
        return min(self.border[0], self.output_size), min(self.border[1], self.output_size)

    def same_class(self, other: AxisBehavior) -> bool:
        """Whether both sizes obey one contract."""
        return (
            self.output_axis,
            self.relation,
            self.border,
            self.offset,
            self.rounding,
            self.kinds,
        ) == (
            other.output_axis,
            other.relation,
            other.border,
            other.offset,
            other.rounding,
            other.kinds,
        )

    def repeats(self, other: AxisBehavior) -> bool:
        """Whether the network is the same local function at both sizes."""
        return self.program == other.program and self.same_class(other)

    @property
    def kinds(self) -> frozenset[Kind]:
        return frozenset(note.kind for note in self.notes)


@dataclass(frozen=True, slots=True)
class Behavior:
    """All outputs at one choice of sizes: tensors by name, and behavior by (output, image axis)."""

    outputs: dict[str, Tensor]
    axes: dict[tuple[str, int], AxisBehavior]


@dataclass(frozen=True, slots=True)
class Difference:
    """A node whose result has another program at other sizes.

    Attributes
    ----------
    node : Node
    before, after : Key or None
        The keys of its result at the first and second sizes.
    operands : tuple of (name, tensor, tensor)
        Its inputs at both sizes, followed by the names that its subgraphs use.
    results : (tensor, tensor)
        Its results at both sizes.
    paths : mapping of str to tuple of Node
        By name of a differing operand that is computed from the size: the nodes from the size to
        it, in order.
    """

    node: Node
    before: Hashable
    after: Hashable
    operands: tuple[tuple[str, Tensor | None, Tensor | None], ...]
    results: tuple[Tensor, Tensor]
    paths: Mapping[str, tuple[Node, ...]]


@dataclass(slots=True)
class Probe:
    """A network whose behavior can be queried at any sizes; results are cached.

    Attributes
    ----------
    image : Value
        The image input.
    axes : tuple of int
        Its spatial dimensions.
    channels : int
        Size of a dynamic dimension that is neither batch nor space.
    """

    graph: Graph
    image: Value
    axes: tuple[int, ...]
    channels: int = 1
    _program: Program = field(init=False)
    _known: dict[tuple[tuple[int, ...], int | None], Behavior | str] = field(
        init=False, default_factory=dict
    )
    _traced: dict[tuple[int, ...], Values] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._program = fold(self.graph)

    def taking(self, channels: int) -> Probe:
        """The same network with another number of channels."""
        other = copy(self)
        other.channels, other._known, other._traced = channels, {}, {}
        return other

    @property
    def static(self) -> tuple[int | None, ...]:
        """The fixed sizes of the spatial axes; None for a dynamic size."""
        sizes = (self.image.shape[axis] for axis in self.axes)
        return tuple(n if isinstance(n, int) else None for n in sizes)

    @property
    def calls(self) -> tuple[Call, ...]:
        """The nodes that depend on the image or its size."""
        return self._program.calls

    @property
    def constants(self) -> Values:
        """The values that depend on neither."""
        return self._program.constants

    def diagonal(self, size: int, base: tuple[int, ...]) -> tuple[int, ...]:
        """`size` along all dynamic axes if all are equal in `base`, else (): one query for all."""
        if len(set(base)) > 1:
            return ()
        return tuple(size if fixed is None else fixed for fixed in self.static)

    def alike(self, base: tuple[int, ...]) -> bool:
        """Whether all spatial axes are dynamic, equal in `base`, and alike in every output."""
        if len(set(base)) > 1 or any(fixed is not None for fixed in self.static):
            return False
        behavior = self.at(base).axes
        for value in self.graph.outputs:
            first, *others = (behavior.get((value.name, axis)) for axis in self.axes)
            if first is None or any(
                one is None or not first.same_class(replace(one, output_axis=first.output_axis))
                for one in others
            ):
                return False
        return True

    def at(self, sizes: tuple[int, ...], batch: int | None = None) -> Behavior:
        """The behavior at `sizes` px along the spatial axes; SizeError if the network does not run.

        With `batch` images, their axis is followed, too; default: one image.
        """
        if (sizes, batch) not in self._known:
            try:
                outputs = interpret(self._program, self._inputs(self._input(sizes, batch)))
                self._known[sizes, batch] = Behavior(
                    outputs, _behavior(outputs, dict(zip(self.axes, sizes, strict=True)))
                )
            except SizeError as error:
                self._known[sizes, batch] = str(error)
        known = self._known[sizes, batch]
        if isinstance(known, str):
            raise SizeError(known)
        return known

    def difference(
        self, output: str, first: tuple[int, ...], second: tuple[int, ...]
    ) -> Difference | None:
        """The first node before `output` whose result has another program at the `second` sizes.

        Raises
        ------
        SizeError
            The network does not run at one of the sizes.
        """
        one, two = self.tensors(first), self.tensors(second)
        for node in needed([call.node for call in self.calls], [output]):
            for name in node.outputs:
                if name in one and (one[name].from_image or two[name].from_image):
                    before, after = operand(one[name]), operand(two[name])
                    if before != after:
                        key = self._program.numbering.key
                        operands = tuple(
                            (n, one.get(n), two.get(n))
                            for n in (*node.inputs, *sorted(node.captured))
                        )
                        paths = {n: self._path(n, one, two) for n in _steering(node, one, two)}
                        return Difference(
                            node,
                            key(one[name].program),
                            key(two[name].program),
                            operands,
                            (one[name], two[name]),
                            paths,
                        )
        return None

    def _path(self, name: str, one: Values, two: Values) -> tuple[Node, ...]:
        """The nodes from a size to a differing tensor that is computed from it; the first path."""
        makers = {made: call.node for call in self.calls for made in call.node.outputs}
        path: list[Node] = []
        while name in makers:
            path.append(makers[name])
            name = next(iter(_steering(path[-1], one, two)), "")
        return tuple(reversed(path))

    def tensors(self, sizes: tuple[int, ...]) -> Values:
        """All tensors of the graph at `sizes`, by name; SizeError if the network does not run."""
        if sizes not in self._traced:
            self._traced[sizes] = trace(self._program, self._inputs(self._input(sizes)))
        return self._traced[sizes]

    def small_layers(self, sizes: tuple[int, ...]) -> Iterator[tuple[Node, int]]:
        """The nodes whose order of summation may depend on their px, and these px.

        Raises
        ------
        SizeError
            The network does not run at these sizes.
        """
        tensors = self.tensors(sizes)
        for call in self.calls:
            inputs = [tensors.get(name) for name in call.node.inputs]
            px = long_product_px(call.node, inputs, tensors[call.node.outputs[0]])
            if px is not None:
                yield call.node, px

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
        """Whether samples of a batch are independent: "independent", "fixed" or "mixed"."""
        if isinstance(self.image.shape[0], int):
            return "fixed"
        try:
            return "independent" if self.independent(sizes, 2) else "mixed"
        except SizeError:
            return "fixed"

    def independent(self, sizes: tuple[int, ...], batch: int) -> bool:
        """Whether `batch` images are computed like single images; SizeError if they do not run."""
        alone, together = self.at(sizes, 1).outputs, self.at(sizes, batch).outputs
        return all(
            _per_sample(t) and operand(t) == operand(alone[name]) for name, t in together.items()
        )

    def _input(self, sizes: tuple[int, ...], batch: int | None = None) -> Tensor:
        chosen = dict(zip(self.axes, sizes, strict=True)) | (
            {} if batch is None else {BATCH_AXIS: batch}
        )
        dims = [
            dim_of(chosen[i], Track(i))
            if i in chosen
            else dim_of(n if isinstance(n, int) else self.channels if i else 1)
            for i, n in enumerate(self.image.shape)
        ]
        return Tensor(tuple(dims), from_image=True, program=("image", self.image.name))

    def _inputs(self, image: Tensor) -> dict[str, Tensor]:
        """The image, and every other input as a tensor that does not depend on it.

        Sizes of the same name are equal; others are those of the image if the input has as many
        dimensions, else 1.
        """
        named = {
            n: size
            for n, size in zip(self.image.shape, image.shape, strict=True)
            if isinstance(n, str)
        }
        inputs = {self.image.name: image}
        for value in self.graph.inputs:
            if value.name != self.image.name:
                like = image.shape if len(value.shape) == image.rank else ()
                sizes = [
                    n if isinstance(n, int) else named.get(n, like[i] if like else 1)
                    for i, n in enumerate(value.shape)
                ]
                inputs[value.name] = plain(*sizes, program=("input", value.name))
        return inputs


def _steering(node: Node, one: Values, two: Values) -> list[str]:
    """The operands of a node that are computed from sizes and differ."""
    names = (name for name in (*node.inputs, *sorted(node.captured)) if name in one and name in two)
    return [
        name
        for name in names
        if not one[name].from_image and operand(one[name]) != operand(two[name])
    ]


def _per_sample(output: Tensor) -> bool:
    """Whether dimension 0 is still the batch, and nothing else depends on it."""
    if (
        output.opaque
        or not output.dims
        or any(note.axis in (BATCH_AXIS, EVERY) for note in output.notes)
    ):
        return False
    first, *others = output.dims
    own = len(first) == 1 and first[0].track == Track(BATCH_AXIS)
    return own and not any(a.track and a.track.axis == BATCH_AXIS for dim in others for a in dim)


def _behavior(
    outputs: dict[str, Tensor], sizes: dict[int, int]
) -> dict[tuple[str, int], AxisBehavior]:
    result = {}
    for name, tensor in outputs.items():
        for axis, size in sizes.items():
            found = [
                (index, dim[0].track)
                for index, dim in enumerate(tensor.dims)
                if len(dim) == 1 and dim[0].track and dim[0].track.axis == axis
            ]
            followed = sum(track.axis == axis for track in tensor.tracks())
            notes = frozenset(note for note in tensor.notes if note.axis in (axis, EVERY))
            if len(found) == followed == 1:
                index, track = found[0]
                result[name, axis] = _axis_behavior(
                    index, track, dim_size(tensor.dims[index]), size, notes, operand(tensor)
                )
    return result


def _axis_behavior(
    index: int, track: Track, output_size: int, size: int, notes: frozenset[Note], program: Hashable
) -> AxisBehavior:
    relation = track.relation
    if notes:
        relation = at_least(relation, lcm(*(note.period for note in notes)))
    offset = relation.scale * size - output_size
    return AxisBehavior(
        index,
        relation,
        track.border,
        track.padding,
        track.rounding,
        offset,
        output_size,
        notes,
        program,
    )
