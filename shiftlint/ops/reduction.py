"""Reductions: the reduced axis vanishes, and what remains depends on all of it."""

from __future__ import annotations

from shiftlint.axes import SizeError, Tensor, Unsupported, dim_size
from shiftlint.late import np
from shiftlint.ops.broadcasting import broadcast, forgotten
from shiftlint.ops.cropping import checked_axis, integers
from shiftlint.ops.normalization import ordered, reduced
from shiftlint.ops.shape_values import evaluated
from shiftlint.transfer import transfer
from shiftlint.windows import Ints

COMPUTED = {  # by these functions of numpy
    "ReduceSum": "sum",
    "ReduceProd": "prod",
    "ReduceMax": "max",
    "ReduceMin": "min",
    "ReduceMean": "mean",
}
REDUCTIONS = (*COMPUTED, "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare")
AXES_AS_INPUT = {"ReduceSum": 13}  # since; the others: 18


def _reduction(op: str) -> None:
    def function(data: Tensor, axes: Tensor | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Tensor:
        return _reduce(op, data, integers(axes, "axes") if axes is not None else None, keepdims, noop_with_empty_axes)

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
        raise Unsupported(f"an input of rank {x.rank}")
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
        raise Unsupported(f"an input of rank {x.rank}")
    notes = ordered(x, [x.rank - 2, x.rank - 1], "a determinant over the axes")
    return Tensor(forgotten(x).dims[:-2], from_image=x.from_image, notes=frozenset(notes))


@transfer("NegativeLogLikelihoodLoss", since=12)
@transfer("SoftmaxCrossEntropyLoss", since=12)
def loss(
    scores: Tensor, labels: Tensor, weights: Tensor | None = None, *, ignore_index: int | None = None, reduction: str = "mean"
) -> Tensor:
    """A loss per element, or its mean over all of them.

    Spec: https://onnx.ai/onnx/operators/onnx__SoftmaxCrossEntropyLoss.html
    """
    if scores.rank < 2:
        raise Unsupported(f"an input of rank {scores.rank}")
    base = forgotten(scores)
    each = Tensor((base.dims[0], *base.dims[2:]), from_image=scores.from_image)
    each = broadcast(each, labels).with_notes(ordered(scores, [1], "a loss over the axis"))
    return each if reduction == "none" else _reduce("ReduceMean", each, None, 0, 0).with_notes(each.notes)


def _reduce(op: str, data: Tensor, axes: Ints | range | None, keepdims: int, noop_with_empty_axes: int) -> Tensor:
    if not axes:
        if noop_with_empty_axes:
            return forgotten(data)
        axes = range(data.rank)
    chosen = sorted({checked_axis(axis, data.rank) for axis in axes})
    compute = COMPUTED.get(op)
    if compute is not None:
        known = evaluated(lambda array: getattr(np, compute)(array, axis=tuple(chosen), keepdims=bool(keepdims)), data)
        if known is not None:
            return known
    if any(dim_size(data.dims[axis]) == 0 for axis in chosen):
        raise SizeError("an empty axis is reduced")
    notes = reduced(data, chosen, "an axis is reduced as a whole")
    base = forgotten(data).dims
    dims = tuple(() if i in chosen else dim for i, dim in enumerate(base) if keepdims or i not in chosen)
    return Tensor(dims, from_image=data.from_image, notes=frozenset(notes))
