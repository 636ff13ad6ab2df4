"""Convolutions: windows over the spatial axes, mixing the channels."""

from __future__ import annotations

from dataclasses import replace

from shiftlint.axes import Tensor, Unsupported, dim_of
from shiftlint.transfer import transfer
from shiftlint.windows import Ints, check_channels, geometries, slide, slide_transposed


@transfer("Conv", since=1)
def conv(
    x: Tensor,
    w: Tensor,
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
    _check(x, w)
    notes = check_channels(x, w.shape[1] * group)
    geometry = geometries(x.shape[2:], kernel_shape or w.shape[2:], strides, dilations, pads, auto_pad)
    dims, more = slide(x, geometry, fills="zeros")
    return Tensor((x.dims[0], dim_of(w.shape[0]), *dims), from_image=x.from_image, notes=frozenset(notes + more))


@transfer("ConvTranspose", since=1)
def conv_transpose(
    x: Tensor,
    w: Tensor,
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
    """Output j reads ceil((j + pad - (k-1)·d) / s) … floor((j + pad) / s): b = stride, learned upsampling.

    Spec: https://onnx.ai/onnx/operators/onnx__ConvTranspose.html
    """
    _check(x, w)
    notes = check_channels(x, w.shape[0])
    rank = x.rank - 2
    explicit = auto_pad if auto_pad in {"NOTSET", "VALID"} else "NOTSET"  # SAME pads follow from the output size instead
    geometry = geometries(x.shape[2:], kernel_shape or w.shape[2:], strides, dilations, pads, explicit)
    dims, more = slide_transposed(x, geometry, output_padding or (0,) * rank, output_shape and output_shape[-rank:], auto_pad)
    upsamples = any(one.stride > 1 for one in geometry)
    result = Tensor((x.dims[0], dim_of(w.shape[1] * group), *dims), from_image=x.from_image, notes=frozenset(notes + more))
    return replace(result, upsampling=frozenset({"learned"})) if upsamples else result


def _check(x: Tensor, w: Tensor) -> None:
    if x.rank < 3 or x.rank != w.rank:
        raise Unsupported(f"an input of rank {x.rank} with weights of rank {w.rank}")
    if w.from_image:
        raise Unsupported("weights that depend on the image")
