"""Quantization: pointwise with stored scales, global with scales taken from the image."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from shiftlint.calculus.note import Reason, SizeError
from shiftlint.calculus.sliding_windows import Ints
from shiftlint.calculus.tensor import Parameter, Tensor, dim_size, plain
from shiftlint.ops.broadcasting import along, broadcast, forgotten
from shiftlint.ops.convolution import convolved
from shiftlint.ops.cropping import checked_axis
from shiftlint.ops.elementwise import pointwise
from shiftlint.ops.matrix_products import mat_mul
from shiftlint.ops.normalization import ordered, whole
from shiftlint.ops.registry import transfer


@transfer("QuantizeLinear", since=10)
@transfer("QuantizeLinear", since=1, domain="com.microsoft")
def quantize_linear(
    x: Tensor,
    y_scale: Tensor,
    y_zero_point: Tensor | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
    precision: int = 0,
    saturate: int = 1,
) -> Tensor:
    """Each element separately, with one scale or one per position along `axis`.

    Spec: https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html
    """
    return _scaled(x, y_scale, y_zero_point, axis, block_size)


@transfer("DequantizeLinear", since=10)
@transfer("DequantizeLinear", since=1, domain="com.microsoft")
def dequantize_linear(
    x: Tensor,
    x_scale: Tensor,
    x_zero_point: Tensor | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
) -> Tensor:
    """Each element separately, with one scale or one per position along `axis`.

    Spec: https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html
    """
    return _scaled(x, x_scale, x_zero_point, axis, block_size)


@transfer("DynamicQuantizeLinear", since=11)
def dynamic_quantize_linear(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Scale and zero point are computed from the extremes of this input.

    Spec: https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html
    """
    y = whole(x, range(x.rank), Reason.DYNAMIC_SCALE)
    parameter = replace(plain(), from_image=x.from_image, notes=y.notes)
    return y, parameter, parameter


@transfer("ConvInteger", since=10)
def conv_integer(
    x: Tensor,
    w: Parameter,
    x_zero_point: Parameter | None = None,
    w_zero_point: Parameter | None = None,
    *,
    kernel_shape: Ints | None = None,
    strides: Ints | None = None,
    pads: Ints | None = None,
    dilations: Ints | None = None,
    group: int = 1,
    auto_pad: str = "NOTSET",
) -> Tensor:
    """A convolution of integers.

    Spec: https://onnx.ai/onnx/operators/onnx__ConvInteger.html
    """
    for zero_point in (x_zero_point, w_zero_point):
        if zero_point is not None and prod(zero_point.shape) != 1:
            raise SizeError(f"a zero point of shape {zero_point.shape}, which onnxruntime rejects")
    channels = w.shape[1] * group if w.rank > 1 else 0
    return convolved(x, w, kernel_shape, strides, pads, dilations, auto_pad, channels=channels)


@transfer("QLinearConv", since=10)
def q_linear_conv(
    x: Tensor,
    x_scale: Parameter,
    x_zero_point: Parameter,
    w: Parameter,
    w_scale: Parameter,
    w_zero_point: Parameter,
    y_scale: Parameter,
    y_zero_point: Parameter,
    b: Parameter | None = None,
    *,
    kernel_shape: Ints | None = None,
    strides: Ints | None = None,
    pads: Ints | None = None,
    dilations: Ints | None = None,
    group: int = 1,
    auto_pad: str = "NOTSET",
) -> Tensor:
    """A convolution of quantized elements.

    Spec: https://onnx.ai/onnx/operators/onnx__QLinearConv.html
    """
    channels = w.shape[1] * group if w.rank > 1 else 0
    return convolved(x, w, kernel_shape, strides, pads, dilations, auto_pad, channels=channels)


@transfer("MatMulInteger", since=10)
def mat_mul_integer(
    a: Tensor, b: Tensor, a_zero_point: Tensor | None = None, b_zero_point: Tensor | None = None
) -> Tensor:
    """A matrix product of integers.

    Spec: https://onnx.ai/onnx/operators/onnx__MatMulInteger.html
    """
    return mat_mul(by_row(a, a_zero_point), by_column(b, b_zero_point))


@transfer("QLinearMatMul", since=10)
def q_linear_mat_mul(
    a: Tensor,
    a_scale: Tensor,
    a_zero_point: Tensor,
    b: Tensor,
    b_scale: Tensor,
    b_zero_point: Tensor,
    y_scale: Tensor,
    y_zero_point: Tensor,
) -> Tensor:
    """A matrix product of quantized elements.

    Spec: https://onnx.ai/onnx/operators/onnx__QLinearMatMul.html
    """
    product = mat_mul(by_row(a, a_scale, a_zero_point), by_column(b, b_scale, b_zero_point))
    return by_row(product, y_scale, y_zero_point)


def by_row(x: Tensor, *parameters: Tensor | None) -> Tensor:
    """A matrix with one number per row; scalar parameters are skipped."""
    return broadcast(
        x,
        *[
            along(t, 1) if t.rank == 1 else t
            for t in parameters
            if t is not None and t.shape not in {(), (1,)}
        ],
    )


def by_column(x: Tensor, *parameters: Tensor | None) -> Tensor:
    """A matrix with one number per column; scalar parameters are skipped."""
    return broadcast(x, *[t for t in parameters if t is not None and t.shape not in {(), (1,)}])


def _scaled(
    x: Tensor, scale: Tensor, zero_point: Tensor | None, axis: int, block_size: int
) -> Tensor:
    """`x` with parameters that are scalars, run along `axis`, or (in blocks) have its rank."""
    base = forgotten(x)
    parameters = [t for t in (scale, zero_point) if t is not None and t.shape not in {(), (1,)}]
    if not parameters:
        return pointwise(x)
    axis = checked_axis(axis, x.rank)
    if block_size or any(t.rank != 1 for t in parameters):
        return base.with_notes(ordered(x, range(x.rank), Reason.QUANTIZED_IN_BLOCKS))
    rest = x.rank - axis - 1
    lying = [along(t, rest) for t in parameters if dim_size(t.dims[0]) == dim_size(x.dims[axis])]
    if len(lying) != len(parameters):
        return base.with_notes(ordered(x, [axis], Reason.SCALES_MISFIT))
    return broadcast(base, *lying)
