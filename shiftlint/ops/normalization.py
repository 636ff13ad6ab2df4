"""Normalizations: pointwise where the statistics are stored, global where they are taken over the image."""

from __future__ import annotations

from dataclasses import replace

from shiftlint.axes import Kind, Note, Tensor
from shiftlint.ops.cropping import checked_axis
from shiftlint.ops.elementwise import pointwise
from shiftlint.transfer import transfer


@transfer("BatchNormalization", since=7)
def batch_normalization(
    x: Tensor,
    scale: Tensor,
    b: Tensor,
    mean: Tensor,
    var: Tensor,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    spatial: int = 1,
    training_mode: int = 0,
) -> Tensor:
    """Stored statistics: pointwise. In training mode they are those of this very input.

    Spec: https://onnx.ai/onnx/operators/onnx__BatchNormalization.html
    """
    if training_mode:
        return whole(x, [i for i in range(x.rank) if i != 1], "batch statistics (training mode)")
    return pointwise(x)


@transfer("InstanceNormalization", since=1)
def instance_normalization(x: Tensor, scale: Tensor, b: Tensor, *, epsilon: float = 1e-5) -> Tensor:
    """Statistics over the space of each channel.

    Spec: https://onnx.ai/onnx/operators/onnx__InstanceNormalization.html
    """
    return whole(x, range(2, x.rank), "statistics over the whole image")


@transfer("GroupNormalization", since=18)
def group_normalization(
    x: Tensor, scale: Tensor, bias: Tensor, *, num_groups: int, epsilon: float = 1e-5, stash_type: int = 1
) -> Tensor:
    """Statistics over the space of each group of channels.

    Spec: https://onnx.ai/onnx/operators/onnx__GroupNormalization.html
    """
    return whole(x, range(2, x.rank), "statistics over the whole image")


@transfer("LayerNormalization", since=17)
def layer_normalization(
    x: Tensor, scale: Tensor, b: Tensor | None = None, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Tensor:
    """Statistics over the last dimensions from `axis` on.

    Spec: https://onnx.ai/onnx/operators/onnx__LayerNormalization.html
    """
    return whole(x, range(checked_axis(axis, x.rank), x.rank), "statistics over the whole axis")


@transfer("LpNormalization", since=1)
def lp_normalization(x: Tensor, *, axis: int = -1, p: int = 2) -> Tensor:
    """A norm along one axis.

    Spec: https://onnx.ai/onnx/operators/onnx__LpNormalization.html
    """
    return whole(x, [checked_axis(axis, x.rank)], "a norm over the whole axis")


@transfer("Softmax", since=13)
@transfer("LogSoftmax", since=13)
@transfer("Hardmax", since=13)
def softmax(x: Tensor, *, axis: int = -1) -> Tensor:
    """A sum along one axis.

    Spec: https://onnx.ai/onnx/operators/onnx__Softmax.html
    """
    return whole(x, [checked_axis(axis, x.rank)], "a softmax over the whole axis")


@transfer("Softmax", since=1)
@transfer("LogSoftmax", since=1)
@transfer("Hardmax", since=1)
def softmax_1(x: Tensor, *, axis: int = 1) -> Tensor:
    """A sum over all dimensions from `axis` on.

    Spec: https://onnx.ai/onnx/operators/text_diff_Softmax_11_13.html
    """
    return whole(x, range(checked_axis(axis, x.rank), x.rank), "a softmax over the whole axis")


def whole(x: Tensor, axes: range | list[int], reason: str) -> Tensor:
    """The same axes, every element depending on all of `axes`."""
    return replace(x, value=None, uniform=False).with_notes(reduced(x, axes, reason))


def reduced(x: Tensor, axes: range | list[int], reason: str) -> list[Note]:
    """A global note for every image axis among `axes`; it stays the same under shifts by the period of what is reduced."""
    return [
        Note(Kind.GLOBAL, atom.track.axis, reason, atom.track.relation.period)
        for index in axes
        for atom in x.dims[index]
        if atom.track
    ]
