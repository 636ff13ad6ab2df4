"""The windows of an interpolation: the phases follow from the coordinate formula with the given scale.

With the scale p/q (output step p, input period q) output j lies at the input coordinate

    half_pixel   x = (j + 1/2)·q/p - 1/2        asymmetric   x = j·q/p        pytorch_half_pixel as half_pixel (output > 1)

and reads: nearest one px, rounded by `nearest_mode`; linear floor(x) and the next; cubic one more on either side. Antialiasing
widens the support by q/p where that is above 1. Neighbors whose weight is exactly 0 are left out: finite values of theirs change
nothing (an infinite one would: 0·inf is not a number).

onnxruntime computes x in float32, by a division by the scale s that is correctly rounded. Where |s·q/p - 1| ≤ 2^-25 it finds every
quotient that is a float32 number exactly, for the error is less than half the distance to the next one. Then x is exact where it is
whole, or a tie between two px; else it falls to either side from place to place, and windows hold both. The weights of an
interpolation are exact only where p and q are powers of two, and those of an axis that keeps its size only up to its last px
(`bitwise`).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from shiftlint.axes import Unsupported
from shiftlint.relation import Interval, Relation

HALF = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class Kernel:
    """How a Resize interpolates: its attributes, and whether whole coordinates and ties are `exact` in float32."""

    mode: str
    coordinates: str
    nearest_mode: str
    antialias: bool
    cubic: float
    exact: bool


def interpolation(scale: Fraction, kernel: Kernel) -> Relation:
    """The relation of a resized axis to its input, for `scale` = output/input in lowest terms."""
    phases = tuple(_support(_coordinate(j, scale, kernel.coordinates), scale, kernel) for j in range(scale.numerator))
    return Relation(scale.denominator, scale.numerator, phases)


def _coordinate(j: int, scale: Fraction, mode: str) -> Fraction:
    """Where output `j` lies on the input's axis."""
    if mode == "asymmetric":
        return j / scale
    return (j + HALF) / scale - (0 if mode == "tf_half_pixel_for_nn" else HALF)


def is_power_of_two(scale: Fraction) -> bool:
    """Whether float32 arithmetic with the scale is exact, weights included."""
    return scale.numerator & (scale.numerator - 1) == 0 and scale.denominator & (scale.denominator - 1) == 0


def is_exact(scale: Fraction, given: float) -> bool:
    """Whether division by `given`, in float32, finds the quotient by `scale` exactly wherever that is a float32 number."""
    (single,) = struct.unpack("<f", struct.pack("<f", given))
    return abs(Fraction(single) / scale - 1) <= Fraction(1, 1 << 25)


def _support(x: Fraction, scale: Fraction, kernel: Kernel) -> Interval:
    """The px that one output at the coordinate `x` reads."""
    wobble = Fraction(0) if kernel.exact else Fraction(1, 1 << 8)
    if kernel.mode == "nearest":
        return _nearest(x - wobble, kernel.nearest_mode), _nearest(x + wobble, kernel.nearest_mode)
    linear = kernel.mode == "linear"
    if kernel.antialias and scale < 1:
        radius = (1 if linear else 2) / scale
        return ceil(x - radius), floor(x + radius)
    if kernel.exact and x.denominator == 1 and (linear or (kernel.cubic * 4).is_integer()):
        return int(x), int(x)  # of -0.6 and the like float32 leaves the neighbors a weight of 1e-7
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
            raise Unsupported(f"nearest_mode {mode!r}")
