"""Reductions and matrix products: the reduced axis vanishes, and what remains depends on all of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from shiftlint.axes import Atom, Dim, Kind, Note, SizeError, Tensor, Unsupported, combine_dims, dim_of, dim_size
from shiftlint.ops.cropping import checked_axis, integers
from shiftlint.ops.elementwise import broadcast
from shiftlint.ops.normalization import reduced
from shiftlint.ops.shape_values import evaluated
from shiftlint.transfer import transfer
from shiftlint.windows import Ints

COMPUTED: dict[str, Callable[..., Any]] = {
    "ReduceSum": np.sum,
    "ReduceProd": np.prod,
    "ReduceMax": np.max,
    "ReduceMin": np.min,
    "ReduceMean": np.mean,
}
REDUCTIONS = (*COMPUTED, "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare")
AXES_AS_INPUT = {"ReduceSum": 13, "ReduceMax": 18, "ReduceMin": 18}  # the others: 18


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
    return _reduce("GlobalAveragePool", x, range(2, x.rank), 1, 0)


@transfer("MatMul", since=1)
def mat_mul(a: Tensor, b: Tensor) -> Tensor:
    """Sum over the last axis of `a` and the one before the last of `b`.

    Spec: https://onnx.ai/onnx/operators/onnx__MatMul.html
    """
    if a.rank < 2 or b.rank < 2:
        raise Unsupported("a product with a vector")
    if a.shape[-1] != b.shape[-2]:
        raise SizeError(f"a product of {a.shape} and {b.shape}")
    batch = broadcast(_leading(a), _leading(b))
    notes = batch.notes | frozenset(_contraction(a, a.dims[-1], b, b.dims[-2]))
    return Tensor((*batch.dims, a.dims[-2], b.dims[-1]), from_image=a.from_image or b.from_image, notes=notes)


@transfer("Gemm", since=7)
def gemm(
    a: Tensor,
    b: Tensor,
    c: Tensor | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,  # noqa: N803  # the specification's name
    transB: int = 0,  # noqa: N803
) -> Tensor:
    """A matrix product and a sum.

    Spec: https://onnx.ai/onnx/operators/onnx__Gemm.html
    """
    from shiftlint.ops.layout import transpose

    product = mat_mul(transpose(a) if transA else a, transpose(b) if transB else b)
    return product if c is None else broadcast(product, c)


def _leading(x: Tensor) -> Tensor:
    return Tensor(x.dims[:-2], uniform=x.uniform, from_image=x.from_image)


def _contraction(a: Tensor, over_a: Dim, b: Tensor, over_b: Dim) -> list[Note]:
    """Notes for the axis that a product sums over: global between two that follow the image, else a matter of place."""
    tracked_a, tracked_b = any(x.track for x in over_a), any(x.track for x in over_b)
    if tracked_a and tracked_b:
        _, notes = combine_dims(over_a, over_b)
        return notes + [
            Note(Kind.GLOBAL, x.track.axis, "a product summed over the whole axis", x.track.relation.period)
            for dim in (over_a, over_b)
            for x in dim
            if x.track
        ]
    lonely: list[Atom] = [x for dim in (over_a, over_b) for x in dim]
    return [Note(Kind.POSITION, x.track.axis, "weighted by its place") for x in lonely if x.track]


def _reduce(op: str, data: Tensor, axes: Ints | range | None, keepdims: int, noop_with_empty_axes: int) -> Tensor:
    if not axes:
        if noop_with_empty_axes:
            return data
        axes = range(data.rank)
    chosen = sorted({checked_axis(axis, data.rank) for axis in axes})
    compute = COMPUTED.get(op)
    if compute is not None:
        known = evaluated(partial(compute, axis=tuple(chosen), keepdims=bool(keepdims)), data)
        if known is not None:
            return known
    if any(dim_size(data.dims[axis]) == 0 for axis in chosen):
        raise SizeError("an empty axis is reduced")
    notes = reduced(data, chosen, "an axis is reduced as a whole")
    dims = tuple(dim_of(1) if i in chosen else dim for i, dim in enumerate(data.dims) if keepdims or i not in chosen)
    return Tensor(dims, from_image=data.from_image, notes=frozenset(notes))
