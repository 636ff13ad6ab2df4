"""Reductions: the reduced axis vanishes, and the result depends on all of it."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shiftlint.calculus.note import Reason, SizeError, Unsupported
from shiftlint.calculus.sliding_windows import Ints
from shiftlint.calculus.tensor import Tensor, derived, dim_size
from shiftlint.lazy_numpy import np
from shiftlint.onnx_file.constants import once
from shiftlint.ops.broadcasting import broadcast, forgotten
from shiftlint.ops.cropping import checked_axis, integers
from shiftlint.ops.indexing import check_range
from shiftlint.ops.normalization import ordered, reduced
from shiftlint.ops.registry import transfer
from shiftlint.ops.shape_values import evaluated, viewed

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMPUTED = {  # with these NumPy functions
    "ReduceSum": "sum",
    "ReduceProd": "prod",
    "ReduceMax": "max",
    "ReduceMin": "min",
    "ReduceMean": "mean",
}
REDUCTIONS = (
    *COMPUTED,
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceSumSquare",
)
FRACTIONS = 256  # few multiples of 1/256 are summed exactly
AXES_AS_INPUT = {"ReduceSum": 13}  # since opset; the others since 18


def _reduction(op: str) -> None:
    def function(
        data: Tensor,
        axes: Tensor | None = None,
        *,
        keepdims: int = 1,
        noop_with_empty_axes: int = 0,
    ) -> Tensor:
        return _reduce(
            op,
            data,
            integers(axes, "axes") if axes is not None else None,
            keepdims,
            noop_with_empty_axes,
        )

    def function_1(data: Tensor, *, axes: Ints | None = None, keepdims: int = 1) -> Tensor:
        return _reduce(op, data, axes, keepdims, 0)

    for one, name in ((function, op.lower()), (function_1, f"{op.lower()}_1")):
        one.__name__ = name
        one.__doc__ = f"Reduce axes to one element each.\n\nSpec: https://onnx.ai/onnx/operators/onnx__{op}.html"
    transfer(op, since=AXES_AS_INPUT.get(op, 18))(function)
    transfer(op, since=1)(function_1)


for _op in REDUCTIONS:
    _reduction(_op)


@transfer("GlobalAveragePool", since=1)
@transfer("GlobalMaxPool", since=1)
def global_average_pool(x: Tensor) -> Tensor:
    """One value per channel.

    Spec: https://onnx.ai/onnx/operators/onnx__GlobalAveragePool.html
    """
    if x.rank < 3:
        raise Unsupported(Reason.RANK, rank=x.rank)
    return _reduce("GlobalAveragePool", x, range(2, x.rank), 1, 0)


@transfer("GlobalLpPool", since=1)
def global_lp_pool(x: Tensor, *, p: int = 2) -> Tensor:
    """One norm per channel.

    Spec: https://onnx.ai/onnx/operators/onnx__GlobalLpPool.html
    """
    return global_average_pool(x)


@transfer("Det", since=11)
def det(x: Tensor) -> Tensor:
    """One number per matrix of the last two dimensions.

    Spec: https://onnx.ai/onnx/operators/onnx__Det.html
    """
    if x.rank < 2:
        raise Unsupported(Reason.RANK, rank=x.rank)
    notes = ordered(x, [x.rank - 2, x.rank - 1], Reason.DETERMINANT)
    return derived(forgotten(x).dims[:-2], x, notes=notes)


@transfer("NegativeLogLikelihoodLoss", since=12)
@transfer("SoftmaxCrossEntropyLoss", since=12)
def loss(
    scores: Tensor,
    labels: Tensor,
    weights: Tensor | None = None,
    *,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    """A loss per element, or its mean over all of them.

    Spec: https://onnx.ai/onnx/operators/onnx__SoftmaxCrossEntropyLoss.html
    """
    if scores.rank < 2:
        raise Unsupported(Reason.RANK, rank=scores.rank)
    base = forgotten(scores)
    channels = dim_size(scores.dims[1])
    if labels.shape != (scores.shape[0], *scores.shape[2:]) or (
        weights is not None and weights.shape != (channels,)
    ):
        raise SizeError(f"labels of shape {labels.shape} for scores of shape {scores.shape}")
    if labels.value is not None:
        check_range(labels.value[labels.value != ignore_index], channels)
    each = derived((base.dims[0], *base.dims[2:]), scores)
    each = broadcast(each, labels).with_notes(ordered(scores, [1], Reason.LOSS))
    return each if reduction == "none" else _reduce("ReduceMean", each, None, 0, 0)


def _reduce(
    op: str, data: Tensor, axes: Ints | range | None, keepdims: int, noop_with_empty_axes: int
) -> Tensor:
    if not axes:
        if noop_with_empty_axes:
            return forgotten(data)
        axes = range(data.rank)
    chosen = sorted({checked_axis(axis, data.rank) for axis in axes})
    compute = COMPUTED.get(op)
    if compute is not None:
        known = _evaluated(compute, data, tuple(chosen), keepdims=bool(keepdims))
        if known is not None:
            return known
    if any(dim_size(data.dims[axis]) == 0 for axis in chosen):
        raise SizeError("an empty axis is reduced")
    notes = reduced(data, chosen, Reason.REDUCED)
    base = forgotten(data).dims
    dims = tuple(
        () if i in chosen else dim for i, dim in enumerate(base) if keepdims or i not in chosen
    )
    return derived(dims, data, notes=notes)


def _evaluated(
    compute: str, data: Tensor, axes: tuple[int, ...], *, keepdims: bool
) -> Tensor | None:
    """The constant that a reduction by this NumPy function gives; repeats are counted.

    None if a sum of many repeats, such as over an image, depends on the order of summation.
    """
    if (
        compute in {"sum", "mean"}
        and data.value is not None
        and _rounded_by_order(data.value, axes)
    ):
        return None
    if compute == "prod":
        return evaluated(
            lambda array: np.prod(array, axis=axes, keepdims=keepdims, dtype=array.dtype), data
        )

    def reduced_once(array: NDArray[Any]) -> NDArray[Any]:
        single = once(array)
        if compute == "mean" and single.dtype.kind in "iu":
            total = single.sum(axis=axes, keepdims=True, dtype=single.dtype)
            count = prod(single.shape[a] for a in axes)
            # integers are divided as runtimes do
            result = (np.abs(total) // count * np.sign(total)).astype(single.dtype)
        else:
            result = getattr(np, compute)(single, axis=axes, keepdims=True).astype(single.dtype)
        if compute == "sum":
            result = result * np.asarray(
                prod(array.shape[a] // max(single.shape[a], 1) for a in axes), result.dtype
            )
        whole = np.broadcast_to(result, [1 if a in axes else n for a, n in enumerate(array.shape)])
        return whole if keepdims else whole.squeeze(axes)

    return viewed(reduced_once, data)


def _rounded_by_order(array: NDArray[Any], axes: tuple[int, ...]) -> bool:
    """Whether a sum over `axes` includes repeated numbers and may be inexact."""
    single = once(array)
    if array.dtype.kind != "f" or all(single.shape[a] == array.shape[a] for a in axes):
        return False
    count, exact = prod(array.shape[a] for a in axes), 2 ** (np.finfo(array.dtype).nmant + 1)
    units = [single.astype(float) * per_one for per_one in (1, FRACTIONS)]
    return not any((n == np.floor(n)).all() and np.abs(n).max() * count <= exact for n in units)
