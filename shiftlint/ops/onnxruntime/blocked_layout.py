"""The blocked layout of onnxruntime's CPU provider: channels padded to whole blocks.

Domain: com.microsoft.nchwc. The spatial axes are unchanged.

Spec:
https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/core/graph/contrib_ops/nchwc_schema_defs.cc
"""

from __future__ import annotations

from dataclasses import replace

from shiftlint.calculus.note import Reason, Unsupported
from shiftlint.calculus.sliding_windows import Ints
from shiftlint.calculus.tensor import Parameter, Tensor, constant, dim_of
from shiftlint.ops.convolution import convolved
from shiftlint.ops.onnxruntime.fused import first_channels, last_channels, summed
from shiftlint.ops.pooling import average_pool, max_pool
from shiftlint.ops.reduction import global_average_pool
from shiftlint.ops.registry import transfer
from shiftlint.ops.resampling import resize

DOMAIN = "com.microsoft.nchwc"


@transfer("ReorderInput", since=1, domain=DOMAIN)
def reorder_input(x: Tensor, *, channels_last: int = 0) -> Tensor:
    """Convert to the blocked layout."""
    return replace(first_channels(x) if channels_last else x, blocked=True)


@transfer("ReorderOutput", since=1, domain=DOMAIN)
def reorder_output(x: Tensor, *, channels: int, channels_last: int = 0) -> Tensor:
    """Convert from the blocked layout: the channel padding is removed."""
    if x.rank < 3 or channels < 1:
        raise Unsupported(Reason.BLOCKED_CHANNELS, channels=channels, rank=x.rank)
    result = replace(x.with_dim(1, dim_of(channels)), blocked=False)
    return last_channels(result) if channels_last else result


@transfer("Conv", since=1, domain=DOMAIN)
def conv(
    x: Tensor,
    w: Parameter,
    b: Parameter | None = None,
    z: Tensor | None = None,
    *,
    kernel_shape: Ints | None = None,
    strides: Ints | None = None,
    pads: Ints | None = None,
    dilations: Ints | None = None,
    group: int = 1,
    auto_pad: str = "NOTSET",
    activation: str = "",
    activation_params: tuple[float, ...] = (),
) -> Tensor:
    """A convolution, a sum and an activation; channels may be padded, so they are unchecked."""
    result = convolved(x, w, kernel_shape, strides, pads, dilations, auto_pad, channels=None)
    return replace(summed(result, z if z is None else z.with_dim(1, result.dims[1])), blocked=True)


@transfer("MaxPool", since=1, domain=DOMAIN)
def nchwc_max_pool(
    x: Tensor,
    *,
    kernel_shape: Ints,
    strides: Ints | None = None,
    pads: Ints | None = None,
    dilations: Ints | None = None,
    ceil_mode: int = 0,
    auto_pad: str = "NOTSET",
    storage_order: int = 0,
) -> Tensor | tuple[Tensor, ...]:
    """Like the standard MaxPool."""
    return max_pool(
        x,
        kernel_shape=kernel_shape,
        strides=strides,
        pads=pads,
        dilations=dilations,
        ceil_mode=ceil_mode,
        auto_pad=auto_pad,
    )


@transfer("AveragePool", since=1, domain=DOMAIN)
def nchwc_average_pool(
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
    """Like the standard AveragePool."""
    return average_pool(
        x,
        kernel_shape=kernel_shape,
        strides=strides,
        pads=pads,
        dilations=dilations,
        ceil_mode=ceil_mode,
        auto_pad=auto_pad,
        count_include_pad=count_include_pad,
    )


@transfer("GlobalAveragePool", since=1, domain=DOMAIN)
@transfer("GlobalMaxPool", since=1, domain=DOMAIN)
def nchwc_global_pool(x: Tensor) -> Tensor:
    """One value per channel."""
    return global_average_pool(x)


@transfer("Upsample", since=1, domain=DOMAIN)
def nchwc_upsample(
    x: Tensor,
    *,
    scales: Ints,
    mode: str = "nearest",
    coordinate_transformation_mode: str = "asymmetric",
) -> Tensor:
    """Interpolation by whole factors."""
    factors = constant(scales, "float64")
    result = resize(
        x,
        None,
        factors,
        mode=mode,
        coordinate_transformation_mode=coordinate_transformation_mode,
        nearest_mode="floor",
    )
    return replace(result, blocked=True)
