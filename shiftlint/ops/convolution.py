"""Convolutions: windows over the spatial axes that mix the channels."""

from __future__ import annotations

from dataclasses import replace

from shiftlint.calculus.combine import combine_dims
from shiftlint.calculus.note import Reason, SizeError, Unsupported
from shiftlint.calculus.sliding_windows import (
    Ints,
    check_channels,
    geometries,
    slide,
    slide_transposed,
)
from shiftlint.calculus.tensor import Parameter, Tensor, derived, dim_of, dim_size
from shiftlint.ops.broadcasting import along, broadcast
from shiftlint.ops.normalization import reduced
from shiftlint.ops.registry import transfer


@transfer("Conv", since=1)
def conv(
    x: Tensor,
    w: Parameter,
    b: Tensor | None = None,
    *,
    kernel_shape: Ints | None = None,
    strides: Ints | None = None,
    pads: Ints | None = None,
    dilations: Ints | None = None,
    group: int = 1,
    auto_pad: str = "NOTSET",
) -> Tensor:
    """Each output reads one kernel window: a = stride, reads [-pad, (k-1)·d - pad].

    Spec: https://onnx.ai/onnx/operators/onnx__Conv.html
    """
    channels = dim_size(w.dims[1]) * group if w.rank > 1 else 0
    return biased(
        convolved(x, w, kernel_shape, strides, pads, dilations, auto_pad, channels=channels), b
    )


def convolved(
    x: Tensor,
    w: Parameter,
    kernel_shape: Ints | None,
    strides: Ints | None,
    pads: Ints | None,
    dilations: Ints | None,
    auto_pad: str,
    *,
    channels: int | None,
) -> Tensor:
    """Convolve with weights of shape (outputs, inputs, kernel…); `channels` None: unchecked."""
    outputs, _, *kernel = _check(x, w)
    if auto_pad.startswith("SAME") and max(dilations or (1,)) > 1:
        raise SizeError(f"dilations with auto_pad {auto_pad}, which onnxruntime rejects")
    notes = check_channels(x, channels)
    geometry = geometries(x.shape[2:], kernel_shape or kernel, strides, dilations, pads, auto_pad)
    dims, more = slide(x, geometry, fills="zeros")
    return derived((x.dims[0], dim_of(outputs), *dims), x, w, notes=notes + more)


@transfer("ConvTranspose", since=1)
def conv_transpose(
    x: Tensor,
    w: Parameter,
    b: Tensor | None = None,
    *,
    kernel_shape: Ints | None = None,
    strides: Ints | None = None,
    pads: Ints | None = None,
    output_padding: Ints | None = None,
    output_shape: Ints | None = None,
    dilations: Ints | None = None,
    group: int = 1,
    auto_pad: str = "NOTSET",
) -> Tensor:
    """Output j reads ceil((j + pad - (k-1)·d) / s) … floor((j + pad) / s): b = stride; learned.

    Spec: https://onnx.ai/onnx/operators/onnx__ConvTranspose.html
    """
    _check(x, w)
    notes = check_channels(x, w.shape[0])
    rank = x.rank - 2
    # SAME pads depend on the output size instead
    explicit = auto_pad if auto_pad in {"NOTSET", "VALID"} else "NOTSET"
    geometry = geometries(
        x.shape[2:], kernel_shape or w.shape[2:], strides, dilations, pads, explicit
    )
    dims, more = slide_transposed(
        x, geometry, output_padding or (0,) * rank, output_shape and output_shape[-rank:], auto_pad
    )
    learned = frozenset({"learned"} if any(one.stride > 1 for one in geometry) else ())
    return biased(
        derived(
            (x.dims[0], dim_of(w.shape[1] * group), *dims),
            x,
            w,
            notes=notes + more,
            upsampling=learned,
        ),
        b,
    )


@transfer("DeformConv", since=19)
def deform_conv(
    x: Tensor,
    w: Parameter,
    offset: Tensor,
    b: Tensor | None = None,
    mask: Tensor | None = None,
    *,
    kernel_shape: Ints | None = None,
    strides: Ints | None = None,
    pads: Ints | None = None,
    dilations: Ints | None = None,
    group: int = 1,
    offset_group: int = 1,
) -> Tensor:
    """Taps move by offsets computed from the image: equivariant, but no window bounds it.

    Spec: https://onnx.ai/onnx/operators/onnx__DeformConv.html
    """
    result = conv(
        x,
        w,
        b,
        kernel_shape=kernel_shape,
        strides=strides,
        pads=pads,
        dilations=dilations,
        group=group,
    )
    dims, notes = list(result.dims[:2]), reduced(x, range(2, x.rank), Reason.OFFSETS)
    for index in range(2, x.rank):
        dim = result.dims[index]
        for other in (offset, mask):
            if other is not None:
                if other.rank != x.rank or dim_size(other.dims[index]) != dim_size(dim):
                    raise SizeError(
                        f"offsets of shape {other.shape} for an output of shape {result.shape}"
                    )
                dim, more = combine_dims(dim, other.dims[index])
                notes += more
        dims.append(dim)
    return replace(result, dims=tuple(dims)).with_notes(notes)


@transfer("CausalConvWithState", since=27)
def causal_conv_with_state(
    x: Tensor,
    weight: Parameter,
    bias: Parameter | None = None,
    past_state: Parameter | None = None,
    *,
    activation: str = "none",
) -> Tensor:
    """A convolution over each element and the k - 1 elements before it.

    Spec: https://onnx.ai/onnx/operators/onnx__CausalConvWithState.html
    """
    _check(x, weight)
    if past_state is not None and past_state.shape != (*x.shape[:2], weight.shape[-1] - 1):
        raise SizeError(f"a state of shape {past_state.shape} for an input of shape {x.shape}")
    return convolved(
        x, weight, None, None, (weight.shape[-1] - 1, 0), None, "NOTSET", channels=weight.shape[0]
    )


def biased(result: Tensor, bias: Tensor | None) -> Tensor:
    """The result with a bias per channel, which may be computed from the image."""
    return (
        result
        if bias is None or not bias.from_image
        else broadcast(result, along(bias, result.rank - 2))
    )


def _check(x: Tensor, w: Tensor) -> tuple[int, ...]:
    """The shape of the weights."""
    if x.rank < 3 or x.rank != w.rank:
        raise Unsupported(Reason.RANKS, ranks=(x.rank, w.rank))
    shape = w.shape
    if not all(shape):
        raise SizeError(f"weights of shape {shape}")
    return shape
