"""Merge points into cells: small for spread-out points, large for a tight cluster.

Tables, not sorting, rank the keys of grid cells, so merging is linear in the number of points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]  # float32, or float64 if embeddings are spread too far

PARTS = (2, 4)  # a cut cell has 1/2, then 1/4 of the width
TIGHT = 0.3  # in widths of the largest cells: cells of less spread are not cut
WALL = 0.125  # in cells: this close is near a wall of the grid
TABLE = 8  # entries per point that a table may have
SORTED_TABLE = 64  # entries per point that are still cheaper than sorting
MOST_CELLS = 1 << 13  # cells are not cut if that makes more


@dataclass(frozen=True, slots=True)
class Cells:
    """Points merged by cell: means (B, E), number of points (B,), their RMS distance from the mean,
    each point's cell (N,).
    """

    means: Floats
    weights: Floats
    spread: Floats
    of_point: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class SortedPoints:
    """Points in the order of their cells.

    Attributes
    ----------
    points : array (N, E)
    order : array (N,)
        The original index of each point.
    starts : array (B + 1,)
        The start of each cell's points.
    offset : array (N,)
        Squared distance of each from the mean of its cell.
    radius : array (B,)
        The distance of the farthest point of each cell from its mean, rounded up.
    """

    points: Floats
    order: NDArray[np.intp]
    starts: NDArray[np.intp]
    offset: Floats
    radius: Floats


def refine(points: Floats, bins: Cells, width: float) -> Cells:
    """Cut cells of `bins` (of `width`) with spread-out points; a cluster in one stays whole."""
    cells = bins
    for parts in PARTS:
        closed = cells.spread <= TIGHT * width
        inside = np.flatnonzero(~closed[cells.of_point])
        if len(inside) == 0:
            break
        finer, kept = merge(points[inside], width / parts), int(closed.sum())
        if kept + len(finer.weights) > MOST_CELLS:
            break
        of_point = (np.cumsum(closed) - 1)[cells.of_point]
        of_point[inside] = finer.of_point + kept
        cells = Cells(
            np.concatenate([cells.means[closed], finer.means]),
            np.concatenate([cells.weights[closed], finer.weights]),
            np.concatenate([cells.spread[closed], finer.spread]),
            of_point,
        )
    return cells


def merge(points: Floats, cell: float) -> Cells:
    """Merge points (N, E) by the cells of a grid of width `cell`; cells in lexicographic order.

    Along each axis, the walls of the grid are halfway between the multiples of `cell`, or on them
    if fewer points are near those.
    """
    key, room = np.zeros(len(points), dtype=np.intp), 1
    most = TABLE * len(points)
    square = np.zeros(
        len(points), dtype=points.dtype
    )  # of the distance from the middle of the cell, in cells
    offsets = np.zeros(points.shape[1])
    for axis, column in enumerate(points.T):
        step, rest = _steps(column, cell, 0.0)
        near = np.abs(rest)
        if np.count_nonzero(near > 0.5 - WALL) > np.count_nonzero(near < WALL):
            offsets[axis] = 0.5
            step, rest = _steps(column, cell, 0.5)
        rest *= rest
        square += rest
        step -= step.min(initial=np.inf)
        place, extent = step.astype(np.intp), int(step.max(initial=0)) + 1
        if extent > most:
            place, extent = _ranked(place, extent)
        if room * extent > most:
            key, room = _ranked(key, room)
        key *= extent
        key += place
        room *= extent
    of_point, count = _ranked(key, room)
    weights = np.bincount(of_point, minlength=count).astype(np.float64)
    sums = [np.bincount(of_point, weights=column, minlength=count) for column in points.T]
    means = np.stack(sums, axis=1) / weights[:, None]
    middle = means / cell - offsets
    middle -= np.rint(middle)
    variance = np.bincount(of_point, weights=square, minlength=count) / weights - np.einsum(
        "ij,ij->i", middle, middle
    )
    spread = np.sqrt(np.maximum(variance, 0)) * cell
    return Cells(
        means.astype(points.dtype),
        weights.astype(points.dtype),
        spread.astype(points.dtype),
        of_point,
    )


def _steps(column: Floats, cell: float, offset: float) -> tuple[Floats, Floats]:
    """The cell of each value along one axis, and the value's position in it (-½ to ½)."""
    rest = column * column.dtype.type(1 / cell)
    if offset:
        rest -= rest.dtype.type(offset)
    step = np.rint(rest)
    rest -= step
    return step, rest


def _ranked(key: NDArray[np.intp], room: int) -> tuple[NDArray[np.intp], int]:
    """The rank of each key, in [0, room), among the distinct keys, and their number."""
    if room >= SORTED_TABLE * len(key):
        values, rank = np.unique(key, return_inverse=True)
        return rank, len(values)
    present = np.zeros(room, dtype=np.bool_)
    present[key] = True
    ranks = np.cumsum(
        present, dtype=np.int32 if room < 1 << 31 else np.intp
    )  # the largest table here
    rank = ranks[key].astype(np.intp)
    rank -= 1
    return rank, int(ranks[-1])


def sort_points(points: Floats, cells: Cells) -> SortedPoints:
    """Sort points by their cells."""
    count = len(cells.weights)
    small = (
        cells.of_point.astype(np.uint16) if count <= 1 << 16 else cells.of_point
    )  # 16 bits are sorted by their digits
    order = np.argsort(small, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(cells.of_point, minlength=count))])
    result, sizes = np.empty(points.shape, dtype=points.dtype), np.diff(starts)
    offset = np.zeros(len(points), dtype=points.dtype)
    for axis, (column, mean) in enumerate(zip(points.T, cells.means.T, strict=True)):
        away = column[order]
        result[:, axis] = away
        away -= np.repeat(mean, sizes)
        away *= away
        offset += away
    radius = np.sqrt(np.maximum.reduceat(offset, starts[:-1])) * points.dtype.type(1 + 1e-5)
    return SortedPoints(result, order, starts, offset, radius)
