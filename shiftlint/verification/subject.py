"""A network under measurement: its contract, a way to run it, and shared helpers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, TypeAlias

from shiftlint.contract.claims import claims, smallest_legal
from shiftlint.contract.values import AxisContract, Contract, OutputContract, Window
from shiftlint.lazy_numpy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[Any]"

TOLERANCE = 1e-3  # largest rounding error, in standard deviations of the output
# if the contract says that rounding depends on position, and for half precision
LOOSE_TOLERANCE = 1e-2
LARGEST_IMAGE = 1 << 22  # px
MOST_POSITIONS = 24  # at which one side of the windows is probed
# px; a contract omits the windows of branches that end in one number for the whole image
GLOBAL_MARGIN = 16
SHIFT, TILES = "SL901", "SL902"
TOO_SMALL = "the input is too small, or the border too wide, to measure this"


class RunError(ValueError):
    """The network did not run on an image of a legal size."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A network under measurement.

    Attributes
    ----------
    run : callable
        From an image to the outputs by name; RunError if it does not run.
    draw : callable
        From the sizes of the spatial axes to a random image of the input's type.
    axes : tuple of int
        The spatial dimensions of the input.
    small : tuple of int
        Small legal sizes of these axes.
    reach : dict
        By (output, input axis): the local window, even if the contract has none because the axis is
        global.
    tolerance : float
    """

    contract: Contract
    run: Callable[[Array], dict[str, Array]]
    draw: Callable[[Sequence[int]], Array]
    axes: tuple[int, ...]
    small: tuple[int, ...]
    reach: dict[tuple[str, int], Window]
    tolerance: float = TOLERANCE

    def claims(self, axis: int) -> list[tuple[OutputContract, AxisContract]]:
        """The outputs that follow this input axis with a period."""
        return claims(self.contract, axis)

    def legal(self, axis: int, least: int) -> int | None:
        """The smallest size >= `least` px that is legal for all outputs, as in `smallest_legal`."""
        return smallest_legal(self.contract, axis, least)

    def sizes(self, axis: int, size: int) -> tuple[int, ...]:
        """All spatial sizes: `size` along `axis`, small sizes along the others."""
        return tuple(size if a == axis else s for a, s in zip(self.axes, self.small, strict=True))


def gaps(one: Array, two: Array) -> Array:
    """Element-wise distance of two arrays, float64: 0 from NaN to NaN, inf from NaN to a number."""
    with np.errstate(invalid="ignore"):
        gap = np.abs(one.astype(float) - two.astype(float))
    same = (one == two) | ((one != one) & (two != two))
    result: Array = np.where(same, 0.0, np.where(np.isnan(gap), inf, gap))
    return result


def difference(one: Array, two: Array, scale: float) -> float:
    """The largest difference in units of `scale`; inf if shapes differ or only one is a number."""
    if one.shape != two.shape:
        return inf
    largest = float(gaps(one, two).max(initial=0.0))
    return largest / scale if scale > 0 and np.isfinite(scale) else largest


def tolerance(subject: Subject, a: AxisContract) -> float:
    """The largest rounding error; a shift changes the order of sums over the whole image."""
    return (
        subject.tolerance
        if a.bitwise and not a.is_global
        else max(subject.tolerance, LOOSE_TOLERANCE)
    )


def part(array: Array, axis: int, start: int, end: int) -> Array:
    """The elements start … end - 1 along one axis."""
    return array[(slice(None),) * axis + (slice(start, end),)]
