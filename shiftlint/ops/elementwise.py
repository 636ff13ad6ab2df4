"""Pointwise operators: one input keeps its axes, several are broadcast and joined.

Constants of shape arithmetic are computed along the way, so that `Shape → Sub → Div → Slice` resolves to numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftlint.axes import Dim, Kind, Note, SizeError, Tensor, Unsupported, combine_dims, dim_of, dim_size
from shiftlint.ops.shape_values import evaluated
from shiftlint.transfer import transfer

Compute = Callable[..., NDArray[Any]]

BINARY: dict[str, Compute | None] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Pow": np.power,
    "And": np.logical_and,
    "Or": np.logical_or,
    "Xor": np.logical_xor,
    "Equal": np.equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "PRelu": None,
}
UNARY: dict[str, Compute | None] = {
    "Identity": lambda a: a,
    "Neg": np.negative,
    "Abs": np.abs,
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Round": np.round,
    "Sqrt": np.sqrt,
    "Not": np.logical_not,
    "Relu": lambda a: np.maximum(a, 0),
    "Exp": None,
    "Log": None,
    "Reciprocal": None,
    "Sign": np.sign,
    "Sigmoid": None,
    "Tanh": None,
    "Erf": None,
    "Softplus": None,
    "Softsign": None,
    "Sin": None,
    "Cos": None,
    "HardSwish": None,
    "Mish": None,
}


def _binary(op: str, compute: Compute | None) -> None:
    def function(a: Tensor, b: Tensor) -> Tensor:
        return (compute and evaluated(compute, a, b)) or broadcast(a, b)

    function.__name__ = op.lower()
    function.__doc__ = f"Join two tensors element by element.\n\nSpec: https://onnx.ai/onnx/operators/onnx__{op}.html"
    transfer(op, since=7)(function)


def _unary(op: str, compute: Compute | None) -> None:
    def function(x: Tensor) -> Tensor:
        return (compute and evaluated(compute, x)) or pointwise(x)

    function.__name__ = op.lower()
    function.__doc__ = f"Each element by itself.\n\nSpec: https://onnx.ai/onnx/operators/onnx__{op}.html"
    transfer(op, since=1)(function)


for _op, _compute in BINARY.items():
    _binary(_op, _compute)
for _op, _compute in UNARY.items():
    _unary(_op, _compute)


@transfer("Div", since=7)
def div(a: Tensor, b: Tensor) -> Tensor:
    """Divide; integers are truncated toward zero.

    Spec: https://onnx.ai/onnx/operators/onnx__Div.html
    """
    return evaluated(_divide, a, b) or broadcast(a, b)


@transfer("Mod", since=10)
def mod(a: Tensor, b: Tensor, *, fmod: int = 0) -> Tensor:
    """Remainder.

    Spec: https://onnx.ai/onnx/operators/onnx__Mod.html
    """
    if b.value is not None and not b.value.all():
        raise SizeError("a remainder by 0")
    return evaluated(np.fmod if fmod else np.mod, a, b) or broadcast(a, b)


@transfer("Min", since=8)
def min_(*inputs: Tensor) -> Tensor:
    """The least element.

    Spec: https://onnx.ai/onnx/operators/onnx__Min.html
    """
    return evaluated(lambda *arrays: np.minimum.reduce(np.broadcast_arrays(*arrays)), *inputs) or broadcast(*inputs)


@transfer("Max", since=8)
def max_(*inputs: Tensor) -> Tensor:
    """The greatest element.

    Spec: https://onnx.ai/onnx/operators/onnx__Max.html
    """
    return evaluated(lambda *arrays: np.maximum.reduce(np.broadcast_arrays(*arrays)), *inputs) or broadcast(*inputs)


@transfer("Sum", since=8)
@transfer("Mean", since=8)
def mean(*inputs: Tensor) -> Tensor:
    """Sum or mean of several tensors, element by element.

    Spec: https://onnx.ai/onnx/operators/onnx__Mean.html
    """
    return broadcast(*inputs)


@transfer("Where", since=9)
def where(condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Choose element by element.

    Spec: https://onnx.ai/onnx/operators/onnx__Where.html
    """
    return evaluated(np.where, condition, x, y) or broadcast(condition, x, y)


@transfer("Clip", since=11)
def clip(x: Tensor, min: Tensor | None = None, max: Tensor | None = None) -> Tensor:
    """Limit each element.

    Spec: https://onnx.ai/onnx/operators/onnx__Clip.html
    """
    return evaluated(np.clip, x, min, max) or pointwise(x)


@transfer("Clip", since=6)
def clip_6(x: Tensor, *, min: float = -3.4e38, max: float = 3.4e38) -> Tensor:
    """Limit each element; the limits are attributes.

    Spec: https://onnx.ai/onnx/operators/text_diff_Clip_6_11.html
    """
    return pointwise(x)


@transfer("Cast", since=6)
def cast(x: Tensor, *, to: int, saturate: int = 1, round_mode: str = "up") -> Tensor:
    """Another element type.

    Spec: https://onnx.ai/onnx/operators/onnx__Cast.html
    """
    if x.value is None:
        return pointwise(x)
    import onnx

    try:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(to)
    except KeyError as error:
        raise Unsupported(f"element type {to}") from error
    return evaluated(lambda array: array.astype(dtype), x) or pointwise(x)


@transfer("LeakyRelu", since=6)
@transfer("Elu", since=6)
@transfer("ThresholdedRelu", since=10)
@transfer("Celu", since=12)
def leaky_relu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """Each element by itself.

    Spec: https://onnx.ai/onnx/operators/onnx__LeakyRelu.html
    """
    return pointwise(x)


@transfer("HardSigmoid", since=6)
def hard_sigmoid(x: Tensor, *, alpha: float = 0.2, beta: float = 0.5) -> Tensor:
    """Each element by itself.

    Spec: https://onnx.ai/onnx/operators/onnx__HardSigmoid.html
    """
    return pointwise(x)


@transfer("Selu", since=6)
def selu(x: Tensor, *, alpha: float = 1.67, gamma: float = 1.05) -> Tensor:
    """Each element by itself.

    Spec: https://onnx.ai/onnx/operators/onnx__Selu.html
    """
    return pointwise(x)


@transfer("Gelu", since=20)
def gelu(x: Tensor, *, approximate: str = "none") -> Tensor:
    """Each element by itself.

    Spec: https://onnx.ai/onnx/operators/onnx__Gelu.html
    """
    return pointwise(x)


def pointwise(x: Tensor) -> Tensor:
    """The same axes, other elements."""
    return x if x.value is None else replace(x, value=None)


def broadcast(*tensors: Tensor) -> Tensor:
    """Numpy's broadcasting of tensors that meet element by element."""
    rank = max(t.rank for t in tensors)
    dims: list[Dim] = []
    notes: list[Note] = []
    for index in range(-rank, 0):
        dim, more = _meet([t for t in tensors if t.rank >= -index], index)
        dims.append(dim)
        notes += more
    uniform = all(t.uniform or (t.value is not None and t.value.size == 1) for t in tensors)
    from_image = any(t.from_image for t in tensors)
    return Tensor(tuple(dims), uniform=uniform, from_image=from_image, notes=frozenset(notes))


def _broadcast_size(sizes: list[int]) -> int:
    large = {n for n in sizes if n != 1}
    if len(large) > 1:
        raise SizeError(f"sizes {' and '.join(map(str, sizes))} do not fit")
    return large.pop() if large else 1


def _stretched(t: Tensor, index: int, size: int) -> tuple[Dim, list[Note]]:
    """Dimension `index` of `t` broadcast to `size`: an axis of the image that has shrunk to one element spreads over all."""
    dim = t.dims[index]
    if dim_size(dim) == size:
        return dim, []
    notes = [Note(Kind.POSITION, a.track.axis, "an axis of one element is spread over a longer one") for a in dim if a.track]
    return dim_of(size), notes


def _varies(t: Tensor, index: int) -> bool:
    """Whether elements along a plain dimension may differ from place to place."""
    if t.uniform or t.shape[index] == 1:
        return False
    if t.value is None:
        return True
    return bool((t.value != np.take(t.value, [0], index)).any())


def _meet(tensors: list[Tensor], index: int) -> tuple[Dim, list[Note]]:
    """Combine one dimension of all tensors; what varies along it without following the image fixes the place of what does."""
    size = _broadcast_size([dim_size(t.dims[index]) for t in tensors])
    result: Dim | None = None
    notes: list[Note] = []
    varies = False
    for t in tensors:
        dim, more = _stretched(t, index, size)
        notes += more
        if not any(atom.track for atom in dim):
            varies = varies or _varies(t, index)
        elif result is None:
            result = dim
        else:
            result, more = combine_dims(result, dim)
            notes += more
    if result is None:
        return dim_of(size), notes
    if varies:
        reason = "combined with values that depend on the place"
        notes += [Note(Kind.POSITION, atom.track.axis, reason) for atom in result if atom.track]
    return result, notes


def _divide(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    if not np.all(b):
        raise SizeError("a division by 0")
    if a.dtype.kind in "iu" and b.dtype.kind in "iu":
        return np.asarray(np.trunc(a.astype(np.float64) / b), dtype=a.dtype) if (np.any(a < 0) or np.any(b < 0)) else a // b
    return np.asarray(a / b)
