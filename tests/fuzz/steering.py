"""Blocks whose channels, weights, branches, rounds or numbers depend on the sizes of the image.

Every constant that a size is compared with is recorded in the builder (`Builder.bites`), in px of
the image, so that sizes on both sides of it are tried.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, numpy_helper

from tests.fuzz.builder import Builder, Feature

SMALLEST, EXACT, LARGEST = (
    20,
    160,
    400,
)  # px of the image at which something changes: within small tiles, or exact ones


def size_of(b: Builder, x: Feature) -> tuple[str, int, float]:
    """A size along some axis, of the image or of this feature: its name, the axis, and its px for
    one of the image.
    """
    axis = 2 + b.integer(0, b.rank - 1)
    if b.chance(0.5):
        return b.op("Shape", ["image"], start=axis, end=axis + 1), axis, 1.0
    return b.op("Shape", [x.name], start=axis, end=axis + 1), axis, b.up / b.down


def limit(b: Builder, axis: int, scale: float) -> int:
    """A constant that a size crosses."""
    px = b.integer(EXACT, LARGEST) if b.chance(0.5) else b.integer(SMALLEST, EXACT)
    b.bites.setdefault(axis, []).append(px)
    return max(2, round(px * scale))


def flag(b: Builder, x: Feature) -> str:
    """0 or 1, int64 of shape [1]: which one is decided by a size, or by two of them."""
    size, axis, scale = size_of(b, x)
    if b.rank > 1 and b.chance(0.3):
        beside = 2 + (axis - 1) % b.rank
        own, other = (b.op("Shape", ["image"], start=a, end=a + 1) for a in (axis, beside))
        b.bites.setdefault(axis, []).append(-1)
        return b.cast(b.op(b.choice("Less", "Greater"), [own, other]), TensorProto.INT64)
    if b.chance(0.1):  # an analyzer sees such a constant, but not what arithmetic makes of it
        kind = b.choice("Less", "Greater", "LessOrEqual", "GreaterOrEqual")
        return b.cast(b.op(kind, [size, b.constant([limit(b, axis, scale)])]), TensorProto.INT64)
    known = limit(b, axis, scale)
    match case := b.choice(0, 0, 0, 1, 2, 3, 4, 4, 4, 5):
        case 0:
            divisor = b.integer(2, max(2, min(known, 300)))
            size, value = b.op("Div", [size, b.constant([divisor])]), known // divisor
        case 1:
            divisor = b.integer(2, max(2, min(known, 300)))
            size, value = b.op("Mod", [size, b.constant([divisor])]), known % divisor
        case 2:
            less = b.integer(1, known)
            size, value = b.op("Sub", [size, b.constant([less])]), known - less
        case 3:
            more = b.integer(1, 300)
            size, value = b.op("Add", [size, b.constant([more])]), known + more
        case 4:
            bits = b.integer(1, 7)
            unsigned = b.op(
                "BitShift",
                [b.cast(size, TensorProto.UINT64), b.constant(np.array([bits], np.uint64))],
                direction="RIGHT",
            )
            size, value = b.cast(unsigned, TensorProto.INT64), known >> bits
        case _:
            factor = b.integer(2, 9)
            size, value = b.op("Mul", [size, b.constant([factor])]), known * factor
    kind = b.choice(
        "Less", "Greater", "Equal" if case in {0, 1, 4} else "Less"
    )  # of few sizes equal, most are not tried
    return b.cast(b.op(kind, [size, b.constant([value])]), TensorProto.INT64)


def widened(b: Builder, x: Feature, channels: int) -> str:
    """A product with weights to so many channels."""
    return b.op("Conv", [x.name, b.weights(channels, x.channels, *[1] * b.rank)])


def channels_by_size(b: Builder, x: Feature) -> Feature:
    """Some channels, chosen by a size."""
    bit, one = flag(b, x), b.constant([1])
    after = b.op("Add", [bit, one])
    spatial = b.constant([1] * b.rank)
    match b.integer(0, 8):
        case 0:
            return Feature(b.op("Slice", [widened(b, x, 3), bit, after, one]), 1)
        case 1:
            return Feature(b.op("Gather", [widened(b, x, 3), bit], axis=1), 1)
        case 2:
            parts = b.op("Concat", [after, b.op("Sub", [b.constant([2]), bit])], axis=0)
            return Feature(
                b.reduced(
                    "ReduceSum", b.ops("Split", [widened(b, x, 3), parts], 2, axis=1)[0], [1]
                ),
                1,
            )
        case 3:
            rest, zeros = b.op("Sub", [one, bit]), b.constant([0] * b.rank)
            pads = b.op(
                "Concat", [b.constant([0]), bit, zeros, b.constant([0]), rest, zeros], axis=0
            )
            padded = b.op("Pad", [x.name, pads])
            return Feature(b.op("Conv", [padded, b.weights(1, x.channels + 1, *[1] * b.rank)]), 1)
        case 4:
            repeats = b.op("Concat", [one, after, spatial], axis=0)
            return Feature(
                b.reduced(b.choice("ReduceSum", "ReduceL2"), b.op("Tile", [x.name, repeats]), [1]),
                1,
            )
        case 5:
            shape = b.op("Concat", [one, after, spatial], axis=0)
            return Feature(
                b.reduced("ReduceSum", b.op("Expand", [widened(b, x, 1), shape]), [1]), 1
            )
        case 6:
            sizes = [b.op("Shape", [x.name], start=i + 2, end=i + 3) for i in range(b.rank)]
            first = b.op("Mul", [after, b.constant([2])])
            second = b.op("Div", [b.constant([4]), first])
            shape = b.op("Concat", [b.constant([b.batch]), first, second, *sizes], axis=0)
            split = b.op("Reshape", [widened(b, x, 4), shape])
            return Feature(
                b.reduced("ReduceSum", b.reduced("ReduceMax", split, [1], keepdims=0), [1]), 1
            )
        case 7:
            chosen = b.cast(bit, TensorProto.BOOL)
            left = b.op("Not", [chosen])
            kept = b.op(
                "Compress", [widened(b, x, 3), b.op("Concat", [chosen, left, left], axis=0)], axis=1
            )
            return Feature(b.reduced("ReduceSum", kept, [1]), 1)
        case _:
            values, _ = b.ops("TopK", [widened(b, x, 3), after], 2, axis=1)
            return Feature(b.reduced("ReduceSum", values, [1]), 1)


def weights_by_size(b: Builder, x: Feature) -> Feature:
    """Weights, a term or a limit that a size chooses."""
    bit, one = flag(b, x), b.constant([1])
    match b.integer(0, 4):
        case 0:
            bank = b.weights(3, x.channels, *[1] * b.rank)
            return Feature(b.op("Conv", [x.name, b.op("Gather", [bank, bit])]), 1)
        case 1:
            bank = b.weights(3, x.channels, *[1] * b.rank)
            return Feature(
                b.op("Conv", [x.name, b.op("Slice", [bank, bit, b.op("Add", [bit, one])])]), 1
            )
        case 2:
            chosen = b.op(
                "Where",
                [
                    b.cast(bit, TensorProto.BOOL),
                    b.constant(np.array([2], np.float32)),
                    b.constant(np.array([3], np.float32)),
                ],
            )
            return Feature(b.op(b.choice("Add", "Mul"), [x.name, chosen]), x.channels)
        case 3:
            low = b.op("Squeeze", [b.op("Neg", [b.cast(bit)])])
            return Feature(b.op("Clip", [x.name, low]), x.channels)
        case _:
            return Feature(
                b.op(
                    "Pow",
                    [
                        b.op("Abs", [x.name]),
                        b.op("Add", [b.cast(bit), b.constant(np.array([1], np.float32))]),
                    ],
                ),
                x.channels,
            )


def crop_by_size(b: Builder, x: Feature) -> Feature:
    """A crop or a pad whose place or length a size decides."""
    axis = 2 + b.integer(0, b.rank - 1)
    size, along = b.op("Shape", [x.name], start=axis, end=axis + 1), b.constant([axis])
    match b.integer(0, 5):
        case 0:  # one px away from either end
            start = flag(b, x)
            end = b.op("Sub", [b.op("Add", [start, size]), b.constant([1])])
            return Feature(b.op("Slice", [x.name, start, end, along]), x.channels)
        case 1:  # down to a multiple
            divisor = b.constant([b.integer(2, 8)])
            end = b.op("Mul", [b.op("Div", [size, divisor]), divisor])
            return Feature(b.op("Slice", [x.name, b.constant([0]), end, along]), x.channels)
        case 2:  # up to a multiple, or to a smallest size
            if b.chance(0.5):
                divisor = b.constant([b.integer(2, 8)])
                missing = b.op(
                    "Mod", [b.op("Sub", [divisor, b.op("Mod", [size, divisor])]), divisor]
                )
            else:
                least = b.constant([limit(b, axis, b.up / b.down)])
                missing = b.op("Sub", [b.op("Max", [size, least]), size])
            return Feature(_padded(b, x, {axis: missing}), x.channels)
        case 3 if b.opset >= 18:  # to a given size, at the center
            given = b.op("Sub", [size, b.op("Add", [flag(b, x), b.constant([b.integer(0, 3)])])])
            return Feature(b.op("CenterCropPad", [x.name, given], axes=[axis]), x.channels)
        case 4:  # to a largest size
            end = b.op("Min", [size, b.constant([limit(b, axis, b.up / b.down)])])
            return Feature(b.op("Slice", [x.name, b.constant([0]), end, along]), x.channels)
        case _:  # to a square
            if b.rank == 1:
                return channels_by_size(b, x)
            sizes = {a: b.op("Shape", [x.name], start=a, end=a + 1) for a in range(2, 2 + b.rank)}
            most = b.op("Max", list(sizes.values()))
            b.bites.setdefault(axis, []).append(-1)
            return Feature(
                _padded(b, x, {a: b.op("Sub", [most, n]) for a, n in sizes.items()}), x.channels
            )


def _padded(b: Builder, x: Feature, missing: dict[int, str]) -> str:
    zero = b.constant([0])
    after = [missing.get(axis, zero) for axis in range(2, 2 + b.rank)]
    return b.op("Pad", [x.name, b.op("Concat", [b.constant([0] * (4 + b.rank)), *after], axis=0)])


def counted(b: Builder, x: Feature) -> Feature:
    """A number that is counted from a size, or from one that is the same on one side of a constant,
    enters.
    """
    size, axis, scale = size_of(b, x)
    match b.integer(0, 3):
        case 0:
            size = b.op(
                "Add", [b.op("Div", [size, b.constant([limit(b, axis, scale)])]), b.constant([1])]
            )
        case 1 | 2:
            size = b.op("Add", [flag(b, x), b.constant([1])])
        case _:
            pass
    count = b.op("Squeeze", [count_of(b, size)])
    share = b.op("Div", [count, b.number(100)]) if b.chance(0.5) else count
    return Feature(b.op(b.choice("Add", "Mul", "Div"), [x.name, share]), x.channels)


def count_of(b: Builder, size: str) -> str:
    """The number of elements of something as long as `size`, as a float of shape [] or [1]."""
    one = b.constant(np.array([1], np.float32))
    match b.integer(0, 9):
        case 0:
            return b.reduced(
                b.choice("ReduceSum", "ReduceSumSquare", "ReduceL1"), _ones(b, size), [0]
            )
        case 1:
            return b.reduced("ReduceSum", b.op("Expand", [one, size]), [0])
        case 2:
            return b.reduced("ReduceSum", b.op("Tile", [one, size]), [0])
        case 3:
            last = b.reduced("ReduceMax", b.op("NonZero", [_ones(b, size)]), [0, 1])
            return b.op("Add", [b.cast(last), one])
        case 4:
            return b.reduced(
                "ReduceMax", b.op("CumSum", [_ones(b, size), b.constant(np.array(0))]), [0]
            )
        case 5:
            square = _ones(b, b.op("Concat", [size, size], axis=0))
            return b.reduced("ReduceSum", b.op("EyeLike", [square]), [0, 1])
        case 6:
            row, column = (
                b.op("Concat", parts, axis=0)
                for parts in ([b.constant([1]), size], [size, b.constant([1])])
            )
            return b.reduced("ReduceSum", b.op("MatMul", [_ones(b, row), _ones(b, column)]), [0, 1])
        case 7:
            table = b.constant(np.linspace(0, 1, 9, dtype=np.float32) ** 2)
            end = b.op("Add", [b.op("Mod", [size, b.constant([7])]), b.constant([2])])
            return b.reduced("ReduceSum", b.op("Slice", [table, b.constant([1]), end]), [0])
        case 8:
            return b.cast(b.op("Size", [_ones(b, size)]))
        case _:
            return b.cast(size)


def _ones(b: Builder, shape: str) -> str:
    return b.op(
        "ConstantOfShape", [shape], value=numpy_helper.from_array(np.array([1], np.float32))
    )


STEERING = (
    channels_by_size,
    channels_by_size,
    weights_by_size,
    crop_by_size,
    crop_by_size,
    counted,
    counted,
)
