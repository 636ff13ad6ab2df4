"""Operators that pick elements by value: the greatest, the nonzero."""

from __future__ import annotations

from collections.abc import Hashable

from shiftlint.calculus.note import Reason, SizeError, Unsupported
from shiftlint.calculus.tensor import Tensor, computed, constant, derived, dim_of, dim_size, follows
from shiftlint.lazy_numpy import np
from shiftlint.ops.broadcasting import forgotten
from shiftlint.ops.cropping import checked_axis, integers
from shiftlint.ops.indexing import gather
from shiftlint.ops.normalization import ordered, reduced
from shiftlint.ops.registry import numbered, transfer
from shiftlint.ops.shape_values import evaluated


@transfer("NonZero", since=9)
def non_zero(x: Tensor) -> Tensor:
    """The positions of nonzero elements; computed if the elements are known.

    Spec: https://onnx.ai/onnx/operators/onnx__NonZero.html
    """
    known = evaluated(lambda array: np.asarray(np.nonzero(array), np.int64), x)
    if known is None:
        raise Unsupported(Reason.COUNT_FROM_IMAGE)
    return known


def _kept_beside_the_image(x: Tensor, condition: Tensor, *, axis: int | None = None) -> Hashable:
    """The condition, unless it selects image positions."""
    known = (
        condition.elements is not None
        and axis is not None
        and follows(x.dims[checked_axis(axis, x.rank)])
    )
    return None if known else condition


@transfer("Compress", since=9)
@numbered("condition", besides=_kept_beside_the_image)
def compress(x: Tensor, condition: Tensor, *, axis: int | None = None) -> Tensor:
    """Keep chosen elements along an axis.

    Spec: https://onnx.ai/onnx/operators/onnx__Compress.html
    """
    if condition.value is None or condition.rank != 1:
        raise Unsupported(Reason.COUNT_FROM_IMAGE)
    if axis is None:
        raise Unsupported(Reason.FLATTENED)
    index = checked_axis(axis, x.rank)
    return gather(x, computed(np.flatnonzero(condition.value[: x.shape[index]])), axis=index)


@transfer("TopK", since=10)
def top_k(
    x: Tensor, k: Tensor, *, axis: int = -1, largest: int = 1, sorted: int = 1
) -> tuple[Tensor, Tensor]:
    """The greatest elements of an axis, and their positions.

    Spec: https://onnx.ai/onnx/operators/onnx__TopK.html
    """
    count = integers(k, "k")
    if len(count) != 1:
        raise Unsupported(Reason.NOT_ONE_NUMBER, operand="K")
    index = checked_axis(axis, x.rank)
    if not 0 <= count[0] <= x.shape[index]:
        raise SizeError(f"the {count[0]} greatest of {x.shape[index]}")
    chosen = forgotten(x).with_dim(index, dim_of(count[0]))
    return (
        chosen.with_notes(reduced(x, [index], Reason.GREATEST)),
        chosen.with_notes(ordered(x, [index], Reason.PLACES_OF_GREATEST)),
    )


@transfer("TopK", since=1)
def top_k_1(x: Tensor, *, k: int, axis: int = -1) -> tuple[Tensor, Tensor]:
    """The greatest elements of an axis; their number is an attribute.

    Spec: https://onnx.ai/onnx/operators/text_diff_TopK_1_10.html
    """
    return top_k(x, constant([k]), axis=axis)


@transfer("ArgMax", since=1)
@transfer("ArgMin", since=1)
def arg_max(x: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Tensor:
    """The position of the greatest element of an axis.

    Spec: https://onnx.ai/onnx/operators/onnx__ArgMax.html
    """
    index = checked_axis(axis, x.rank)
    if not dim_size(x.dims[index]):
        raise SizeError("an empty axis is reduced")
    notes = ordered(x, [index], Reason.PLACE_OF_GREATEST)
    base = forgotten(x)
    dims = tuple(
        () if i == index else dim for i, dim in enumerate(base.dims) if keepdims or i != index
    )
    return derived(dims, x, notes=notes)
