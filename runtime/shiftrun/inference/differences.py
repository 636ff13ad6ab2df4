"""The difference between a tile and a window of the same px, and the spread of an output."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftlint.verification.subject import gaps
from shiftrun.arrays.box import Box
from shiftrun.tiles.plan import Tile

# below this ratio of standard deviation to magnitude, rounding follows the magnitude
HARDLY_VARIES = 1e-3
THINNED = 4  # along every axis, one px in so many counts for the standard deviation


@dataclass(frozen=True, slots=True)
class Difference:
    """The largest difference between a window and a tile.

    Attributes
    ----------
    most : float
        In units of the output.
    differing : int
        Elements.
    whole_numbers : bool
    px : tuple of int
        The position in the result.
    expected, got : float
        The window's and the tile's value there.
    """

    most: float
    differing: int
    whole_numbers: bool
    px: tuple[int, ...]
    expected: float
    got: float
    window: Tile
    tile: Tile

    @classmethod
    def between(
        cls, expected: NDArray[Any], got: NDArray[Any], box: Box, tile: Tile, window: Tile
    ) -> Difference:
        """The difference of two arrays (C, *box); NaN equals only NaN."""
        off = np.zeros(expected.shape) if np.array_equal(expected, got) else gaps(expected, got)
        place = np.unravel_index(int(np.argmax(off)), off.shape)
        px = tuple(part.start + int(at) for part, at in zip(box, place[1:], strict=True))
        differing, whole_numbers = int(np.count_nonzero(off)), got.dtype.kind in "iub"
        return cls(
            float(off[place]),
            differing,
            whole_numbers,
            px,
            float(expected[place]),
            float(got[place]),
            window,
            tile,
        )


@dataclass
class Spread:
    """The standard deviation of an output over a run, from a sample of its px."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, values: NDArray[Any]) -> None:
        """Count a tile (C, *space)."""
        some = np.asarray(
            values[(slice(None), *[slice(None, None, THINNED)] * (values.ndim - 1))], np.float64
        )
        some = some[np.isfinite(some)]
        self.count += some.size
        self.total += float(some.sum())
        self.squares += float(np.square(some).sum())

    @property
    def scale(self) -> float:
        """The standard deviation, or a part of the magnitude if larger; 0 only if all px are 0."""
        if not self.count:
            return 0.0
        mean, square = self.total / self.count, self.squares / self.count
        return max(sqrt(max(0.0, square - mean * mean)), HARDLY_VARIES * sqrt(square))
