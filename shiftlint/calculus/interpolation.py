"""The windows of an interpolation, whose phases follow from the coordinate formula and the scale.

With the scale p/q (output step p, input period q) output j is at the input coordinate

    half_pixel           x = (j + 1/2)·q/p - 1/2
    pytorch_half_pixel   the same, but 0 for a single px
    asymmetric           x = j·q/p

half_pixel_symmetric adds n/2·(1 - m/(s·n)), which is 0 if the output is exactly s times as long.
Output j reads: nearest, one px, rounded by `nearest_mode`; linear, floor(x) and the next px; cubic,
one more px on each side. Antialiasing widens the support by q/p if that is above 1. Neighbors with
a weight of exactly 0 are omitted: their finite values change nothing (an infinite value would:
0·inf is not a number).

onnxruntime computes x in float32, with a correctly rounded division by the scale s. If
|s·q/p - 1| ≤ 2^-25, every quotient that is a float32 number is computed exactly, because the error
is less than half the distance to the next number. Then x is exact if it is whole or a tie between
two px; else x is rounded up or down depending on the position, and windows contain both. The
weights of an interpolation are exact if p is also a power of two; those of an axis that keeps its
size, only up to its last px (`bitwise`). Else their error grows with x. For nearest interpolation,
rounding to the other side reads a different px: `irregular` computes all of these as onnxruntime
does.

Reference: onnxruntime/core/providers/cpu/tensor/upsamplebase.h
(GetOriginalCoordinateFromResizedCoordinateFunc, GetNearestPixelFunc).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING, Any

from shiftlint.calculus.note import Reason, Unsupported
from shiftlint.calculus.relation import Relation
from shiftlint.contract.values import Window
from shiftlint.lazy_numpy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

HALF = Fraction(1, 2)
TIE = 1e-6  # coordinates this close to k + 1/2 are ties since onnxruntime 1.27


@dataclass(frozen=True, slots=True)
class Kernel:
    """The attributes of a Resize, and whether whole coordinates and ties are `exact` in float32."""

    mode: str
    coordinates: str
    nearest_mode: str
    antialias: bool
    cubic: float
    exact: bool


def interpolation(scale: Fraction, kernel: Kernel) -> Relation:
    """The relation of a resized axis to its input, for `scale` = output/input in lowest terms."""
    phases = tuple(
        _support(_coordinate(j, scale, kernel.coordinates), scale, kernel)
        for j in range(scale.numerator)
    )
    return Relation(scale.denominator, scale.numerator, phases)


def _coordinate(j: int, scale: Fraction, mode: str) -> Fraction:
    """The input coordinate of output `j`."""
    if mode == "asymmetric":
        return j / scale
    return (j + HALF) / scale - (0 if mode == "tf_half_pixel_for_nn" else HALF)


def is_power_of_two(number: int) -> bool:
    return number & (number - 1) == 0


def single(number: float) -> float:
    """The float32 number nearest to a float64 number."""
    (result,) = struct.unpack("<f", struct.pack("<f", number))
    return float(result)


def is_exact(scale: Fraction, given: float) -> bool:
    """Whether float32 division by `given` gives every float32 quotient by `scale` exactly."""
    return abs(Fraction(single(given)) / scale - 1) <= Fraction(1, 1 << 25)


def symmetric_offset(size: int, new_size: int, given: float) -> float:
    """The float32 offset that half_pixel_symmetric adds to every coordinate."""
    return single(single(size / 2) * single(1 - single(new_size / single(single(given) * size))))


def irregular(
    relation: Relation, size: int, new_size: int, given: float, kernel: Kernel
) -> NDArray[np.intp]:
    """The outputs of a nearest interpolation whose px differs from `relation` by float32 rounding.

    Parameters
    ----------
    relation : Relation
        From `interpolation`: every phase reads one px.
    size, new_size : int
        Px of the axis before and after.
    given : float
        The scale that the node gives.
    kernel : Kernel
    """
    j = np.arange(new_size)
    x = _coordinates(j.astype(np.float32), size, new_size, np.float32(given), kernel.coordinates)
    found = np.clip(_nearest_pixels(x, kernel.nearest_mode), 0, size - 1)
    reads = np.array([r[0] if r else 0 for r in relation.reads])
    said = np.clip(relation.period * (j // relation.step) + reads[j % relation.step], 0, size - 1)
    return np.flatnonzero(found != said)


def _coordinates(j: NDArray[Any], size: int, new_size: int, s: Any, mode: str) -> NDArray[Any]:
    """The input coordinates of the outputs `j`; every operation rounds to float32."""
    half = np.float32(0.5)
    x: NDArray[Any]
    match mode:
        case "asymmetric":
            x = j / s
        case "tf_half_pixel_for_nn":
            x = (j + half) / s
        case "half_pixel_symmetric":
            offset = symmetric_offset(size, new_size, float(s))
            x = (offset + (j.astype(np.float64) + 0.5) / float(s) - 0.5).astype(np.float32)
        case _:
            x = (j + half) / s - half
    return x


def _nearest_pixels(x: NDArray[Any], mode: str) -> NDArray[Any]:
    low = np.floor(x)
    pixels: NDArray[Any]
    match mode:
        case "floor":
            pixels = low
        case "ceil":
            pixels = np.ceil(x)
        case _:
            tie = np.abs((x - low) - np.float32(0.5)) <= np.float32(TIE)
            away = np.where(
                x < 0, np.ceil(x.astype(np.float64) - 0.5), np.floor(x.astype(np.float64) + 0.5)
            )
            pixels = np.where(tie, low + (mode == "round_prefer_ceil"), away)
    return pixels.astype(np.int64)


def _support(x: Fraction, scale: Fraction, kernel: Kernel) -> Window:
    """The px that one output at the coordinate `x` reads."""
    if kernel.mode == "nearest":
        return (_nearest(x, kernel.nearest_mode),) * 2
    wobble = Fraction(0) if kernel.exact else Fraction(1, 1 << 8)
    linear = kernel.mode == "linear"
    if kernel.antialias and scale < 1:
        radius = (1 if linear else 2) / scale
        return ceil(x - radius), floor(x + radius)
    if kernel.exact and x.denominator == 1 and (linear or (kernel.cubic * 4).is_integer()):
        return int(x), int(x)  # with cubic -0.6, float32 gives the neighbors a weight of 1e-7
    more = 0 if linear else 1
    return floor(x - wobble) - more, floor(x + wobble) + 1 + more


def _nearest(x: Fraction, mode: str) -> int:
    match mode:
        case "floor":
            return floor(x)
        case "ceil":
            return ceil(x)
        case "round_prefer_floor":
            return ceil(x - HALF)
        case "round_prefer_ceil":
            return floor(x + HALF)
        case _:
            raise Unsupported(Reason.ATTRIBUTE, attribute="nearest_mode", value=mode)
