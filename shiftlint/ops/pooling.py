"""Pooling: windows over the spatial axes per channel; for global pooling see `reduction`."""

from __future__ import annotations

from dataclasses import replace

from shiftlint.calculus.note import Reason, Unsupported
from shiftlint.calculus.sliding_windows import Geometry, Ints, geometries, slide
from shiftlint.calculus.tensor import Dim, Tensor, dim_size
from shiftlint.ops.broadcasting import forgotten
from shiftlint.ops.registry import transfer


@transfer("MaxPool", since=1)
def max_pool(
    x: Tensor,
    *,
    kernel_shape: Ints,
    strides: Ints | None = None,
    pads: Ints | None = None,
    dilations: Ints | None = None,
    ceil_mode: int = 0,
    auto_pad: str = "NOTSET",
    storage_order: int = 0,
    outputs: int = 1,
) -> Tensor | tuple[Tensor, ...]:
    """Each output reads one kernel window: a = stride, reads [-pad, (k-1)·d - pad].

    The second output, the indices of the maxima, counts from the start of the tensor and has no
    period.

    Spec: https://onnx.ai/onnx/operators/onnx__MaxPool.html
    """
    result = pooled(x, kernel_shape, strides, pads, dilations, ceil_mode, auto_pad, fills="-inf")
    if outputs == 1:
        return result
    raise Unsupported(Reason.INDICES_OF_MAXIMA)


@transfer("AveragePool", since=1)
def average_pool(
    x: Tensor,
    *,
    kernel_shape: Ints,
    strides: Ints | None = None,
    pads: Ints | None = None,
    dilations: Ints | None = None,
    ceil_mode: int = 0,
    auto_pad: str = "NOTSET",
    count_include_pad: int = 0,
) -> Tensor:
    """Each output reads one kernel window: a = stride, reads [-pad, (k-1)·d - pad].

    Spec: https://onnx.ai/onnx/operators/onnx__AveragePool.html
    """
    fills = "zeros" if count_include_pad else "fewer elements"
    return pooled(x, kernel_shape, strides, pads, dilations, ceil_mode, auto_pad, fills=fills)


@transfer("LpPool", since=1)
def lp_pool(
    x: Tensor,
    *,
    kernel_shape: Ints,
    strides: Ints | None = None,
    pads: Ints | None = None,
    dilations: Ints | None = None,
    ceil_mode: int = 0,
    auto_pad: str = "NOTSET",
    p: int = 2,
) -> Tensor:
    """Each output reads one kernel window: a = stride, reads [-pad, (k-1)·d - pad].

    Spec: https://onnx.ai/onnx/operators/onnx__LpPool.html
    """
    return pooled(
        x, kernel_shape, strides, pads, dilations, ceil_mode, auto_pad, fills="zeros", strict=False
    )


def pooled(
    x: Tensor,
    kernel_shape: Ints,
    strides: Ints | None,
    pads: Ints | None,
    dilations: Ints | None,
    ceil_mode: int,
    auto_pad: str,
    *,
    fills: str,
    strict: bool = True,
) -> Tensor:
    """Slide a window over space per channel; one over a whole axis weights all elements equally."""
    if x.rank < 3:
        raise Unsupported(Reason.RANK, rank=x.rank)
    geometry = geometries(
        x.shape[2:], kernel_shape, strides, dilations, pads, auto_pad, strict=strict
    )
    dims, notes = slide(x, geometry, fills=fills, ceil_mode=bool(ceil_mode))
    dims = [
        _marked(new, old, one) for new, old, one in zip(dims, x.dims[2:], geometry, strict=True)
    ]
    return replace(forgotten(x), dims=(*x.dims[:2], *dims)).with_notes(notes)


def _marked(new: Dim, old: Dim, one: Geometry) -> Dim:
    """The pooled dimension, marked if one window covers exactly the whole old one."""
    size = dim_size(old)
    whole = (
        size > 1
        and dim_size(new) == 1
        and (one.kernel, one.dilation, one.before, one.after) == (size, 1, 0, 0)
    )
    if not whole or not new or not new[0].track or not old[0].track:
        return new
    return (new[0]._replace(track=new[0].track._replace(whole=old[0].track.relation.period)),)
