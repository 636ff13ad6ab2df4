"""Random convolutional graphs: a chain of random blocks, some of which branch and join again.

A graph is a pure function of its seed. A *spoiler* is a block after which, on purpose, no period or
windows can be claimed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto

from tests.fuzz.builder import MOST_DOWN, MOST_UP, Builder, Feature

Block = Callable[[Builder, Feature], Feature]


def conv(b: Builder, x: Feature) -> Feature:
    """A convolution of any geometry."""
    kernel, dilations = b.integers(1, 4), b.integers(1, 2)
    channels = b.integer(1, 3)
    auto = b.choice("NOTSET", "NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")
    if auto.startswith("SAME"):
        dilations = [1] * b.rank
    attributes: dict[str, Any] = {"auto_pad": auto}
    if auto == "NOTSET" and b.chance(0.5):
        attributes["pads"] = [b.integer(0, k - 1) for k in kernel * 2]
    weights, bias = b.weights(channels, x.channels, *kernel), b.weights(channels)
    name = b.op(
        "Conv",
        [x.name, weights, bias],
        strides=b.strides(2),
        dilations=dilations,
        kernel_shape=kernel,
        **attributes,
    )
    return Feature(name, channels)


def pool(b: Builder, x: Feature) -> Feature:
    """Maximum or average pooling."""
    kernel = b.integers(1, 3)
    kind = b.choice("MaxPool", "AveragePool")
    attributes: dict[str, Any] = {}
    if b.chance(0.3):
        attributes["pads"] = [b.integer(0, k // 2) for k in kernel * 2]
    if b.chance(0.2):
        attributes["ceil_mode"] = 1
    if kind == "AveragePool" and b.chance(0.3):
        attributes["count_include_pad"] = 1
    return Feature(
        b.op(kind, [x.name], kernel_shape=kernel, strides=b.strides(3), **attributes), x.channels
    )


def transposed(b: Builder, x: Feature) -> Feature:
    """A transposed convolution; kernels may be smaller than strides."""
    strides, kernel = b.factors(2), b.integers(1, 4)
    channels = b.integer(1, 3)
    pads = [b.integer(0, k - 1) if b.chance(0.3) else 0 for k in kernel * 2]
    extra = [b.integer(0, s - 1) if b.chance(0.2) else 0 for s in strides]
    weights = b.weights(x.channels, channels, *kernel)
    name = b.op(
        "ConvTranspose",
        [x.name, weights],
        strides=strides,
        kernel_shape=kernel,
        pads=pads,
        output_padding=extra,
    )
    return Feature(name, channels)


def resize(b: Builder, x: Feature) -> Feature:
    """Interpolation by a fixed scale."""
    factors: list[float] = list(b.factors(3))
    if b.chance(0.15) and b.down * 2 <= MOST_DOWN:
        factors, b.down = [f / 2 for f in factors], b.down * 2
    mode = (
        b.choice("nearest", "nearest", "linear", "cubic")
        if b.rank == 2
        else b.choice("nearest", "linear")
    )
    attributes = {
        "mode": mode,
        "coordinate_transformation_mode": b.choice(
            "asymmetric", "half_pixel", "pytorch_half_pixel"
        ),
    }
    if mode == "nearest":
        attributes["nearest_mode"] = b.choice(
            "floor", "ceil", "round_prefer_floor", "round_prefer_ceil"
        )
    scales = b.constant(np.array([1, 1, *factors], np.float32))
    return Feature(b.op("Resize", [x.name, "", scales], **attributes), x.channels)


def shuffle(b: Builder, x: Feature) -> Feature:
    """Channels to space: DepthToSpace, or Reshape, Transpose, Reshape."""
    factor = 2 if b.up * 2 <= MOST_UP else 1
    b.up *= factor
    channels = b.integer(1, 2)
    wide = b.op("Conv", [x.name, b.weights(channels * factor**b.rank, x.channels, *[1] * b.rank)])
    if b.rank == 2 and b.chance(0.5):
        return Feature(
            b.op("DepthToSpace", [wide], blocksize=factor, mode=b.choice("DCR", "CRD")), channels
        )
    sizes = [b.op("Shape", [wide], start=i + 2, end=i + 3) for i in range(b.rank)]
    head = b.constant(np.array([b.batch, channels, *[factor] * b.rank], np.int64))
    split = b.op("Reshape", [wide, b.op("Concat", [head, *sizes], axis=0)])
    order = [0, 1, *(i for axis in range(b.rank) for i in (2 + b.rank + axis, 2 + axis))]
    moved = b.op("Transpose", [split], perm=order)
    times = b.constant(np.array([factor], np.int64))
    grown = [b.op("Mul", [size, times]) for size in sizes]
    shape = b.op("Concat", [b.constant(np.array([b.batch, channels], np.int64)), *grown], axis=0)
    return Feature(b.op("Reshape", [moved, shape]), channels)


def unshuffle(b: Builder, x: Feature) -> Feature:
    """Space to channels: the period doubles."""
    if b.down * 2 > MOST_DOWN:
        return pointwise(b, x)
    b.down *= 2
    if b.rank == 2 and b.chance(0.5):
        deep = b.op("SpaceToDepth", [x.name], blocksize=2)
    else:
        sizes = [
            b.op("Div", [b.op("Shape", [x.name], start=i + 2, end=i + 3), b.constant([2])])
            for i in range(b.rank)
        ]
        pairs = [part for size in sizes for part in (size, b.constant([2]))]
        split = b.op(
            "Reshape", [x.name, b.op("Concat", [b.constant([b.batch, x.channels]), *pairs], axis=0)]
        )
        order = [0, 1, *(3 + 2 * i for i in range(b.rank)), *(2 + 2 * i for i in range(b.rank))]
        moved = b.op("Transpose", [split], perm=order)
        shape = b.op("Concat", [b.constant([b.batch, x.channels * 2**b.rank]), *sizes], axis=0)
        deep = b.op("Reshape", [moved, shape])
    channels = b.integer(1, 2)
    return Feature(
        b.op("Conv", [deep, b.weights(channels, x.channels * 2**b.rank, *[1] * b.rank)]), channels
    )


def crop(b: Builder, x: Feature) -> Feature:
    """Cut from both ends."""
    axes = b.constant(range(2, 2 + b.rank))
    ends = [-n if n else np.iinfo(np.int64).max for n in b.integers(0, 3)]
    return Feature(
        b.op("Slice", [x.name, b.constant(b.integers(0, 3)), b.constant(ends), axes]), x.channels
    )


def every(b: Builder, x: Feature) -> Feature:
    """Take every second px along some axes."""
    axes, ends = b.constant(range(2, 2 + b.rank)), b.constant([np.iinfo(np.int64).max] * b.rank)
    return Feature(
        b.op("Slice", [x.name, b.constant(b.integers(0, 1)), ends, axes, b.constant(b.strides(2))]),
        x.channels,
    )


def pad(b: Builder, x: Feature) -> Feature:
    """Pad both ends."""
    pads = b.constant([0, 0, *b.integers(0, 2), 0, 0, *b.integers(0, 2)])
    return Feature(
        b.op("Pad", [x.name, pads], mode=b.choice("constant", "reflect", "edge")), x.channels
    )


def pointwise(b: Builder, x: Feature) -> Feature:
    """An activation, normalization or product that looks at one px."""
    vector = [b.weights(x.channels) for _ in range(2)]
    match b.integer(0, 6):
        case 0:
            return Feature(b.op("LeakyRelu", [x.name], alpha=0.3), x.channels)
        case 1:
            return Feature(b.op("Tanh", [x.name]), x.channels)
        case 2:
            ones = b.constant(np.ones(x.channels, np.float32))
            return Feature(
                b.op("BatchNormalization", [x.name, *vector, vector[1], ones]), x.channels
            )
        case 3:
            return Feature(b.op("Mul", [x.name, b.weights(x.channels, *[1] * b.rank)]), x.channels)
        case 4 if x.channels > 1:
            return Feature(b.op("Softmax", [x.name], axis=1), x.channels)
        case 5:
            last = b.op("Transpose", [x.name], perm=[0, *range(2, 2 + b.rank), 1])
            product = b.op("MatMul", [last, b.weights(x.channels, x.channels)])
            return Feature(
                b.op("Transpose", [product], perm=[0, b.rank + 1, *range(1, b.rank + 1)]),
                x.channels,
            )
        case _:
            return Feature(b.op("Sigmoid", [x.name]), x.channels)


def fork(b: Builder, x: Feature) -> Feature:
    """Two branches without stride, cropped to the smaller, then joined."""
    first, second = _local(b, x), x if b.chance(0.3) else _local(b, x)
    return join(b, first, second)


def unet(b: Builder, x: Feature) -> Feature:
    """Down, something, up again; joined with the skip."""
    if b.down * 2 > MOST_DOWN:
        return fork(b, x)
    b.down *= 2
    low = Feature(
        b.op("MaxPool", [x.name], kernel_shape=[2] * b.rank, strides=[2] * b.rank), x.channels
    )
    low = _local(b, low)
    if b.chance(0.5):
        kernel = [2] * b.rank
        high = Feature(
            b.op("ConvTranspose", [low.name, b.weights(low.channels, 2, *kernel)], strides=kernel),
            2,
        )
    else:
        scales = b.constant(np.array([1, 1, *[2] * b.rank], np.float32))
        mode = b.choice("nearest", "linear")
        high = Feature(
            b.op(
                "Resize",
                [low.name, "", scales],
                mode=mode,
                coordinate_transformation_mode="half_pixel",
            ),
            low.channels,
        )
    return join(b, high, x)


def join(b: Builder, first: Feature, second: Feature) -> Feature:
    """Crop both to the smaller, at the center or at the far end, and combine them."""
    center = b.chance(0.6)
    starts: dict[Feature, list[str]] = {first: [], second: []}
    ends: dict[Feature, list[str]] = {first: [], second: []}
    for axis in range(2, 2 + b.rank):
        sizes = {f: b.op("Shape", [f.name], start=axis, end=axis + 1) for f in (first, second)}
        smaller = b.op("Min", list(sizes.values()))
        for f, size in sizes.items():
            half = b.op("Div", [b.op("Sub", [size, smaller]), b.constant([2])])
            start = half if center else b.constant([0])
            starts[f].append(start)
            ends[f].append(b.op("Add", [start, smaller]))
    cut = {
        f: b.op(
            "Slice",
            [
                f.name,
                b.op("Concat", starts[f], axis=0),
                b.op("Concat", ends[f], axis=0),
                b.constant(range(2, 2 + b.rank)),
            ],
        )
        for f in (first, second)
    }
    if first.channels == second.channels and b.chance(0.6):
        return Feature(
            b.op(b.choice("Add", "Sub", "Max", "Mul"), [cut[first], cut[second]]), first.channels
        )
    return Feature(
        b.op("Concat", [cut[first], cut[second]], axis=1), first.channels + second.channels
    )


def _local(b: Builder, x: Feature) -> Feature:
    """One or two convolutions without stride."""
    for _ in range(b.integer(1, 2)):
        kernel, channels = b.integers(1, 3), b.integer(1, 2)
        pads = [k // 2 for k in kernel] * 2 if b.chance(0.4) else [0] * (2 * b.rank)
        dilations = [1] * b.rank if any(pads) else b.integers(1, 2)
        conv = b.op(
            "Conv",
            [x.name, b.weights(channels, x.channels, *kernel)],
            pads=pads,
            dilations=dilations,
        )
        x = Feature(b.op("LeakyRelu", [conv], alpha=0.3), channels)
    return x


def roll(b: Builder, x: Feature) -> Feature:
    """A cyclic shift along the last axis."""
    axis, far = b.constant([1 + b.rank]), b.constant([np.iinfo(np.int64).max])
    head = b.op("Slice", [x.name, b.constant([0]), b.constant([2]), axis])
    tail = b.op("Slice", [x.name, b.constant([2]), far, axis])
    return Feature(b.op("Concat", [tail, head], axis=1 + b.rank), x.channels)


def instance_norm(b: Builder, x: Feature) -> Feature:
    """Statistics over the whole image."""
    ones, zeros = (
        b.constant(np.ones(x.channels, np.float32)),
        b.constant(np.zeros(x.channels, np.float32)),
    )
    return Feature(b.op("InstanceNormalization", [x.name, ones, zeros]), x.channels)


def squeeze(b: Builder, x: Feature) -> Feature:
    """Squeeze and excite."""
    gate = b.op("Sigmoid", [b.op("GlobalAveragePool", [x.name])])
    return Feature(b.op("Mul", [x.name, gate]), x.channels)


def align_corners(b: Builder, x: Feature) -> Feature:
    """Interpolation whose coordinates depend on the total size."""
    scales = b.constant(np.array([1, 1, *[2] * b.rank], np.float32))
    return Feature(
        b.op(
            "Resize",
            [x.name, "", scales],
            mode="linear",
            coordinate_transformation_mode="align_corners",
        ),
        x.channels,
    )


def flip(b: Builder, x: Feature) -> Feature:
    """Read an axis backward."""
    low = np.iinfo(np.int64).min + 1
    inputs = [
        x.name,
        b.constant([-1]),
        b.constant([low]),
        b.constant([1 + b.rank]),
        b.constant([-1]),
    ]
    return Feature(b.op("Slice", inputs), x.channels)


def by_size(b: Builder, x: Feature) -> Feature:
    """Elements that depend on how large the image is: a factor, a choice, a row of a table."""
    axis = 2 + b.integer(0, b.rank - 1)
    size = b.op("Shape", [x.name], start=axis, end=axis + 1)
    if b.chance(0.5):
        size = b.op("Mod", [size, b.constant([b.integer(2, 7)])])
    return Feature(
        b.op(b.choice("Add", "Mul"), [x.name, b.op("Cast", [size], to=TensorProto.FLOAT)]),
        x.channels,
    )


def by_ratio(b: Builder, x: Feature) -> Feature:
    """Arithmetic with sizes whose result is the same at every size."""
    size = b.op("Shape", [x.name], start=2, end=3)
    twice = b.op("Mul", [size, b.constant([2])])
    ratio = b.op("Cast", [b.op("Div", [twice, size])], to=TensorProto.FLOAT)
    return Feature(b.op("Mul", [x.name, ratio]), x.channels)


def lookup(b: Builder, x: Feature) -> Feature:
    """The row of a table that every px chooses."""
    b.jumps = True
    index = b.op(
        "Cast",
        [
            b.op(
                "Clip",
                [x.name, b.constant(np.array(-3, np.float32)), b.constant(np.array(3, np.float32))],
            )
        ],
        to=TensorProto.INT64,
    )
    table = b.constant(np.linspace(0, 1, 7, dtype=np.float32) ** 2)
    return Feature(b.op("Gather", [table, index]), x.channels)


BLOCKS: tuple[Block, ...] = (
    *(conv, conv, conv, pool, pool, transposed, resize, shuffle, unshuffle),
    *(crop, every, pad, pointwise, pointwise, fork, fork, unet, unet, roll, by_ratio, lookup),
)
SPOILERS: tuple[Block, ...] = (instance_norm, squeeze, align_corners, flip, by_size)
