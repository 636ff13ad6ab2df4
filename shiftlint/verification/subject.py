"""A network under measurement: its contract, a way to run it, and what every measurement of it
shares.
"""

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

TOLERANCE = 1e-3  # standard deviations of the output: what rounding may amount to
LOOSE_TOLERANCE = (
    1e-2  # where the contract says that rounding depends on the place, and for half precision
)
LARGEST_IMAGE = 1 << 22  # px
MOST_POSITIONS = 24  # at which one side of the windows is probed
# px; windows in a branch that ends in one number for the whole image are not in its contract
GLOBAL_MARGIN = 16
SHIFT, TILES = "SL901", "SL902"
TOO_SMALL = "the network is too small, or its border too wide, to measure this"


class RunError(ValueError):
    """The network did not run on an image of a size that was called legal."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A network under measurement.

    Attributes
    ----------
    run : callable
        From an image to the outputs by name; RunError where it does not run.
    draw : callable
        From the sizes of the spatial axes to a random image of the input's type.
    axes : tuple of int
        The spatial dimensions of the input.
    small : tuple of int
        Legal sizes of these axes, as small as is sensible.
    reach : dict
        By (output, input axis): the window of an axis whose contract holds none because it is
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
        """The smallest size of at least `least` px that all outputs call legal; a static size
        whatever it is.
        """
        return smallest_legal(self.contract, axis, least)

    def sizes(self, axis: int, size: int) -> tuple[int, ...]:
        """All spatial sizes, with `size` along `axis` and small ones along the others."""
        return tuple(size if a == axis else s for a, s in zip(self.axes, self.small, strict=True))


def gaps(one: Array, two: Array) -> Array:
    """How far the elements of two arrays of one shape are apart, float64: 0 from NaN to NaN, inf
    from NaN to a number.
    """
    with np.errstate(invalid="ignore"):
        gap = np.abs(one.astype(float) - two.astype(float))
    same = (one == two) | ((one != one) & (two != two))
    result: Array = np.where(same, 0.0, np.where(np.isnan(gap), inf, gap))
    return result


def difference(one: Array, two: Array, scale: float) -> float:
    """The largest difference, in units of `scale`; inf where the shapes differ or only one is a
    number.
    """
    if one.shape != two.shape:
        return inf
    largest = float(gaps(one, two).max(initial=0.0))
    return largest / scale if scale > 0 and np.isfinite(scale) else largest


def tolerance(subject: Subject, a: AxisContract) -> float:
    """What rounding may amount to; sums over the whole image are rounded in another order when it
    is shifted.
    """
    return (
        subject.tolerance
        if a.bitwise and not a.is_global
        else max(subject.tolerance, LOOSE_TOLERANCE)
    )


def part(array: Array, axis: int, start: int, end: int) -> Array:
    """The elements start … end - 1 along one axis."""
    return array[(slice(None),) * axis + (slice(start, end),)]
