"""The contract of a network: the guarantees that hold when its input is shifted, cropped or tiled.

A contract is a tree of frozen values with a JSON form (schemas/contract.schema.json). For one axis
of one output:

    output element  step·k + phase  reads input elements
        period·k + reads[phase][0] … period·k + reads[phase][1]
    output size = scale · input size - offset          scale = step / period

`border` counts the elements that padding reaches at each end of an output; `origin` is the input px
under output 0. Legal, aligned sizes are those from `min` to `max` whose remainder modulo `modulus`
is in `residues`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

from shiftschemas import validate

SCHEMA_VERSION = 1
METADATA_KEY = "shiftlint.contract"  # in the metadata_props of an ONNX file

Window = tuple[int, int]  # the first and the last element that one element reads, inclusive


def hull(a: Window | None, b: Window | None) -> Window | None:
    """The smallest window that contains both; None reads nothing."""
    if a is None or b is None:
        return a or b
    return min(a[0], b[0]), max(a[1], b[1])


@dataclass(frozen=True, slots=True)
class Padding:
    """A node whose padding reaches an output; `kind` is "zeros", "reflect", "edge", "wrap", …."""

    node: str
    op: str
    kind: str


@dataclass(frozen=True, slots=True)
class Sizes:
    """The input sizes (px) for which a contract holds.

    Attributes
    ----------
    min, max : int
        Smallest and largest legal size; `max` is None without an upper bound, `min == max` for a
        static input.
    modulus, residues : int, tuple of int
        A legal size is congruent to one of `residues` modulo `modulus`.
    misaligned : tuple of int
        Residues of sizes that also run, but with another grid or other windows (rule SL104).
    """

    min: int
    max: int | None
    modulus: int
    residues: tuple[int, ...]
    misaligned: tuple[int, ...] = ()

    def legal(self, size: int) -> bool:
        """Whether an input of `size` px is legal and aligned."""
        return (
            self.min <= size
            and (self.max is None or size <= self.max)
            and size % self.modulus in self.residues
        )

    def next_legal(self, size: int) -> int | None:
        """The smallest legal size of at least `size` px; None if there is none."""
        start = max(size, self.min)
        candidates = range(start, start + self.modulus)
        return next((n for n in candidates if self.legal(n)), None)


@dataclass(frozen=True, slots=True)
class OutputSize:
    """`output = scale · input - offset`, in px."""

    scale: Fraction
    offset: Fraction

    def of(self, size: int) -> int:
        """The output size for an input of `size` px, which must be legal."""
        result = self.scale * size - self.offset
        if result.denominator != 1:
            raise ValueError(
                f"output size of {size} px: expected a whole number, got {result}. Is {size} a "
                "legal size?"
            )
        return int(result)


class Inexact(NamedTuple):
    """Why equal windows at different positions along an axis may differ in the last output bits.

    Attributes
    ----------
    place : bool
        A function is computed differently at the end of a row, or of a thread's part, than before.
    drift : float
        Rounding of interpolation weights depends on their position: the largest difference, in
        standard deviations per px of the image.
    """

    place: bool = False
    drift: float = 0.0

    @property
    def bitwise(self) -> bool:
        """Whether equal windows give equal bits."""
        return not self.place and not self.drift

    def then(self, other: Inexact) -> Inexact:
        """For computations in sequence."""
        return Inexact(self.place or other.place, self.drift + other.drift)

    def join(self, other: Inexact) -> Inexact:
        """For branches that meet."""
        return Inexact(self.place or other.place, max(self.drift, other.drift))


EXACT = Inexact()


@dataclass(frozen=True, slots=True)
class AxisContract:
    """One spatial axis of one output.

    Attributes
    ----------
    name : str
        "z", "y" or "x".
    input_axis, output_axis : int
        Position of the axis in the input and output tensors.
    period : int or None
        Input px; shifting the input by it shifts the output by `step`. None if no period was
        derived.
    step : int or None
        Output px that correspond to `period`.
    reads : tuple of (first, last) or None per phase, or None
        Input elements relative to the period's origin, one entry per phase of `step`; an entry is
        None if its phase reads nothing. `reads` is None if the axis is global, positional or
        unknown.
    border : (before, after)
        Elements at each end of the output that padding reaches.
    padding : tuple of Padding
        Empty: valid.
    is_global : bool
        The output depends on the whole axis.
    bitwise : bool
        Equal input windows give bit-identical outputs, wherever they are.
    sizes, output_size
        None if no legal size was found.
    origin : int
        Input px under output 0.
    rounding : Inexact
        Why it is not `bitwise`.
    """

    name: str
    input_axis: int
    output_axis: int
    period: int | None
    step: int | None
    reads: tuple[Window | None, ...] | None
    border: tuple[int, int]
    padding: tuple[Padding, ...]
    is_global: bool
    bitwise: bool
    sizes: Sizes | None
    output_size: OutputSize | None
    origin: int
    rounding: Inexact = EXACT


class Explanation(NamedTuple):
    """Why an output has no period, no windows or no bound along an axis.

    Attributes
    ----------
    code : str
        Code of the rule that reports it, such as "SL401"; "" in contracts stored before rules had
        names.
    kind : str
        A value of `shiftlint.calculus.note.Kind`.
    axis : int
        Axis of the image input; -1 for all axes.
    node, op : str
        The responsible node; "" if there is none.
    text : str
        What happens there, for a reader.
    """

    code: str
    kind: str
    axis: int
    node: str
    op: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.node} ({self.op}): {self.text}" if self.node else self.text


def unknown_first(reasons: Iterable[Explanation]) -> tuple[Explanation, ...]:
    """Each explanation once, what is unknown before the rest."""
    return tuple(sorted(dict.fromkeys(reasons), key=lambda reason: reason.kind != "unknown"))


def told(reasons: Sequence[Explanation], most: int = 3) -> str:
    """Explanations in one line: the first ones, and the number of others."""
    texts = list(dict.fromkeys(map(str, reasons)))
    more = f" (and {len(texts) - most} more)" if len(texts) > most else ""
    return "; ".join(texts[:most]) + more


@dataclass(frozen=True, slots=True)
class OutputContract:
    """One output tensor.

    `capacity` bounds the number of same-looking objects that can be distinguished (Rumberger et al.
    2021, Corollary 2): the product of the periods; None with padding or position. `upsampling` is
    "none", "fixed", "learned" or "mixed"; `location_aware` says whether a constant image can give
    different values within one step (Corollary 5). `reasons` explain each None; they are ignored in
    comparisons.
    """

    name: str
    shape: tuple[int | str, ...]
    axes: tuple[AxisContract, ...]
    capacity: int | None
    upsampling: str
    location_aware: bool
    reasons: tuple[Explanation, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class InputContract:
    """The image input; `batch` is "independent", "fixed" or "mixed".

    Only "independent" may be batched.
    """

    name: str
    shape: tuple[int | str, ...]
    dtype: str
    batch: str


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """The graph that a contract belongs to.

    `graph_sha256` hashes nodes, attributes, types and integer or small initializers, but not
    metadata or weights.
    """

    graph_sha256: str
    opset: tuple[tuple[str, int], ...]
    producer: str


@dataclass(frozen=True, slots=True)
class Contract:
    """The contract of one network."""

    model: ModelIdentity
    input: InputContract
    outputs: tuple[OutputContract, ...]

    def output(self, name: str) -> OutputContract:
        """The output called `name`; KeyError if there is none."""
        for output in self.outputs:
            if output.name == name:
                return output
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        """The form of schemas/contract.schema.json."""
        return {
            "schema_version": SCHEMA_VERSION,
            "model": {
                "graph_sha256": self.model.graph_sha256,
                "opset": dict(self.model.opset),
                "producer": self.model.producer,
            },
            "input": {
                "name": self.input.name,
                "shape": list(self.input.shape),
                "dtype": self.input.dtype,
                "batch": self.input.batch,
            },
            "outputs": [_output_to_json(output) for output in self.outputs],
        }

    def dumps(self) -> str:
        """One canonical line of JSON: equal contracts give equal text."""
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, document: Any, *, where: str) -> Contract:
        """Check `document` against the schema and read it; SchemaError names the place."""
        validate(document, "contract", where=where)
        model, image = document["model"], document["input"]
        return cls(
            ModelIdentity(
                model["graph_sha256"], tuple(sorted(model["opset"].items())), model["producer"]
            ),
            InputContract(image["name"], tuple(image["shape"]), image["dtype"], image["batch"]),
            tuple(_output_from_json(output) for output in document["outputs"]),
        )


def _output_to_json(output: OutputContract) -> dict[str, Any]:
    return {
        "name": output.name,
        "shape": list(output.shape),
        "axes": [_axis_to_json(axis) for axis in output.axes],
        "capacity": output.capacity,
        "upsampling": output.upsampling,
        "location_aware": output.location_aware,
        "reasons": [reason._asdict() for reason in output.reasons],
    }


def _axis_to_json(axis: AxisContract) -> dict[str, Any]:
    sizes, size = axis.sizes, axis.output_size
    return {
        "name": axis.name,
        "input_axis": axis.input_axis,
        "output_axis": axis.output_axis,
        "period": axis.period,
        "step": axis.step,
        "reads": None
        if axis.reads is None
        else [None if r is None else list(r) for r in axis.reads],
        "border": list(axis.border),
        "padding": [{"node": p.node, "op": p.op, "kind": p.kind} for p in axis.padding],
        "global": axis.is_global,
        "bitwise": axis.bitwise,
        "sizes": sizes
        and {
            "min": sizes.min,
            "max": sizes.max,
            "modulus": sizes.modulus,
            "residues": list(sizes.residues),
            "misaligned": list(sizes.misaligned),
        },
        "output_size": size and {"scale": str(size.scale), "offset": _number(size.offset)},
        "origin": axis.origin,
        **({} if axis.rounding.bitwise else {"rounding": axis.rounding._asdict()}),
    }


def _output_from_json(output: dict[str, Any]) -> OutputContract:
    return OutputContract(
        output["name"],
        tuple(output["shape"]),
        tuple(_axis_from_json(axis) for axis in output["axes"]),
        output["capacity"],
        output["upsampling"],
        output["location_aware"],
        tuple(
            Explanation(**r) if isinstance(r, dict) else Explanation("", "", -1, "", "", r)
            for r in output["reasons"]
        ),
    )


def _axis_from_json(axis: dict[str, Any]) -> AxisContract:
    sizes, size, reads = axis["sizes"], axis["output_size"], axis["reads"]
    return AxisContract(
        name=axis["name"],
        input_axis=axis["input_axis"],
        output_axis=axis["output_axis"],
        period=axis["period"],
        step=axis["step"],
        reads=None if reads is None else tuple(None if r is None else (r[0], r[1]) for r in reads),
        border=(axis["border"][0], axis["border"][1]),
        padding=tuple(Padding(**p) for p in axis["padding"]),
        is_global=axis["global"],
        bitwise=axis["bitwise"],
        sizes=sizes
        and Sizes(
            sizes["min"],
            sizes["max"],
            sizes["modulus"],
            tuple(sizes["residues"]),
            tuple(sizes["misaligned"]),
        ),
        output_size=size and OutputSize(Fraction(size["scale"]), Fraction(size["offset"])),
        origin=axis["origin"],
        rounding=Inexact(**axis["rounding"])
        if "rounding" in axis
        else EXACT
        if axis["bitwise"]
        else Inexact(place=True),
    )


def _number(value: Fraction) -> int | str:
    """An int if the value is whole, else "p/q"."""
    return int(value) if value.denominator == 1 else str(value)
