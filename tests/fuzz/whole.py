"""Blocks that depend on the whole image, place, batch or chance, in values or in the last bits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.fuzz.builder import Builder, Feature
from tests.fuzz.steering import count_of, widened


def normalized(b: Builder, x: Feature) -> Feature:
    """A norm over the image, or over one axis of it."""
    last = list(range(2, 2 + b.rank))
    match b.integer(0, 6):
        case 0 | 1:
            axis = b.integer(1, 1 + b.rank)
            shape = b.op("Shape", [x.name], start=axis)
            uniform = b.op("Expand", [b.number(b.choice(1, 2)), shape])
            scale = b.choice(
                uniform, b.constant(np.full([1] * (2 + b.rank - axis), 2, np.float32)), uniform
            )
            kind = "RMSNormalization" if b.opset >= 23 and b.chance(0.5) else "LayerNormalization"
            return Feature(b.op(kind, [x.name, scale], axis=axis), x.channels)
        case 2:
            return Feature(
                b.op(
                    "InstanceNormalization", [x.name, b.weights(x.channels), b.weights(x.channels)]
                ),
                x.channels,
            )
        case 3 if b.opset >= 21:
            return Feature(
                b.op(
                    "GroupNormalization",
                    [x.name, b.weights(x.channels), b.weights(x.channels)],
                    num_groups=1,
                ),
                x.channels,
            )
        case 4:
            mean = b.reduced("ReduceMean", x.name, last)
            return Feature(b.op("Sub", [x.name, mean]), x.channels)
        case 5:
            return Feature(b.op("Softmax", [x.name], axis=b.integer(2, 1 + b.rank)), x.channels)
        case _:
            kind = b.choice("LpNormalization", "LpNormalization", "Softmax")
            return Feature(b.op(kind, [x.name], axis=-1), x.channels)


def along_the_image(b: Builder, x: Feature) -> Feature:
    """Parameters that are computed from the image, or that lie along it."""
    last = list(range(2, 2 + b.rank))
    zeros, ones = (
        b.constant(np.zeros(x.channels, np.float32)),
        b.constant(np.ones(x.channels, np.float32)),
    )
    match b.integer(0, 6):
        case 0:  # statistics of the whole, or of one px
            part = x.name if b.chance(0.5) else _first_px(b, x)
            scale = b.op("Abs", [b.reduced("ReduceMean", part, [0, *last], keepdims=0)])
            return Feature(
                b.op("BatchNormalization", [x.name, scale, zeros, zeros, ones]), x.channels
            )
        case 1:
            bias = b.reduced(
                "ReduceMean", x.name if b.chance(0.5) else _first_px(b, x), [0, *last], keepdims=0
            )
            return Feature(
                b.op("Conv", [x.name, b.weights(x.channels, x.channels, *[1] * b.rank), bias]),
                x.channels,
            )
        case 2 | 3:  # an axis of the image stands for channels
            order = [0, 1 + b.rank, *range(1, 1 + b.rank)]
            turned = b.op("Transpose", [x.name], perm=order)
            ramp = _ramp(b, x, 1 + b.rank)
            if b.chance(0.5):
                ramp = b.op(
                    "Add", [b.op("Mul", [ramp, b.number(0)]), b.number(1)]
                )  # the same everywhere
            zero = b.op("Mul", [ramp, b.number(0)])
            one = b.op("Add", [zero, b.number(1)])
            normed = b.op("BatchNormalization", [turned, ramp, zero, zero, one])
            return Feature(
                b.op("Transpose", [normed], perm=[0, *range(2, 2 + b.rank), 1]), x.channels
            )
        case 4:
            return Feature(b.op("Add", [x.name, _ramp(b, x, 1 + b.rank)]), x.channels)
        case _:  # scales along the last axis, from wider windows
            kernel = [1] * (b.rank - 1) + [5]
            pads = [0] * (b.rank - 1) + [2]
            wider = b.op(
                "MaxPool", [x.name], kernel_shape=kernel, pads=pads * 2, strides=[1] * b.rank
            )
            scale = b.op("Abs", [b.reduced("ReduceMean", wider, range(1 + b.rank), keepdims=0)])
            zero = b.op("Mul", [scale, b.number(0)])
            turned = b.op("Transpose", [x.name], perm=[0, 1 + b.rank, *range(1, 1 + b.rank)])
            normed = b.op(
                "BatchNormalization", [turned, scale, zero, zero, b.op("Add", [zero, b.number(1)])]
            )
            return Feature(
                b.op("Transpose", [normed], perm=[0, *range(2, 2 + b.rank), 1]), x.channels
            )


def _first_px(b: Builder, x: Feature) -> str:
    axes = b.constant(range(2, 2 + b.rank))
    return b.op("Slice", [x.name, b.constant([0] * b.rank), b.constant([1] * b.rank), axes])


def _ramp(b: Builder, x: Feature, axis: int) -> str:
    """0.01, 0.02, … along an axis."""
    length = b.op("Shape", [x.name], start=axis, end=axis + 1)
    steps = b.op("Expand", [b.constant(np.array([0.01], np.float32)), length])
    return b.op("CumSum", [steps, b.constant(np.array(0))])


def batched(b: Builder, x: Feature) -> Feature:
    """Images that are computed together meet, or are counted."""
    match b.integer(0, 5):
        case 0:
            count = b.op("Squeeze", [count_of(b, b.op("Shape", [x.name], start=0, end=1))])
            return Feature(b.op(b.choice("Div", "Add"), [x.name, count]), x.channels)
        case 1:
            first = b.op("Slice", [x.name, b.constant([0]), b.constant([1]), b.constant([0])])
            return Feature(b.op(b.choice("Add", "Mul"), [x.name, first]), x.channels)
        case 2:
            return Feature(b.op("Sub", [x.name, b.reduced("ReduceMean", x.name, [0])]), x.channels)
        case 3:
            return Feature(b.op("CumSum", [x.name, b.constant(np.array(0))]), x.channels)
        case 4:
            several = b.cast(
                b.op("Less", [b.op("Shape", [x.name], start=0, end=1), b.constant([2])]), 7
            )
            chosen = b.op(
                "Slice",
                [
                    widened(b, x, 3),
                    several,
                    b.op("Add", [several, b.constant([1])]),
                    b.constant([1]),
                ],
            )
            return Feature(chosen, 1)
        case _:
            values, _ = b.ops("TopK", [x.name, b.op("Shape", [x.name], start=0, end=1)], 2, axis=0)
            return Feature(values, x.channels)


def rounding(b: Builder, x: Feature) -> Feature:
    """Kernels whose last bits depend on more than their values."""
    positive = b.op("Add", [b.op("Abs", [x.name]), b.number(0.1)])
    match b.integer(0, 6):
        case 0 | 1:
            many = widened(b, x, b.choice(5, 6, 8, 13, 33))
            kind = b.choice(
                "ReduceMean",
                "ReduceSum",
                "ReduceMax",
                "ReduceL2",
                "ReduceSumSquare",
                "ReduceLogSumExp",
                "ReduceL1",
            )
            return Feature(b.reduced(kind, many, [1]), 1)
        case 2 | 3:
            kind = b.choice(
                "Softplus",
                "Elu",
                "Selu",
                "Celu",
                "Sin",
                "Cos",
                "Atan",
                "Erf",
                "Exp",
                "Mish",
                "HardSwish",
                "Softsign",
            )
            return Feature(b.op(kind, [x.name]), x.channels)
        case 4:
            return Feature(b.op(b.choice("Log", "Sqrt", "Reciprocal"), [positive]), x.channels)
        case 5:
            return Feature(b.op("Pow", [positive, b.number(1.7)]), x.channels)
        case _:
            many = b.choice(7, 16, 40)
            deep = Feature(widened(b, x, many), many)
            kernel = [3] * b.rank
            return Feature(
                b.op("Conv", [deep.name, b.weights(2, many, *kernel)], pads=[1] * (2 * b.rank)), 2
            )


def chance(b: Builder, x: Feature) -> Feature:
    """Numbers that are drawn; from opset 22 on onnxruntime knows none of these."""
    if b.opset >= 22:
        return quantized(b, x)
    match b.integer(0, 4):
        case 0:
            drawn = b.op("RandomNormal", [], shape=[1])
            return Feature(b.op("Add", [x.name, drawn]), x.channels)
        case 1:
            return Feature(b.op("Add", [x.name, b.op("RandomUniformLike", [x.name])]), x.channels)
        case 2:
            dropped = b.ops("Dropout", [x.name, b.number(0.5), b.constant(np.array(True))], 2)[0]
            return Feature(dropped, x.channels)
        case 3:
            weights = b.weights(x.channels, x.channels, *[1] * b.rank)
            dropped = b.ops("Dropout", [weights, b.number(0.5), b.constant(np.array(True))], 2)[0]
            return Feature(b.op("Conv", [x.name, dropped]), x.channels)
        case _:
            kept = b.op("Bernoulli", [b.constant(np.full(1, 0.5, np.float32))])
            return Feature(b.op("Add", [x.name, kept]), x.channels)


def quantized(b: Builder, x: Feature) -> Feature:
    """A scale computed from the whole image at run time."""
    b.jumps = True
    return Feature(
        b.op("DequantizeLinear", b.ops("DynamicQuantizeLinear", [x.name], 3)), x.channels
    )


FACTORS = (1.2, 0.6, 7 / 3, 1 / 7, 5 / 3, 1.4, 0.3, 3.0, 1.5, 0.75, 2 / 3, 1 / 3, 2.5, 0.333333)


IRREGULAR = (  # float32 takes whole coordinates to either side, from place to place
    (1.2, "asymmetric", "floor"),
    (0.6, "half_pixel", "floor"),
    (7 / 3, "asymmetric", "ceil"),
    (1 / 7, "pytorch_half_pixel", "floor"),
    (0.3, "half_pixel", "round_prefer_ceil"),
)


def resized(b: Builder, x: Feature) -> Feature:
    """Interpolation by any factor, in any mode."""
    factors = [float(b.choice(*FACTORS))] * b.rank
    if b.chance(0.3):
        factors = [b.choice(1.0, f) for f in factors]
    modes = ["asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners"]
    coordinates = b.choice(*modes[:3], *modes, *(["half_pixel_symmetric"] if b.opset >= 19 else []))
    mode = (
        b.choice("nearest", "nearest", "linear", "cubic")
        if b.rank == 2
        else b.choice("nearest", "linear")
    )
    attributes = {"mode": mode, "coordinate_transformation_mode": coordinates}
    if mode == "nearest":
        attributes["nearest_mode"] = b.choice(
            "floor", "ceil", "round_prefer_floor", "round_prefer_ceil"
        )
        if b.chance(0.4):
            factor, attributes["coordinate_transformation_mode"], attributes["nearest_mode"] = (
                b.choice(*IRREGULAR)
            )
            factors = [factor] * b.rank
    elif b.rank == 2 and b.chance(0.15):
        attributes["antialias"] = 1
    if b.chance(0.25):  # to a size that is computed: larger or smaller by a ratio, rounded down
        times, divisor = b.integer(1, 4), b.integer(1, 4)
        grown = b.op("Mul", [b.op("Shape", [x.name], start=2), b.constant([times] * b.rank)])
        sizes = b.op(
            "Concat",
            [b.op("Shape", [x.name], end=2), b.op("Div", [grown, b.constant([divisor] * b.rank)])],
            axis=0,
        )
        return Feature(b.op("Resize", [x.name, "", "", sizes], **attributes), x.channels)
    scales = b.constant(np.array([1, 1, *factors], np.float32))
    return Feature(b.op("Resize", [x.name, "", scales], **attributes), x.channels)


def padded(b: Builder, x: Feature) -> Feature:
    """Pads and crops of any kind in one, of single axes."""
    mode = b.choice("constant", "reflect", "edge", *(["wrap"] if b.opset >= 19 else []))
    axes = b.constant(range(2, 2 + b.rank))
    ends = b.constant([b.integer(-2, 3) for _ in range(2 * b.rank)])
    return Feature(b.op("Pad", [x.name, ends, "", axes], mode=mode), x.channels)


def same(b: Builder, x: Feature) -> Feature:
    """Pads that follow from the size, of windows of all kinds."""
    kernel, strides = b.integers(1, 4), b.integers(1, 3)
    auto = b.choice("SAME_UPPER", "SAME_LOWER")
    match b.integer(0, 2):
        case 0:
            weights = b.weights(2, x.channels, *kernel)
            return Feature(b.op("Conv", [x.name, weights], strides=strides, auto_pad=auto), 2)
        case 1:
            kind = b.choice("MaxPool", "AveragePool")
            return Feature(
                b.op(kind, [x.name], kernel_shape=kernel, strides=strides, auto_pad=auto),
                x.channels,
            )
        case _:
            weights = b.weights(x.channels, 1, *kernel)
            return Feature(
                b.op("ConvTranspose", [x.name, weights], strides=strides, auto_pad=auto), 1
            )


WHOLE: tuple[Callable[[Builder, Feature], Feature], ...] = (
    *(
        normalized,
        along_the_image,
        batched,
        batched,
        rounding,
        rounding,
        chance,
        quantized,
        resized,
        resized,
        resized,
        same,
        padded,
    ),
)
