"""Fast flat-kernel mean shift (Fukunaga and Hostetler 1975; Comaniciu and Meer 2002) on cells.

A mode is a fixed point of

    m(x) = mean of the points within `bandwidth` of x.

scikit-learn's MeanShift(bin_seeding=True) starts from one seed per occupied bin of a grid and is
the reference here. Its cost is finding the neighbors of every seed in every step. Embeddings of one
instance are close together, so points are first merged into cells (`cells.py`), each represented by
its weight and the mean of its points, and the seeds climb among these:

    m(x) = Σ wᵢ·n(|cᵢ − x|)·cᵢ / Σ wᵢ·n(|cᵢ − x|),     |c − x|² = |c|² − 2 c·x + |x|²

which is two matrix products for all seeds. n is 1 inside, 0 outside and falls linearly where the
sphere cuts a cell. The few positions reached then climb by the points themselves until they are
still (`_settle`), so a mode is one of the flat kernel.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from shiftlint.errors import InputError
from shiftrun.clustering.mean_shift.cells import (
    Cells,
    Floats,
    SortedPoints,
    merge,
    refine,
    sort_points,
)
from shiftrun.clustering.mean_shift.weighted_sums import Sums, sums_on_cpu

STEPS = 300  # as scikit-learn
STILL = 1e-3  # in bandwidths: a seed that moves less has arrived (scikit-learn's value)
MET = 0.1  # in bandwidths: seeds in one such cell are merged
LONGER = 1.6  # near a mode, steps shrink geometrically: longer ones need half as many
MARGIN = 0.2  # in bandwidths: how far a seed moves before it looks up points again
# in bandwidths: beyond it, float32 rounding of |c − x|² reaches 1/100 of the squared bandwidth
WIDE = 300.0
CHUNK_ELEMENTS = 1 << 19  # of a distance matrix: 2 MB stay in the cache


def mean_shift(
    points: Floats,
    bandwidth: float,
    *,
    min_support: int = 1,
    cluster_all: bool = False,
    overwrite_points: bool = False,
    sums: Sums = sums_on_cpu,
    threads: int | None = None,
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
        Assign every point to its nearest mode; else points farther than the bandwidth from every
        mode get -1.
    overwrite_points : bool
        Allow moving `points` in place, which saves a copy if they are float32 in Fortran order.
    sums : callable, optional
        The matrix products: `sums_on_cpu` or a `SumsOnDevice`.
    threads : int, optional
        Threads that follow modes; default: one per core. The result does not depend on it.

    Returns
    -------
    labels : array (N,) of int32
        The index of the nearest mode; -1 for points below every mode's support.
    modes : array (M, E) of float32
        By descending support, then ascending coordinates. The order of the points does not matter.

    Raises
    ------
    InputError
        Points that are not (N, E) or not finite, or a bandwidth that is not positive.
    """
    points = np.asfortranarray(points, dtype=np.float32)  # the code below works column by column
    if points.ndim != 2:
        raise InputError(
            f"points (mean shift): expected an array (N, E), got shape {points.shape}."
        )
    if not 0 < bandwidth < np.inf:
        raise InputError(f"bandwidth (mean shift): expected a positive number, got {bandwidth}.")
    if len(points) == 0:
        return np.empty(0, dtype=np.int32), np.empty((0, points.shape[1]), dtype=np.float32)
    low, high = points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)
    if not (np.isfinite(low) & np.isfinite(high)).all():
        raise InputError(
            "points (mean shift): expected finite values, got NaN or infinity. Check the "
            "network's output."
        )
    # Small numbers keep |c − x|² exact; with a center in whole bandwidths, windows with the same
    # points agree.
    center = np.round((low + high) / (2 * bandwidth)) * bandwidth
    wide = (high - low).max(initial=0) > WIDE * bandwidth
    move = center if wide else center.astype(np.float32)
    centered = np.subtract(points, move, out=points if overwrite_points and not wide else None)
    # Small products gain nothing from threads, which wait for each other on a busy machine; with
    # one, the order of summation is the same on every machine.
    with threadpool_limits(limits=1, user_api="blas"):
        reach = np.inf if cluster_all else float(bandwidth)
        with ThreadPoolExecutor(threads or os.cpu_count(), "climb") as pool:
            labels, modes = _cluster(centered, float(bandwidth), min_support, reach, sums, pool)
    return labels, (modes + center).astype(np.float32)


def _cluster(
    points: Floats, bandwidth: float, min_support: int, reach: float, sums: Sums, pool: Executor
) -> tuple[NDArray[np.int32], Floats]:
    bins = merge(points, bandwidth)
    cells = refine(points, bins, bandwidth)
    inside = sort_points(points, cells)
    reached = _climb(bins.means, cells, bandwidth, sums, pool)
    reached = reached[_most_support(reached, cells, inside, bandwidth) >= min_support]
    modes = _distinct(*_settle(reached, cells, inside, bandwidth, pool), bandwidth, min_support)
    return _nearest(inside, cells, modes, reach), modes


def _climb(seeds: Floats, cells: Cells, bandwidth: float, sums: Sums, pool: Executor) -> Floats:
    """Move seeds uphill among the cells until they are still; the points reached (S, E)."""
    arrived = []
    for _ in range(STEPS):
        moved = _shift(seeds, cells, bandwidth, sums, pool)
        still = _still(seeds, moved, bandwidth)
        arrived.append(moved[still])
        seeds = merge(
            (seeds + (moved - seeds) * seeds.dtype.type(LONGER))[~still], MET * bandwidth
        ).means
        if len(seeds) == 0:
            break
    return merge(np.concatenate([*arrived, seeds]), MET * bandwidth).means


def _still(before: Floats, after: Floats, bandwidth: float) -> NDArray[np.bool_]:
    still: NDArray[np.bool_] = (
        np.einsum("ij,ij->i", after - before, after - before) <= (STILL * bandwidth) ** 2
    )
    return still


def _shift(seeds: Floats, cells: Cells, bandwidth: float, sums: Sums, pool: Executor) -> Floats:
    """One step of each seed, to the weighted mean of the cells within the bandwidth, if any.

    The share of a cell is linear in |c − x|²: 1/2 on the sphere, 0 and 1 half a spread outside and
    inside.
    """
    left, right = _distance_factors(seeds, cells.means)
    slope = 1 / np.maximum(2 * bandwidth * cells.spread, np.float32((STILL * bandwidth) ** 2))
    right *= -slope
    right[-1] += bandwidth**2 * slope + 0.5
    weighted = (
        np.concatenate([cells.means, np.ones((len(cells.means), 1), cells.means.dtype)], axis=1)
        * cells.weights[:, None]
    )
    moment = sums(left, right, weighted, pool)
    count = moment[:, -1:]
    return np.where(count > 0, moment[:, :-1] / np.maximum(count, STILL), seeds)


def _most_support(seeds: Floats, cells: Cells, inside: SortedPoints, bandwidth: float) -> Floats:
    """The number of points in all cells that the sphere around each seed may touch."""
    result = np.empty(len(seeds), dtype=seeds.dtype)
    limit = (bandwidth * (1 + STILL) + inside.radius) ** 2
    for rows, distances in _distance_blocks(seeds, cells.means):
        result[rows] = (distances <= limit) @ cells.weights
    return result


def _settle(
    seeds: Floats, cells: Cells, inside: SortedPoints, bandwidth: float, pool: Executor
) -> tuple[Floats, NDArray[np.intp]]:
    """Move seeds by the points themselves until they are still; positions (S, E) and their support.

    A cell that stays inside the sphere while its center moves by at most `MARGIN` counts as a
    whole; points are examined only in cells that the sphere may cut.
    """
    weighted = np.concatenate(
        [cells.means, np.ones((len(cells.means), 1))], axis=1
    ) * cells.weights[:, None].astype(np.float64)
    squares = np.einsum("ij,ij->i", inside.points, inside.points)
    margin = MARGIN * bandwidth

    def around(seed: Floats) -> tuple[NDArray[np.float64], Floats, Floats]:
        away = cells.means - seed
        distance = np.sqrt(np.einsum("ij,ij->i", away, away))
        whole = distance + inside.radius <= bandwidth - margin
        cut = np.flatnonzero((distance - inside.radius <= bandwidth + margin) & ~whole)
        sizes = inside.starts[cut + 1] - inside.starts[cut]
        first = inside.starts[cut] - np.cumsum(sizes) + sizes
        looked_at = np.repeat(first, sizes) + np.arange(sizes.sum())
        return whole @ weighted, inside.points[looked_at], squares[looked_at]

    def settle(seed: Floats) -> tuple[Floats, int]:
        start = seed
        whole, candidates, square = around(start)
        for _ in range(STEPS):
            if (seed - start) @ (seed - start) > margin**2:
                start = seed
                whole, candidates, square = around(start)
            near = (
                square - 2 * (candidates @ seed) <= seed.dtype.type(bandwidth**2) - seed @ seed
            ).astype(seed.dtype)
            count = round(whole[-1]) + int(near.sum())
            mean = ((whole[:-1] + near @ candidates) / count).astype(seed.dtype) if count else seed
            if (mean - seed) @ (mean - seed) <= (STILL * bandwidth) ** 2:
                break
            seed = seed + (mean - seed) * seed.dtype.type(LONGER)
        return mean, count

    found = list(pool.map(settle, seeds))
    return np.array([mode for mode, _ in found], seeds.dtype).reshape(-1, seeds.shape[1]), np.array(
        [n for _, n in found], np.intp
    )


def _distinct(
    candidates: Floats, support: NDArray[np.intp], bandwidth: float, min_support: int
) -> Floats:
    """Of candidates closer than the bandwidth, keep the one with most support, as scikit-learn."""
    order = np.lexsort((*candidates.T[::-1], -support))
    candidates = candidates[order[support[order] >= min_support]]
    alive = np.ones(len(candidates), dtype=bool)
    for rows, distances in _distance_blocks(candidates, candidates):
        far = distances > np.float32(bandwidth**2)
        for index, row in enumerate(far, start=rows.start):
            if alive[index]:
                alive[index + 1 :] &= row[index + 1 :]
    return candidates[alive]


def _nearest(inside: SortedPoints, cells: Cells, modes: Floats, reach: float) -> NDArray[np.int32]:
    """As `assign`, in original order; a cell's points share its answer where that is exact.

    By the triangle inequality, for a point at distance δ from its cell's mean, whose nearest modes
    are d₁ ≤ d₂ away, the nearest mode is the same if 2δ < d₂ − d₁, and `reach` cannot come between
    them if δ < |d₁ − reach|. A cell of one point has δ = 0.
    """
    result = np.full(len(inside.points), -1, dtype=np.int32)
    if len(modes) == 0:
        return result
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
    sizes = np.diff(inside.starts)
    labels = np.repeat(nearest, sizes)
    slack[cells.weights == 1] = np.inf
    unsure = np.flatnonzero(inside.offset >= np.repeat(slack * slack, sizes))
    labels[unsure] = assign(inside.points[unsure], modes, reach)
    result[inside.order] = labels
    return result


def assign(points: Floats, modes: Floats, reach: float) -> NDArray[np.int32]:
    """The index of the nearest mode for every point (N,); -1 beyond `reach`."""
    labels = np.empty(len(points), dtype=np.int32)
    for rows, distances in _distance_blocks(points, modes):
        best = distances.argmin(axis=1)
        labels[rows] = np.where(
            distances[np.arange(len(best)), best] <= np.float32(reach**2), best, -1
        )
    return labels


def _distance_blocks(a: Floats, b: Floats) -> Iterator[tuple[slice, Floats]]:
    """Yield |aᵢ − bⱼ|² by blocks of rows, bounded in memory."""
    left, right = _distance_factors(a, b)
    size = max(1, CHUNK_ELEMENTS // max(1, len(b)))
    for start in range(0, len(a), size):
        rows = slice(start, min(start + size, len(a)))
        yield rows, left[rows] @ right


def _distance_factors(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The matrices (a, |a|², 1) and (−2b, 1, |b|²)ᵀ, whose product is |aᵢ − bⱼ|²."""
    left = np.concatenate(
        [a, np.einsum("ij,ij->i", a, a)[:, None], np.ones((len(a), 1), a.dtype)], axis=1
    )
    right = np.concatenate(
        [-2 * b, np.ones((len(b), 1), b.dtype), np.einsum("ij,ij->i", b, b)[:, None]], axis=1
    ).T
    return left, np.ascontiguousarray(right)
