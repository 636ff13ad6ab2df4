"""Mean shift with a flat kernel (Fukunaga and Hostetler 1975; Comaniciu and Meer 2002), fast by weighted bins.

A mode is a fixed point of

    m(x) = mean of the points within `bandwidth` of x.

scikit-learn's MeanShift(bin_seeding=True) starts from one seed per occupied cell of a grid and is the reference here. The cost
lies in the neighbors of every seed in every step. Embeddings of one instance lie close together, so points are first merged into
fine cells (bandwidth / 4), each represented by its weight and the mean of its points:

    m(x) = Σ wᵢ·cᵢ / Σ wᵢ  over the cells i with |cᵢ − x| ≤ bandwidth,     |c − x|² = |c|² − 2 c·x + |x|²

which for all seeds at once is two matrix products. Seeds that meet are followed as one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from shiftlint.errors import InputError

Floats = NDArray[np.floating[Any]]  # float32, or float64 where embeddings are spread too far for it

CELLS_PER_BANDWIDTH = 4
MOST_CELLS = 1 << 13  # above, points are spread out and cells of half a bandwidth must do
STEPS = 300  # as scikit-learn
STILL = 1e-3  # in bandwidths: a seed that moves less has arrived (scikit-learn's value)
MET = 1e-2  # in bandwidths: seeds in one such cell go on as one
WIDE = 300.0  # in bandwidths: beyond, the rounding of |c − x|² in float32 reaches 1/100 of the squared bandwidth
SEEDS_PER_TASK = 256  # followed by one thread
CHUNK_ELEMENTS = 1 << 19  # of a distance matrix: 2 MB stay in the cache


@dataclass(frozen=True, slots=True)
class Cells:
    """Points merged by grid cell: means (B, E), weights (B,) (number of points), the cell of each point (N,)."""

    means: Floats
    weights: Floats
    of_point: NDArray[np.intp]


def mean_shift(
    points: Floats, bandwidth: float, *, min_support: int = 1, cluster_all: bool = False
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Cluster points by the modes of their density.

    Parameters
    ----------
    points : array (N, E) of float32
    bandwidth : float
        Radius of the flat kernel, in units of the points.
    min_support : int
        Modes with fewer points within the bandwidth are dropped.
    cluster_all : bool
        Give every point its nearest mode; else points farther than the bandwidth from every mode get -1.

    Returns
    -------
    labels : array (N,) of int32
        The index of the nearest mode; -1 for points below every mode's support.
    modes : array (M, E) of float32
        By falling support; equal support by rising coordinates. The order of the points does not matter.

    Raises
    ------
    InputError
        Points that are not (N, E) or not finite, or a bandwidth that is not positive.
    """
    points = np.asarray(points, dtype=np.float32)
    if points.ndim != 2:
        raise InputError(f"points (mean shift): expected an array (N, E), got shape {points.shape}.")
    if not 0 < bandwidth < np.inf:
        raise InputError(f"bandwidth (mean shift): expected a positive number, got {bandwidth}.")
    if len(points) == 0:
        return np.empty(0, dtype=np.int32), np.empty((0, points.shape[1]), dtype=np.float32)
    low, high = points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)
    if not (np.isfinite(low) & np.isfinite(high)).all():
        raise InputError("points (mean shift): expected finite values, got NaN or infinity. Check the network's output.")
    # Small numbers keep |c − x|² exact; a center in whole bandwidths lets windows that see the same points agree.
    center = np.round((low + high) / (2 * bandwidth)) * bandwidth
    wide = (high - low).max(initial=0) > WIDE * bandwidth
    centered = points - center if wide else points - center.astype(np.float32)
    # Small products gain nothing from threads, which on a busy machine wait for each other; and with one the order of
    # summation is the same on every machine.
    with threadpool_limits(limits=1, user_api="blas"):
        labels, modes = _cluster(centered, float(bandwidth), min_support, np.inf if cluster_all else float(bandwidth))
    return labels, (modes + center).astype(np.float32)


def _cluster(points: Floats, bandwidth: float, min_support: int, reach: float) -> tuple[NDArray[np.int32], Floats]:
    cells = merge(points, bandwidth / CELLS_PER_BANDWIDTH)
    if len(cells.weights) > MOST_CELLS:
        coarse = merge(cells.means, bandwidth * 2 / CELLS_PER_BANDWIDTH, cells.weights)
        cells = Cells(coarse.means, coarse.weights, coarse.of_point[cells.of_point])
    modes = _distinct(_climb(cells, bandwidth), cells, bandwidth, min_support)
    return _assign_by_cell(points, cells, modes, reach), modes


def merge(points: Floats, cell: float, weights: Floats | None = None) -> Cells:
    """Merge the points (N, E) that lie in one cell of a grid of width `cell`; cells are in lexicographic order."""
    key = np.zeros(len(points), dtype=np.int64)
    room = 1  # number of values that `key` can take
    for column in points.T:
        steps = np.floor(column * points.dtype.type(1 / cell))
        low, high = float(steps.min()), float(steps.max())
        extent = int(high - low) + 1
        if room * extent >= 1 << 62:
            key = np.unique(key, return_inverse=True)[1]
            room = len(points)
        key *= extent
        key += (steps - steps.dtype.type(low)).astype(np.int64)
        room *= extent
    _, inverse = np.unique(key, return_inverse=True)
    total = np.bincount(inverse, weights=weights)
    sums = [np.bincount(inverse, weights=column if weights is None else column * weights) for column in points.T]
    means = np.stack(sums, axis=1) / total[:, None]
    return Cells(means.astype(points.dtype), total.astype(points.dtype), inverse)


def _climb(cells: Cells, bandwidth: float) -> Floats:
    """Move one seed per occupied cell of width `bandwidth` uphill until it is still; the modes reached (S, E)."""
    seeds = merge(cells.means, bandwidth, cells.weights).means
    arrived = []
    with ThreadPoolExecutor(os.cpu_count(), "climb") as pool:
        for _ in range(STEPS):
            moved = _shift(seeds, cells, bandwidth, pool)
            still = np.einsum("ij,ij->i", moved - seeds, moved - seeds) <= (STILL * bandwidth) ** 2
            arrived.append(moved[still])
            seeds = merge(moved[~still], MET * bandwidth).means if not still.all() else moved[:0]
            if len(seeds) == 0:
                break
    return np.concatenate([*arrived, seeds])


def _shift(seeds: Floats, cells: Cells, bandwidth: float, pool: Executor) -> Floats:
    """One step of every seed: the weighted mean of the cells within the bandwidth; a seed without any stays."""
    weighted = np.concatenate([cells.means, np.ones((len(cells.means), 1), cells.means.dtype)], axis=1) * cells.weights[:, None]
    result = seeds.copy()

    def move(part: slice) -> None:
        for block, near in _distance_blocks(seeds[part], cells.means):
            np.less_equal(near, np.float32(bandwidth**2), out=near)
            sums = near @ weighted
            rows = slice(part.start + block.start, part.start + block.stop)
            result[rows] = np.where(sums[:, -1:] > 0, sums[:, :-1] / np.maximum(sums[:, -1:], 1), seeds[rows])

    # The parts are fixed, whatever the number of cores: a product may round by its number of rows.
    parts = [slice(start, start + SEEDS_PER_TASK) for start in range(0, len(seeds), SEEDS_PER_TASK)]
    for _ in pool.map(move, parts):
        pass
    return result


def _distinct(candidates: Floats, cells: Cells, bandwidth: float, min_support: int) -> Floats:
    """Of candidates closer than the bandwidth keep the one with most support, as scikit-learn does."""
    candidates = merge(candidates, MET * bandwidth).means
    support = np.empty(len(candidates), dtype=np.float32)
    for rows, distances in _distance_blocks(candidates, cells.means):
        support[rows] = (distances <= np.float32(bandwidth**2)) @ cells.weights
    order = np.lexsort((*candidates.T[::-1], -support))
    candidates = candidates[order[support[order] >= min_support]]
    alive = np.ones(len(candidates), dtype=bool)
    for rows, distances in _distance_blocks(candidates, candidates):
        far = distances > np.float32(bandwidth**2)
        for index, row in enumerate(far, start=rows.start):
            if alive[index]:
                alive[index + 1 :] &= row[index + 1 :]
    return candidates[alive]


def _assign_by_cell(points: Floats, cells: Cells, modes: Floats, reach: float) -> NDArray[np.int32]:
    """As `assign`, but points share the answer of their cell where the triangle inequality leaves no other.

    For a point at distance δ from its cell's mean, whose nearest modes are d₁ ≤ d₂ away, the nearest mode is the same if
    2δ < d₂ − d₁, and `reach` cannot come between them if δ < |d₁ − reach|. A cell of one point has δ = 0.
    """
    if len(modes) == 0:
        return np.full(len(points), -1, dtype=np.int32)
    count = len(cells.means)
    nearest, slack = np.empty(count, dtype=np.int32), np.empty(count, dtype=np.float32)
    for rows, distances in _distance_blocks(cells.means, modes):
        each = np.arange(len(distances))
        best = distances.argmin(axis=1)
        first = np.sqrt(np.maximum(distances[each, best], 0))
        distances[each, best] = np.inf
        second = np.sqrt(np.maximum(distances.min(axis=1), 0))
        nearest[rows] = np.where(first <= reach, best, -1)
        slack[rows] = np.minimum((second - first) / 2, np.abs(reach - first))
    offset = points - cells.means[cells.of_point]
    labels = nearest[cells.of_point]
    unsure = (np.einsum("ij,ij->i", offset, offset) >= slack[cells.of_point] ** 2) & (cells.weights[cells.of_point] > 1)
    labels[unsure] = assign(points[unsure], modes, reach)
    return labels


def assign(points: Floats, modes: Floats, reach: float) -> NDArray[np.int32]:
    """The index of the nearest mode for every point (N,); -1 beyond `reach`."""
    labels = np.empty(len(points), dtype=np.int32)
    for rows, distances in _distance_blocks(points, modes):
        best = distances.argmin(axis=1)
        labels[rows] = np.where(distances[np.arange(len(best)), best] <= np.float32(reach**2), best, -1)
    return labels


def _distance_blocks(a: Floats, b: Floats) -> Iterator[tuple[slice, Floats]]:
    """Yield |aᵢ − bⱼ|² by blocks of rows, bounded in memory: one matrix product of (a, |a|², 1) and (−2b, 1, |b|²)."""
    left = np.concatenate([a, np.einsum("ij,ij->i", a, a)[:, None], np.ones((len(a), 1), a.dtype)], axis=1)
    right = np.concatenate([-2 * b, np.ones((len(b), 1), b.dtype), np.einsum("ij,ij->i", b, b)[:, None]], axis=1).T
    size = max(1, CHUNK_ELEMENTS // max(1, len(b)))
    for start in range(0, len(a), size):
        rows = slice(start, min(start + size, len(a)))
        yield rows, left[rows] @ right
