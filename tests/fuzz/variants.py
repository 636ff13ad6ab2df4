"""A case of the standard as networks that an image tool could encounter.

Each tensor that can be an image is one in turn, in every form of `image_forms`. The other operands
are varied, too: constants with the case's values; inputs that stay; the image once more ("twin");
constants of one px ("pixel"), or that px spread to the image's size ("spread"), which fit any size.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import inf, prod
from typing import Any, cast

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.fuzz.image_forms import FORMS, Form, Wrapping
from tests.fuzz.standard_cases import Array, Case

FLOATS = {"float32", "float16", "float64"}
INTEGERS = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
DRAWN = FLOATS | {"uint8", "uint16", "int8", "int16", "int32"}  # types of which images are drawn
PASSED = FLOATS | INTEGERS | {"bool"}  # types that go into onnxruntime and come out of it as arrays
ONCE = {"halved", "doubled", "every"}  # forms that only the first operand takes
SHARED = {
    "first-batch",
    "last-batch",
    "tokens",
    "heads",
    "rows",
    "plane",
    "line",
}  # forms with twins and single px
OPEN = {
    "first-batch",
    "rows",
    "plane",
    "line",
}  # forms with other inputs, and images that are rounded
MOST_PER_PX = 10_000  # elements; images of more are too large to run
DIVIDING = {"Div", "Mod"}
IMAGE = "_image"
DEFAULT_OPSET = 21
FIRST_IR_VERSION = 4  # in which constants need not be inputs, too

Operands = dict[str, Array | list[Array]]
Span = tuple[float, float]


@dataclass(frozen=True)
class Variant:
    """A network made of a case.

    Attributes
    ----------
    name : str
        case/operand/form/others, and "/rounded" for a float image that becomes one of another type.
    operator : str
    model : bytes
        An ONNX file.
    image : str
        The input that is the image.
    dims : tuple of int or str
        Of the image; dynamic ones have names.
    feeds : dict of name to array
        What the other inputs get.
    span : (low, high) or None
        Of the values of an image of integers.
    half : bool
        Whether numbers of 16 bits or fewer are computed with.
    """

    name: str
    operator: str
    model: bytes
    image: str
    dims: tuple[int | str, ...]
    feeds: dict[str, Array]
    span: Span | None
    half: bool


@dataclass(frozen=True)
class Others:
    """What becomes of the operands that are not the image: constants, inputs, or the image itself.

    Constants in `spread` are one px, to be repeated along these axes as often as the image's axes
    are long.
    """

    constants: Operands
    feeds: dict[str, Array]
    twins: tuple[str, ...] = ()
    spread: dict[str, dict[int, int]] = field(default_factory=dict)


def variants_of(case: Case) -> Iterator[Variant]:
    """All variants of a case; of those that differ in name only the first."""
    seen: set[bytes] = set()
    for number, (operand, array) in enumerate(images_of(case).items()):
        forms = [
            form
            for form in FORMS
            if array.ndim in form.ranks and (number == 0 or form.name not in ONCE)
        ]
        for form, kind, rounded in product(forms, OTHERS, (False, True)):
            if not _tried(form.name, kind, rounded=rounded):
                continue
            variant = _variant(case, operand, form, kind, rounded=rounded)
            if variant is not None and variant.model not in seen:
                seen.add(variant.model)
                yield variant


def _tried(form: str, kind: str, *, rounded: bool) -> bool:
    """Whether a form is combined with these operands; all combinations would be twice as many."""
    if rounded and form not in OPEN:
        return False
    return kind == "constants" or form in (OPEN if kind == "inputs" else SHARED)


def images_of(case: Case) -> dict[str, Array]:
    """The operands that can be an image: of three dimensions or more, or of fewer where no other
    operand has more.
    """
    known = {name: given for name, given in case.arrays.items() if isinstance(given, np.ndarray)}
    most = max((given.ndim for given in known.values()), default=0)
    return {
        n: a
        for n, a in known.items()
        if a.size and a.dtype.kind not in "OSUc" and (a.ndim > 2 or 0 < a.ndim == most)
    }


def _variant(case: Case, operand: str, form: Form, kind: str, *, rounded: bool) -> Variant | None:
    """One variant; None where there is no such, or the case cannot be written down like that."""
    array = cast("Array", case.arrays[operand])
    dtype, span = array.dtype.name, _span(case, operand)
    if dtype in FLOATS if rounded else dtype not in DRAWN:
        return None
    others = OTHERS[kind](case.arrays, operand, form.space(array.ndim))
    if (
        others is None
        or _has_optional(case.model.graph)
        or (span is not None and span[0] == span[1])
    ):
        return None
    dims = tuple(form.dims(array.shape))
    model = _model(case, operand, form, others, rounded=rounded)
    if model is None or prod(n for n in dims if isinstance(n, int)) > MOST_PER_PX:
        return None
    name = "/".join([case.name, operand, form.name, kind, *(["rounded"] if rounded else [])])
    span = None if rounded else span
    return Variant(
        name,
        case.operator,
        model.SerializeToString(),
        IMAGE,
        dims,
        others.feeds,
        span,
        _is_half(case.model.graph),
    )


def _constants(arrays: Operands, image: str, space: range) -> Others | None:
    return Others(_without(arrays, image), {})


def _inputs(arrays: Operands, image: str, space: range) -> Others | None:
    others = _without(arrays, image)
    feeds = {
        name: given
        for name, given in others.items()
        if isinstance(given, np.ndarray) and given.dtype.name in PASSED
    }
    return Others({}, feeds) if others and feeds.keys() == others.keys() else None


def _twin(arrays: Operands, image: str, space: range) -> Others | None:
    """Operands of the image's shape and type are the image."""
    like, others = cast("Array", arrays[image]), _without(arrays, image)
    twins = [
        n
        for n, a in others.items()
        if isinstance(a, np.ndarray) and (a.shape, a.dtype) == (like.shape, like.dtype)
    ]
    rest = {name: given for name, given in others.items() if name not in twins}
    return Others(rest, {}, tuple(twins)) if twins else None


def _pixel(arrays: Operands, image: str, space: range) -> Others | None:
    """Operands that are as large as the image are cut to its first px."""
    spread = _spread(arrays, image, space)
    return spread and replace(spread, spread={})


def _spread(arrays: Operands, image: str, space: range) -> Others | None:
    """The same, and spread to the image's size again."""
    like, others = cast("Array", arrays[image]), _without(arrays, image)
    held = {
        name: axes for name, given in others.items() if (axes := _held(given, like.shape, space))
    }
    px = {
        name: _first_px(given, held[name]) if name in held else given
        for name, given in others.items()
    }
    return Others(px, {}, spread=held) if held else None


OTHERS: dict[str, Callable[[Operands, str, range], Others | None]] = {
    "constants": _constants,
    "inputs": _inputs,
    "twin": _twin,
    "pixel": _pixel,
    "spread": _spread,
}


def _without(arrays: Operands, image: str) -> Operands:
    return {name: given for name, given in arrays.items() if name != image}


def _held(given: Any, shape: tuple[int, ...], space: range) -> dict[int, int]:
    """Axes of an operand that are as long as axes of px of an image of this shape, counted from the
    last; and the image's.
    """
    if not isinstance(given, np.ndarray) or given.ndim > len(shape):
        return {}
    before = len(shape) - given.ndim
    pairs = {axis: axis + before for axis in range(given.ndim) if axis + before in space}
    return {axis: other for axis, other in pairs.items() if given.shape[axis] == shape[other] > 1}


def _first_px(given: Any, axes: Collection[int]) -> Any:
    return given[tuple(slice(0, 1) if axis in axes else slice(None) for axis in range(given.ndim))]


def _span(case: Case, operand: str) -> Span | None:
    """The values of an operand of integers; no zero where the image may be a divisor."""
    array = cast("Array", case.arrays[operand])
    if array.dtype.name not in INTEGERS:
        return None
    least = 1.0 if case.operator in DIVIDING else -inf
    return max(float(array.min()), least), max(float(array.max()), least)


def _model(
    case: Case, operand: str, form: Form, others: Others, *, rounded: bool
) -> onnx.ModelProto | None:
    """The case between what the form adds; None where an operand cannot be a constant, or no output
    holds numbers.
    """
    graph, array = case.model.graph, cast("Array", case.arrays[operand])
    b = Wrapping(_opset(case.model), IMAGE)
    x = form.enter(b, IMAGE, array.shape)
    x = _rounded(b, x, array.dtype, _span(case, operand)) if rounded else x
    b.nodes += [
        helper.make_node("Identity", [x], [name], name=f"_{name}")
        for name in (operand, *others.twins)
    ]
    for name, given in others.constants.items():
        if name in others.spread:
            _add_spread(b, operand, name, cast("Array", given), others.spread[name])
        elif not _add_constant(b, name, given):
            return None
    b.nodes += graph.node
    outputs = [
        value
        for output in graph.output
        if (value := _output(b, form, output, array.shape)) is not None
    ]
    if not outputs:
        return None
    kind = TensorProto.FLOAT if rounded else helper.np_dtype_to_tensor_dtype(array.dtype)
    inputs = [helper.make_tensor_value_info(IMAGE, kind, form.dims(array.shape))]
    inputs += [_value_info(name, given) for name, given in others.feeds.items()]
    made = helper.make_graph(
        b.nodes, "standard", inputs, outputs, [*graph.initializer, *b.constants]
    )
    imports = list(case.model.opset_import)
    if all(one.domain not in {"", "ai.onnx"} for one in imports):
        imports.append(helper.make_opsetid("", DEFAULT_OPSET))
    ir_version = max(case.model.ir_version, FIRST_IR_VERSION)
    return helper.make_model(
        made, opset_imports=imports, functions=list(case.model.functions), ir_version=ir_version
    )


def _is_half(graph: onnx.GraphProto) -> bool:
    kinds = [value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)]
    return (
        any(kind not in PASSED for kind in map(_type_name, kinds)) or TensorProto.FLOAT16 in kinds
    )


def _type_name(kind: int) -> str:
    return helper.tensor_dtype_to_np_dtype(kind).name if kind else "bool"


def _opset(model: onnx.ModelProto) -> int:
    return next(
        (one.version for one in model.opset_import if one.domain in {"", "ai.onnx"}), DEFAULT_OPSET
    )


def _rounded(b: Wrapping, x: str, dtype: np.dtype[Any], span: Span | None) -> str:
    """A float image as one of another type, within the values that the operand has."""
    if dtype.name == "bool":
        return b.op("Greater", x, b.constant(np.zeros(1, np.float32)))
    if span is not None:
        low, high = (np.array([end], np.float32) for end in span)
        x = b.op("Add", b.op("Mul", x, b.constant((high - low) / 3)), b.constant((high + low) / 2))
        x = b.op("Min", b.op("Max", x, b.constant(low)), b.constant(high))
    return b.op("Cast", x, to=helper.np_dtype_to_tensor_dtype(dtype))


def _add_constant(b: Wrapping, name: str, given: Any) -> bool:
    """Add a tensor, or a sequence made of tensors; False where it is neither."""
    if isinstance(given, np.ndarray):
        b.constants.append(numpy_helper.from_array(given, name))
        return True
    if not isinstance(given, list) or not given:
        return False
    b.constants += [
        numpy_helper.from_array(one, f"{name}_{index}") for index, one in enumerate(given)
    ]
    b.nodes.append(
        helper.make_node(
            "SequenceConstruct", [f"{name}_{index}" for index in range(len(given))], [name]
        )
    )
    return True


def _add_spread(b: Wrapping, operand: str, name: str, px: Array, axes: dict[int, int]) -> None:
    """Add a constant that is one px spread over `axes` of the image."""
    b.constants.append(numpy_helper.from_array(px, f"{name}_px"))
    full = b.spread(f"{name}_px", px.shape, operand, axes)
    b.nodes.append(helper.make_node("Identity", [full], [name], name=f"_{name}"))


def _has_optional(graph: onnx.GraphProto) -> bool:
    return any(value.type.HasField("optional_type") for value in graph.input)


def _value_info(name: str, array: Array) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(
        name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
    )


def _output(
    b: Wrapping, form: Form, output: onnx.ValueInfoProto, shape: tuple[int, ...]
) -> onnx.ValueInfoProto | None:
    """A result as an output that onnxruntime returns; None where it is no tensor of numbers.
    `shape` is that of the image.
    """
    kind = output.type.tensor_type
    if not output.type.HasField("tensor_type") or kind.elem_type in {
        TensorProto.STRING,
        TensorProto.UNDEFINED,
    }:
        return None
    name, elements = output.name, kind.elem_type
    sizes = [dim.dim_value for dim in kind.shape.dim] if kind.HasField("shape") else None
    rank = None if sizes is None else len(sizes)
    if sizes is not None and (not form.unfolds or _as_many_px(sizes, shape, form)):
        name, rank = form.leave(b, name, len(sizes))
    if _type_name(elements) not in PASSED:
        name, elements = b.op("Cast", name, to=TensorProto.FLOAT), TensorProto.FLOAT
    return helper.make_tensor_value_info(
        name, elements, None if rank is None else [f"{name}_{axis}" for axis in range(rank)]
    )


def _as_many_px(sizes: Sequence[int], shape: tuple[int, ...], form: Form) -> bool:
    return len(sizes) == len(shape) and all(
        sizes[axis] == shape[axis] for axis in form.space(len(shape))
    )
