"""Quantized operators of com.microsoft: standard ones with scales and zero points as inputs.

Spec: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
"""

from __future__ import annotations

from typing import Any

from shiftlint.calculus.note import Reason, Unsupported
from shiftlint.calculus.sliding_windows import Ints
from shiftlint.calculus.tensor import Parameter, Tensor, plain
from shiftlint.ops.broadcasting import broadcast, spread_over
from shiftlint.ops.concatenation import concat
from shiftlint.ops.convolution import convolved
from shiftlint.ops.elementwise import pointwise
from shiftlint.ops.matrix_products import gemm, mat_mul
from shiftlint.ops.normalization import softmax, softmax_1, whole
from shiftlint.ops.onnxruntime.fused import DOMAIN, first_channels, last_channels
from shiftlint.ops.pooling import pooled
from shiftlint.ops.quantized import by_column, by_row
from shiftlint.ops.reduction import global_average_pool
from shiftlint.ops.registry import signed, transfer


@transfer("QLinearConv", since=1, domain=DOMAIN)
def q_linear_conv(
    x: Tensor,
    x_scale: Tensor,
    x_zero_point: Tensor,
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
    channels_last: int = 0,
) -> Tensor:
    """A convolution of quantized elements, optionally of N, space, C.

    Spec:
    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearConv
    """
    image = first_channels(x) if channels_last else x
    channels = w.shape[1] * group if w.rank > 1 else 0
    result = convolved(
        image, w, kernel_shape, strides, pads, dilations, auto_pad, channels=channels
    )
    return last_channels(result) if channels_last else result


@transfer("QLinearAveragePool", since=1, domain=DOMAIN)
def q_linear_average_pool(
    x: Tensor,
    x_scale: Tensor,
    x_zero_point: Tensor | None,
    y_scale: Tensor,
    y_zero_point: Tensor | None = None,
    *,
    kernel_shape: Ints,
    strides: Ints | None = None,
    pads: Ints | None = None,
    ceil_mode: int = 0,
    auto_pad: str = "NOTSET",
    count_include_pad: int = 0,
    channels_last: int = 0,
) -> Tensor:
    """A pooling of quantized elements.

    Spec:
    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearAveragePool
    """
    image = first_channels(x) if channels_last else x
    fills = "zeros" if count_include_pad else "fewer elements"
    result = pooled(image, kernel_shape, strides, pads, None, ceil_mode, auto_pad, fills=fills)
    return last_channels(result) if channels_last else result


@transfer("QLinearGlobalAveragePool", since=1, domain=DOMAIN)
def q_linear_global_average_pool(
    x: Tensor,
    x_scale: Tensor,
    x_zero_point: Tensor,
    y_scale: Tensor,
    y_zero_point: Tensor,
    *,
    channels_last: int = 0,
) -> Tensor:
    """One value per channel.

    Spec:
    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearGlobalAveragePool
    """
    if not channels_last:
        return global_average_pool(x)
    result = global_average_pool(first_channels(x))
    return last_channels(result).with_notes(result.notes)


@transfer("QLinearAdd", since=1, domain=DOMAIN)
@transfer("QLinearMul", since=1, domain=DOMAIN)
def q_linear_add(
    a: Tensor,
    a_scale: Tensor,
    a_zero_point: Tensor | None,
    b: Tensor,
    b_scale: Tensor,
    b_zero_point: Tensor | None,
    c_scale: Tensor,
    c_zero_point: Tensor | None = None,
) -> Tensor:
    """Two tensors, element by element.

    Spec:
    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearAdd
    """
    return broadcast(a, b)


@transfer("QLinearWhere", since=1, domain=DOMAIN)
def q_linear_where(
    condition: Tensor,
    x: Tensor,
    x_scale: Tensor,
    x_zero_point: Tensor,
    y: Tensor,
    y_scale: Tensor,
    y_zero_point: Tensor,
    z_scale: Tensor,
    z_zero_point: Tensor,
) -> Tensor:
    """Choose element by element.

    Spec:
    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearWhere
    """
    return broadcast(condition, x, y)


@transfer("QLinearConcat", since=1, domain=DOMAIN)
def q_linear_concat(y_scale: Tensor, y_zero_point: Tensor, *inputs: Tensor, axis: int) -> Tensor:
    """A concatenation; every tensor is followed by its scale and zero point.

    Spec:
    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearConcat
    """
    return concat(*inputs[::3], axis=axis)


@transfer("QLinearSoftmax", since=1, domain=DOMAIN)
def q_linear_softmax(
    x: Tensor,
    x_scale: Tensor,
    x_zero_point: Tensor | None,
    y_scale: Tensor,
    y_zero_point: Tensor,
    *,
    axis: int = -1,
    opset: int,
) -> Tensor:
    """A softmax, over one axis since opset 13.

    Spec:
    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearSoftmax
    """
    return softmax(x, axis=axis) if opset >= 13 else softmax_1(x, axis=axis)


@transfer("QGemm", since=1, domain=DOMAIN)
def q_gemm(
    a: Tensor,
    a_scale: Tensor,
    a_zero_point: Tensor,
    b: Tensor,
    b_scale: Tensor,
    b_zero_point: Tensor,
    c: Tensor | None = None,
    y_scale: Tensor | None = None,
    y_zero_point: Tensor | None = None,
    *,
    alpha: float = 1.0,
    transA: int = 0,  # noqa: N803
    transB: int = 0,  # noqa: N803
) -> Tensor:
    """A matrix product and a sum.

    Spec:
    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QGemm
    """
    scales, zeros = (b_scale, b_zero_point) if not transB else (None, None)
    product = gemm(a, by_column(b, scales, zeros), c, transA=transA, transB=transB)
    return by_column(product, *((b_scale, b_zero_point) if transB else ()))


@transfer("MatMulIntegerToFloat", since=1, domain=DOMAIN)
def mat_mul_integer_to_float(
    a: Tensor,
    b: Tensor,
    a_scale: Tensor,
    b_scale: Tensor,
    a_zero_point: Tensor | None = None,
    b_zero_point: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """A matrix product of integers, scaled.

    Spec:
    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MatMulIntegerToFloat
    """
    product = mat_mul(by_row(a, a_scale, a_zero_point), by_column(b, b_scale, b_zero_point))
    return spread_over(product, bias)


@transfer("DynamicQuantizeMatMul", since=1, domain=DOMAIN)
def dynamic_quantize_mat_mul(
    a: Tensor,
    b: Tensor,
    b_scale: Tensor,
    b_zero_point: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """A matrix product; the scale is computed from this input.

    Spec:
    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.DynamicQuantizeMatMul
    """
    scaled = whole(a, range(a.rank), Reason.DYNAMIC_SCALE)
    product = mat_mul(scaled, by_column(b, b_scale, b_zero_point))
    return spread_over(product, bias)


@transfer("MatMulNBits", since=1, domain=DOMAIN)
def mat_mul_n_bits(
    a: Tensor,
    b: Tensor,
    scales: Tensor,
    zero_points: Tensor | None = None,
    g_idx: Tensor | None = None,
    bias: Tensor | None = None,
    *,
    K: int,  # noqa: N803
    N: int,  # noqa: N803
    bits: int = 4,
    block_size: int,
    accuracy_level: int = 0,
    weight_prepacked: int = 0,
) -> Tensor:
    """A product with packed weights of K rows and N columns.

    Spec:
    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MatMulNBits
    """
    if K < 1 or N < 1:
        raise Unsupported(Reason.WEIGHTS_SHAPE, rows=K, columns=N)
    product = mat_mul(a, plain(K, N))
    return spread_over(product, bias)


def _pointwise(op: str, attributes: dict[str, Any]) -> None:
    def function(
        x: Tensor,
        x_scale: Tensor,
        x_zero_point: Tensor | None,
        y_scale: Tensor,
        y_zero_point: Tensor | None = None,
        **given: Any,
    ) -> Tensor:
        return pointwise(x)

    transfer(op, since=1, domain=DOMAIN)(
        signed(function, attributes, op, "Each quantized element separately.")
    )


_pointwise("QLinearLeakyRelu", {"alpha": 0.01})
_pointwise("QLinearSigmoid", {})
