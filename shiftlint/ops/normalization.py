"""Normalizations: pointwise with stored statistics, global with statistics of the image."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from shiftlint.calculus.note import Kind, Note, Reason, SizeError, Unsupported
from shiftlint.calculus.tensor import Atom, Tensor, dim_size, follows
from shiftlint.ops.broadcasting import along, broadcast, spread_over
from shiftlint.ops.cropping import checked_axis
from shiftlint.ops.elementwise import pointwise
from shiftlint.ops.registry import numbered, transfer


@transfer("BatchNormalization", since=7)
@numbered(elementwise=True)
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
    """Pointwise with stored statistics; in training mode, statistics of this input.

    Spec: https://onnx.ai/onnx/operators/onnx__BatchNormalization.html
    """
    result = pointwise(x)
    if training_mode:
        result = whole(x, [i for i in range(x.rank) if i != 1], Reason.BATCH_STATISTICS)
    if not spatial:  # one number per position
        return broadcast(result, scale, b, mean, var)
    return by_channel(result, scale, b, mean, var)


@transfer("InstanceNormalization", since=1)
def instance_normalization(x: Tensor, scale: Tensor, b: Tensor, *, epsilon: float = 1e-5) -> Tensor:
    """Statistics over the space of each channel.

    Spec: https://onnx.ai/onnx/operators/onnx__InstanceNormalization.html
    """
    return by_channel(whole(x, range(2, x.rank), Reason.STATISTICS), scale, b)


@transfer("GroupNormalization", since=21)
def group_normalization(
    x: Tensor,
    scale: Tensor,
    bias: Tensor,
    *,
    num_groups: int,
    epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Tensor:
    """Statistics over the space of each group of channels.

    Spec: https://onnx.ai/onnx/operators/onnx__GroupNormalization.html
    """
    return by_channel(_grouped(x, num_groups), scale, bias)


@transfer("GroupNormalization", since=18)
def group_normalization_18(
    x: Tensor, scale: Tensor, bias: Tensor, *, num_groups: int, epsilon: float = 1e-5
) -> Tensor:
    """Group normalization with a scale for each group.

    Spec: https://onnx.ai/onnx/operators/text_diff_GroupNormalization_18_21.html
    """
    if scale.shape != (num_groups,) or bias.shape != (num_groups,):
        raise SizeError(
            f"parameters of shape {scale.shape} and {bias.shape} for {num_groups} groups"
        )
    for t in (scale, bias):
        if t.from_image:
            raise Unsupported(Reason.OPERAND_FROM_IMAGE, operand="scale")
    return _grouped(x, num_groups)


@transfer("LayerNormalization", since=17)
def layer_normalization(
    x: Tensor,
    scale: Tensor,
    b: Tensor | None = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Tensor:
    """Statistics over the last dimensions from `axis` on.

    Spec: https://onnx.ai/onnx/operators/onnx__LayerNormalization.html
    """
    return _scaled(x, axis, scale, b)


@transfer("RMSNormalization", since=23)
def rms_normalization(
    x: Tensor, scale: Tensor, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Tensor:
    """A norm over the last dimensions from `axis` on.

    Spec: https://onnx.ai/onnx/operators/onnx__RMSNormalization.html
    """
    return _scaled(x, axis, scale)


@transfer("MeanVarianceNormalization", since=9)
def mean_variance_normalization(x: Tensor, *, axes: tuple[int, ...] = (0, 2, 3)) -> Tensor:
    """Statistics over the given axes.

    Spec: https://onnx.ai/onnx/operators/onnx__MeanVarianceNormalization.html
    """
    return whole(x, {checked_axis(axis, x.rank) for axis in axes}, Reason.STATISTICS)


@transfer("LRN", since=1)
def lrn(
    x: Tensor, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0
) -> Tensor:
    """A norm over neighboring channels.

    Spec: https://onnx.ai/onnx/operators/onnx__LRN.html
    """
    if x.rank < 2:
        raise Unsupported(Reason.RANK, rank=x.rank)
    return whole(x, [1], Reason.CHANNEL_NORM)


@transfer("LpNormalization", since=1)
def lp_normalization(x: Tensor, *, axis: int = -1, p: int = 2) -> Tensor:
    """A norm along one axis.

    Spec: https://onnx.ai/onnx/operators/onnx__LpNormalization.html
    """
    return whole(x, [checked_axis(axis, x.rank)], Reason.NORM)


@transfer("Softmax", since=13)
@transfer("LogSoftmax", since=13)
@transfer("Hardmax", since=13)
def softmax(x: Tensor, *, axis: int = -1) -> Tensor:
    """A sum along one axis.

    Spec: https://onnx.ai/onnx/operators/onnx__Softmax.html
    """
    return whole(x, [checked_axis(axis, x.rank)], Reason.SOFTMAX)


@transfer("Softmax", since=1)
@transfer("LogSoftmax", since=1)
@transfer("Hardmax", since=1)
def softmax_1(x: Tensor, *, axis: int = 1) -> Tensor:
    """A sum over all dimensions from `axis` on.

    Spec: https://onnx.ai/onnx/operators/text_diff_Softmax_11_13.html
    """
    return whole(x, range(checked_axis(axis, x.rank), x.rank), Reason.SOFTMAX)


def _scaled(x: Tensor, axis: int, *parameters: Tensor | None) -> Tensor:
    """A norm over the dimensions from `axis` on, times parameters of their sizes."""
    normed = whole(x, range(checked_axis(axis, x.rank), x.rank), Reason.AXIS_STATISTICS)
    return spread_over(normed, *parameters)


def _grouped(x: Tensor, groups: int) -> Tensor:
    """`x` normalized over each group of channels."""
    channels = dim_size(x.dims[checked_axis(1, x.rank)])
    if groups < 1 or channels % groups:
        raise SizeError(f"{channels} channels in {groups} groups")
    return whole(x, range(2, x.rank), Reason.STATISTICS).with_notes(ordered(x, [1], Reason.GROUPED))


def by_channel(x: Tensor, *parameters: Tensor) -> Tensor:
    """`x` with numbers per channel, perhaps computed from the image; rows may act as channels."""
    if x.rank < 2:
        return x
    channels = dim_size(x.dims[1])
    if any(t.shape != (channels,) for t in parameters):
        raise SizeError(
            f"parameters of shape {', '.join(str(t.shape) for t in parameters)} for {channels} "
            "channels"
        )
    if not (follows(x.dims[1]) or any(t.from_image for t in parameters)):
        return x
    return broadcast(x, *[along(t, x.rank - 2) for t in parameters])


def whole(x: Tensor, axes: Iterable[int], reason: Reason) -> Tensor:
    """The same axes; every element depends on all of `axes`."""
    dims = tuple(tuple(atom if atom.track else Atom(atom.size) for atom in dim) for dim in x.dims)
    return replace(x, dims=dims, elements=None).with_notes(reduced(x, axes, reason))


def reduced(x: Tensor, axes: Iterable[int], reason: Reason) -> list[Note]:
    """A global note for every image axis among `axes`, with the period of the reduced axis.

    Raises
    ------
    Unsupported
        The tensor has no such axis.
    """
    return [
        Note(Kind.GLOBAL, atom.track.axis, reason, atom.track.whole or atom.track.relation.period)
        for index in axes
        for atom in x.dims[checked_axis(index, x.rank)]
        if atom.track
    ]


def ordered(x: Tensor, axes: Iterable[int], reason: Reason) -> list[Note]:
    """Global and position notes: weighted sums, running sums and transforms along image axes."""
    notes = reduced(x, axes, reason)
    return notes + [Note(Kind.POSITION, note.axis, reason) for note in notes]
