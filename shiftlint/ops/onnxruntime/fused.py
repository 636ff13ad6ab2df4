"""Operators of com.microsoft that onnxruntime's optimizer creates: chains of standard operators.

Spec: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
"""

from __future__ import annotations

from typing import Any

from shiftlint.calculus.note import Reason, Unsupported
from shiftlint.calculus.sliding_windows import Ints
from shiftlint.calculus.tensor import Parameter, Tensor, dim_of
from shiftlint.ops.broadcasting import broadcast, spread_over
from shiftlint.ops.convolution import convolved
from shiftlint.ops.cropping import checked_axis
from shiftlint.ops.layout import transpose
from shiftlint.ops.matrix_products import gemm, mat_mul
from shiftlint.ops.normalization import ordered, whole
from shiftlint.ops.pooling import pooled
from shiftlint.ops.registry import signed, transfer, unknown

DOMAIN = "com.microsoft"


@transfer("FusedConv", since=1, domain=DOMAIN)
def fused_conv(
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
    """A convolution, a sum and an activation.

    Spec:
    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.FusedConv
    """
    channels = w.shape[1] * group if w.rank > 1 else 0
    return summed(
        convolved(x, w, kernel_shape, strides, pads, dilations, auto_pad, channels=channels), z
    )


@transfer("NhwcFusedConv", since=1, domain=DOMAIN)
def nhwc_fused_conv(
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
    """A convolution of N, space, C with standard weights, a sum, an activation.

    Spec:
    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.NhwcFusedConv
    """
    channels = w.shape[1] * group if w.rank > 1 else 0
    moved = convolved(
        first_channels(x), w, kernel_shape, strides, pads, dilations, auto_pad, channels=channels
    )
    return summed(last_channels(moved), z)


@transfer("NhwcConv", since=1, domain=DOMAIN)
def nhwc_conv(
    x: Tensor,
    w: Parameter,
    b: Parameter | None = None,
    *,
    kernel_shape: Ints | None = None,
    strides: Ints | None = None,
    pads: Ints | None = None,
    dilations: Ints | None = None,
    group: int = 1,
    auto_pad: str = "NOTSET",
) -> Tensor:
    """A convolution of N, space, C with weights of the same layout.

    Spec:
    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.NhwcConv
    """
    weights = first_channels(w)
    image = first_channels(x)
    return last_channels(
        convolved(
            image,
            weights,
            kernel_shape,
            strides,
            pads,
            dilations,
            auto_pad,
            channels=weights.shape[1] * group,
        )
    )


@transfer("NhwcMaxPool", since=1, domain=DOMAIN)
def nhwc_max_pool(
    x: Tensor,
    *,
    kernel_shape: Ints,
    strides: Ints | None = None,
    pads: Ints | None = None,
    dilations: Ints | None = None,
    ceil_mode: int = 0,
    auto_pad: str = "NOTSET",
) -> Tensor:
    """A pooling of N, space, C.

    Spec:
    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.NhwcMaxPool
    """
    return last_channels(
        pooled(
            first_channels(x),
            kernel_shape,
            strides,
            pads,
            dilations,
            ceil_mode,
            auto_pad,
            fills="-inf",
        )
    )


@transfer("FusedMatMul", since=1, domain=DOMAIN)
def fused_mat_mul(
    a: Tensor,
    b: Tensor,
    *,
    alpha: float = 1.0,
    transA: int = 0,  # noqa: N803
    transB: int = 0,  # noqa: N803
    transBatchA: int = 0,  # noqa: N803
    transBatchB: int = 0,  # noqa: N803
) -> Tensor:
    """A product of optionally transposed matrices.

    Spec:
    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.FusedMatMul
    """
    if transBatchA or transBatchB:
        raise Unsupported(Reason.TRANSPOSED_BATCHES)
    return mat_mul(_turned(a) if transA else a, _turned(b) if transB else b)


@transfer("FusedGemm", since=1, domain=DOMAIN)
def fused_gemm(
    a: Tensor,
    b: Tensor,
    c: Tensor | None = None,
    *,
    activation: str = "",
    activation_alpha: float = 0.0,
    activation_beta: float = 0.0,
    activation_gamma: float = 0.0,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,  # noqa: N803
    transB: int = 0,  # noqa: N803
) -> Tensor:
    """A matrix product, a sum and an activation.

    Spec:
    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.FusedGemm
    """
    return gemm(a, b, c, transA=transA, transB=transB)


@transfer("SkipLayerNormalization", since=1, domain=DOMAIN)
def skip_layer_normalization(
    x: Tensor,
    skip: Tensor,
    gamma: Tensor,
    beta: Tensor | None = None,
    bias: Tensor | None = None,
    *,
    epsilon: float = 1e-12,
) -> tuple[Tensor, ...]:
    """A sum, then statistics over the last dimension; the sum is the fourth result.

    Spec:
    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.SkipLayerNormalization
    """
    total = spread_over(x, skip, bias)
    normed = spread_over(whole(total, [total.rank - 1], Reason.AXIS_STATISTICS), gamma, beta)
    return normed, normed, normed, total


@transfer("SkipSimplifiedLayerNormalization", since=1, domain=DOMAIN)
def skip_simplified_layer_normalization(
    x: Tensor, skip: Tensor, gamma: Tensor, bias: Tensor | None = None, *, epsilon: float = 1e-12
) -> tuple[Tensor, ...]:
    """A sum, then a norm over the last dimension; the sum is the fourth result.

    Spec: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
    """
    return skip_layer_normalization(x, skip, gamma, None, bias)


@transfer("SimplifiedLayerNormalization", since=1)
@transfer("SimplifiedLayerNormalization", since=1, domain=DOMAIN)
def simplified_layer_normalization(
    x: Tensor, scale: Tensor, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Tensor:
    """A norm over the last dimensions from `axis` on.

    Spec: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
    """
    return spread_over(
        whole(x, range(checked_axis(axis, x.rank), x.rank), Reason.AXIS_STATISTICS), scale
    )


@transfer("GroupNorm", since=1, domain=DOMAIN)
@transfer("SkipGroupNorm", since=1, domain=DOMAIN)
def group_norm(
    x: Tensor,
    gamma: Parameter,
    beta: Parameter,
    skip: Tensor | None = None,
    bias: Parameter | None = None,
    *,
    groups: int,
    activation: int = 0,
    channels_last: int = 1,
    epsilon: float = 1e-5,
) -> Tensor:
    """Statistics over the space of each group of channels; N, space, C by default.

    Spec:
    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.GroupNorm
    """
    total = x if skip is None else broadcast(x, skip)
    axes = range(1, x.rank - 1) if channels_last else range(2, x.rank)
    normed = whole(total, axes, Reason.STATISTICS)
    return normed.with_notes(
        ordered(total, [total.rank - 1 if channels_last else 1], Reason.GROUPED)
    )


@transfer("BiasSplitGelu", since=1, domain=DOMAIN)
def bias_split_gelu(x: Tensor, bias: Tensor) -> Tensor:
    """A sum; one half of the channels gates the other.

    Spec:
    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.BiasSplitGelu
    """
    total = broadcast(x, bias)
    if any(atom.track for atom in total.dims[-1]):
        raise Unsupported(Reason.AXIS_AS_CHANNELS)
    return total.with_dim(-1, dim_of(total.shape[-1] // 2))


@transfer("BiasSoftmax", since=1, domain=DOMAIN)
def bias_softmax(data: Tensor, bias: Tensor, *, axis: int = 1, is_inner_broadcast: int) -> Tensor:
    """A sum, then a softmax over the dimensions from `axis` on.

    Spec:
    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.BiasSoftmax
    """
    if not is_inner_broadcast:
        raise Unsupported(Reason.REPEATED_BIAS)
    total = broadcast(data, bias)
    along = range(checked_axis(axis, total.rank), total.rank)
    return whole(total, along, Reason.SOFTMAX)


def _table(op: str, attributes: dict[str, Any]) -> None:
    def function(x: Tensor, *others: Tensor | None, **given: Any) -> Tensor:
        return broadcast(x, *(other for other in others if other is not None))

    transfer(op, since=1, domain=DOMAIN)(
        signed(function, attributes, op, "Combine tensors element by element.")
    )


MEETING: dict[str, dict[str, Any]] = {
    "Gelu": {},
    "QuickGelu": {"alpha": 1.702},
    "FastGelu": {},
    "BiasGelu": {},
    "BiasAdd": {},
    "BiasDropout": {"seed": 0},
}
for _op, _attributes in MEETING.items():
    _table(_op, _attributes)
for _op in ("EmbedLayerNormalization", "DecoderAttention", "LongformerAttention", "QAttention"):
    unknown(_op, Reason.LANGUAGE_MODEL, domain=DOMAIN)


def summed(result: Tensor, z: Tensor | None) -> Tensor:
    """The result plus `z`, if given."""
    return result if z is None else broadcast(result, z)


def first_channels(x: Tensor) -> Tensor:
    """N, space, C as N, C, space."""
    if x.rank < 3:
        raise Unsupported(Reason.RANK, rank=x.rank)
    return transpose(x, perm=(0, x.rank - 1, *range(1, x.rank - 1)))


def last_channels(x: Tensor) -> Tensor:
    """N, C, space as N, space, C; notes are kept."""
    return transpose(x, perm=(0, *range(2, x.rank), 1))


def _turned(x: Tensor) -> Tensor:
    if x.rank < 2:
        return x
    return transpose(x, perm=(*range(x.rank - 2), x.rank - 1, x.rank - 2))
