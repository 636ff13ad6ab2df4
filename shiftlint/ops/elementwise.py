"""Pointwise operators: one input keeps its axes; several are broadcast and joined.

Constants of shape arithmetic are computed, so `Shape → Sub → Div → Slice` resolves to numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shiftlint.calculus.note import Reason, SizeError, Unsupported
from shiftlint.calculus.tensor import Tensor
from shiftlint.lazy_numpy import np
from shiftlint.onnx_file.constants import FORMATS, type_name
from shiftlint.ops.broadcasting import broadcast, forgotten
from shiftlint.ops.registry import numbered, signed, transfer
from shiftlint.ops.shape_values import Compute, evaluated_each

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINARY: dict[str, Compute | None] = {
    "Add": "add",
    "Sub": "subtract",
    "Mul": "multiply",
    "And": "logical_and",
    "Or": "logical_or",
    "Xor": "logical_xor",
    "Equal": "equal",
    "Less": "less",
    "LessOrEqual": "less_equal",
    "Greater": "greater",
    "GreaterOrEqual": "greater_equal",
    "BitwiseAnd": "bitwise_and",
    "BitwiseOr": "bitwise_or",
    "BitwiseXor": "bitwise_xor",
    "PRelu": None,
    "StringConcat": None,
}
COMPUTED_UNARY: dict[str, Compute] = {
    "Identity": lambda a: a,
    "Neg": "negative",
    "Abs": "abs",
    "Floor": "floor",
    "Ceil": "ceil",
    "Round": "round",
    "Sqrt": "sqrt",
    "Not": "logical_not",
    "BitwiseNot": "bitwise_not",
    "Relu": lambda a: np.maximum(a, 0),
    "Sign": "sign",
    "IsNaN": "isnan",
}
UNARY: dict[str, dict[str, Any]] = {  # attributes and their defaults
    **{name: {} for name in COMPUTED_UNARY},
    **{
        name: {}
        for name in (
            "Exp",
            "Log",
            "Reciprocal",
            "Sigmoid",
            "Tanh",
            "Erf",
            "Softplus",
            "Softsign",
            "HardSwish",
            "Mish",
        )
    },
    **{
        name: {}
        for name in (
            "Sin",
            "Cos",
            "Tan",
            "Asin",
            "Acos",
            "Atan",
            "Sinh",
            "Cosh",
            "Asinh",
            "Acosh",
            "Atanh",
        )
    },
    "LeakyRelu": {"alpha": 0.01},
    "Elu": {"alpha": 1.0},
    "ThresholdedRelu": {"alpha": 1.0},
    "Celu": {"alpha": 1.0},
    "Swish": {"alpha": 1.0},
    "HardSigmoid": {"alpha": 0.2, "beta": 0.5},
    "Selu": {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875},
    "Gelu": {"approximate": "none"},
    "Shrink": {"bias": 0.0, "lambd": 0.5},
    "IsInf": {"detect_negative": 1, "detect_positive": 1},
    "BitCast": {"to": None},
}


def _binary(op: str, compute: Compute | None) -> None:
    def function(a: Tensor, b: Tensor) -> Tensor:
        return (compute and evaluated_each(compute, a, b)) or broadcast(a, b)

    transfer(op, since=7)(
        numbered(elementwise=True)(signed(function, {}, op, "Combine two tensors elementwise."))
    )


def _unary(op: str, attributes: dict[str, Any]) -> None:
    compute = COMPUTED_UNARY.get(op)

    def function(x: Tensor, **attributes: Any) -> Tensor:
        return (compute and evaluated_each(compute, x)) or pointwise(x)

    transfer(op, since=1)(
        numbered(elementwise=True)(signed(function, attributes, op, "Each element separately."))
    )


for _op, _compute in BINARY.items():
    _binary(_op, _compute)
for _op, _attributes in UNARY.items():
    _unary(_op, _attributes)


@transfer("Pow", since=7)
@numbered(elementwise=True)
def pow_(x: Tensor, y: Tensor) -> Tensor:
    """Power; the result has the type of the base.

    Spec: https://onnx.ai/onnx/operators/onnx__Pow.html
    """
    return evaluated_each(_power, x, y) or broadcast(x, y)


@transfer("SwiGLU", since=28)
@numbered(elementwise=True)
def swi_glu(a: Tensor, b: Tensor, *, alpha: float = 1.0) -> Tensor:
    """A gate and a value, element by element.

    Spec: https://onnx.ai/onnx/operators/onnx__SwiGLU.html
    """
    return broadcast(a, b)


@transfer("BitShift", since=11)
@numbered(elementwise=True)
def bit_shift(x: Tensor, y: Tensor, *, direction: str) -> Tensor:
    """Shift the bits of each element.

    Spec: https://onnx.ai/onnx/operators/onnx__BitShift.html
    """
    return evaluated_each(
        "left_shift" if direction == "LEFT" else "right_shift", x, y
    ) or broadcast(x, y)


@transfer("CastLike", since=15)
@numbered(elementwise=True)
def cast_like(x: Tensor, target: Tensor, *, saturate: int = 1, round_mode: str = "up") -> Tensor:
    """Cast to the element type of another tensor, whose values are not used.

    Spec: https://onnx.ai/onnx/operators/onnx__CastLike.html
    """
    dtype = None if target.elements is None else target.elements.dtype
    return (dtype and evaluated_each(lambda array: array.astype(dtype), x)) or pointwise(x)


@transfer("Div", since=7)
@numbered(elementwise=True)
def div(a: Tensor, b: Tensor) -> Tensor:
    """Divide; integers are truncated toward zero.

    Spec: https://onnx.ai/onnx/operators/onnx__Div.html
    """
    return evaluated_each(_divide, a, b) or broadcast(a, b)


@transfer("Mod", since=10)
@numbered(elementwise=True)
def mod(a: Tensor, b: Tensor, *, fmod: int = 0) -> Tensor:
    """Remainder.

    Spec: https://onnx.ai/onnx/operators/onnx__Mod.html
    """
    if b.value is not None and not b.value.all():
        raise SizeError("a remainder by 0")
    return evaluated_each("fmod" if fmod else "mod", a, b) or broadcast(a, b)


@transfer("Min", since=8)
@numbered(elementwise=True)
def min_(*inputs: Tensor) -> Tensor:
    """The element-by-element minimum.

    Spec: https://onnx.ai/onnx/operators/onnx__Min.html
    """
    return evaluated_each(
        lambda *arrays: np.minimum.reduce(np.broadcast_arrays(*arrays)), *inputs
    ) or broadcast(*inputs)


@transfer("Max", since=8)
@numbered(elementwise=True)
def max_(*inputs: Tensor) -> Tensor:
    """The element-by-element maximum.

    Spec: https://onnx.ai/onnx/operators/onnx__Max.html
    """
    return evaluated_each(
        lambda *arrays: np.maximum.reduce(np.broadcast_arrays(*arrays)), *inputs
    ) or broadcast(*inputs)


@transfer("Sum", since=8)
@transfer("Mean", since=8)
@numbered(elementwise=True)
def mean(*inputs: Tensor) -> Tensor:
    """Sum or mean of several tensors, element by element.

    Spec: https://onnx.ai/onnx/operators/onnx__Mean.html
    """
    return broadcast(*inputs)


@transfer("Min", since=6)
@transfer("Max", since=6)
@transfer("Sum", since=6)
@transfer("Mean", since=6)
@numbered(elementwise=True)
def mean_6(*inputs: Tensor) -> Tensor:
    """Several tensors of one shape, element by element.

    Spec: https://onnx.ai/onnx/operators/text_diff_Mean_6_8.html
    """
    if len({t.shape for t in inputs}) > 1:
        raise SizeError(
            f"tensors of shape {', '.join(str(t.shape) for t in inputs)}, which are not broadcast "
            "before opset 8"
        )
    return broadcast(*inputs)


@transfer("Where", since=9)
@numbered(elementwise=True)
def where(condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Choose element by element.

    Spec: https://onnx.ai/onnx/operators/onnx__Where.html
    """
    return evaluated_each("where", condition, x, y) or broadcast(condition, x, y)


@transfer("Clip", since=11)
@numbered(elementwise=True)
def clip(x: Tensor, min: Tensor | None = None, max: Tensor | None = None) -> Tensor:
    """Limit each element.

    Spec: https://onnx.ai/onnx/operators/onnx__Clip.html
    """
    for limit in (min, max):
        if limit is not None and limit.shape not in {(), (1,)}:
            raise SizeError(f"a limit of shape {limit.shape}, which onnxruntime rejects")
    return evaluated_each("clip", x, min, max) or pointwise(x)


@transfer("Clip", since=6)
@numbered(elementwise=True)
def clip_6(
    x: Tensor, *, min: float = -3.4028234663852886e38, max: float = 3.4028234663852886e38
) -> Tensor:
    """Limit each element; the limits are attributes.

    Spec: https://onnx.ai/onnx/operators/text_diff_Clip_6_11.html
    """
    return pointwise(x)


@transfer("Cast", since=6)
@numbered(elementwise=True)
def cast(x: Tensor, *, to: int, saturate: int = 1, round_mode: str = "up") -> Tensor:
    """Change the element type.

    Spec: https://onnx.ai/onnx/operators/onnx__Cast.html
    """
    if x.elements is None:
        return pointwise(x)
    dtype = type_name(to)
    if not dtype:
        raise Unsupported(Reason.ATTRIBUTE, attribute="to", value=to)
    if dtype not in FORMATS:
        return pointwise(x)
    return evaluated_each(lambda array: array.astype(dtype), x) or pointwise(x)


def pointwise(x: Tensor) -> Tensor:
    """The same axes with unknown elements."""
    return forgotten(x)


def _divide(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    if a.dtype.kind not in "iu" or b.dtype.kind not in "iu":
        return np.asarray(a / b)
    if not np.all(b):
        raise SizeError("a division by 0")
    quotient = a // b
    return np.asarray(quotient + ((a % b != 0) & ((a < 0) != (b < 0))), dtype=a.dtype)


def _power(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.power(a, b.astype(np.float64))).astype(a.dtype)
