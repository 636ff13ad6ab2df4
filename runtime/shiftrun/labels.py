"""From embeddings to instances: mean shift on windows of a fixed global grid, components, union, sizes.

The grid depends on the size of the image alone and never on the tiles that the network was run on: equal embeddings give
equal labels. One window holds what fits; a larger image is cut into windows that overlap, and two labels of neighboring windows
are one object iff each is the other's largest partner in the overlap and their intersection over union there is at least 1/2.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftlint.errors import InputError
from shiftrun.components import Labels, components, in_raster_order
from shiftrun.meanshift import mean_shift

MINIMUM_IOU = 0.5


@dataclass(frozen=True, slots=True)
class Grid:
    """Windows of `window` px that overlap by `overlap`; an image of up to `single` px per axis is one window."""

    window: int
    overlap: int
    single: int


GRIDS = {1: Grid(1 << 18, 1 << 12, 1 << 20), 2: Grid(1024, 256, 2048), 3: Grid(128, 32, 160)}  # about as many px in each


@dataclass(frozen=True, slots=True)
class Window:
    """`box` is clustered, `core` (a part of it) is written; the cores cover the image without overlap."""

    box: tuple[slice, ...]
    core: tuple[slice, ...]


def label_instances(
    embedding: NDArray[np.float32],
    foreground: NDArray[np.float32],
    *,
    bandwidth: float,
    threshold: float = 0.0,
    min_size: int = 0,
    grid: Grid | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Labels:
    """Label the instances of one image.

    Parameters
    ----------
    embedding : array (E, *space) of float32
    foreground : array (*space) of float32
        Logits.
    bandwidth : float
        Of mean shift, in units of the embedding.
    threshold : float
        Px with a larger logit are foreground.
    min_size : int
        Objects with fewer px are dropped.
    grid : Grid, optional
        Default: by the number of dimensions.
    progress : callable (windows done, windows in all), optional

    Returns
    -------
    array (*space) of int32
        0 for background, objects 1, 2, … in raster order of their first px.

    Raises
    ------
    InputError
        The shapes do not match, or the embedding is not finite.
    """
    if embedding.shape[1:] != foreground.shape:
        raise InputError(
            f"embedding and foreground (labels): expected equal sizes, got {embedding.shape[1:]} and {foreground.shape}."
        )
    windows = windows_of(foreground.shape, grid or GRIDS[foreground.ndim])
    found: list[Labels] = []
    total = 0
    for window in windows:
        parts = _label_window(embedding[(slice(None), *window.box)], foreground[window.box] > threshold, bandwidth, min_size)
        found.append(np.where(parts > 0, parts + total, 0).astype(np.int32))
        total += int(parts.max(initial=0))
        if progress is not None:
            progress(len(found), len(windows))
    names = unite(windows, found, total)
    result = np.zeros(foreground.shape, dtype=np.int32)
    for window, parts in zip(windows, found, strict=True):
        inner = tuple(
            slice(core.start - box.start, core.stop - box.start) for core, box in zip(window.core, window.box, strict=True)
        )
        result[window.core] = names[parts[inner]]
    return in_raster_order(drop_small(result, min_size))


def windows_of(shape: tuple[int, ...], grid: Grid) -> list[Window]:
    """The windows of an image in raster order; cores meet in the middle of the overlaps."""
    if all(size <= grid.single for size in shape):
        whole = tuple(slice(0, size) for size in shape)
        return [Window(whole, whole)]
    axes = [_axis_windows(size, grid) for size in shape]
    return [Window(tuple(box for box, _ in parts), tuple(core for _, core in parts)) for parts in itertools.product(*axes)]


def _axis_windows(size: int, grid: Grid) -> list[tuple[slice, slice]]:
    stride, half = grid.window - grid.overlap, grid.overlap // 2
    starts = range(0, max(1, size - grid.overlap), stride)
    result = []
    for start in starts:
        first, last = start == starts[0], start == starts[-1]
        box = slice(start, size if last else start + grid.window)
        result.append((box, slice(0 if first else start + half, size if last else start + stride + half)))
    return result


def _label_window(embedding: NDArray[np.float32], mask: NDArray[np.bool_], bandwidth: float, min_size: int) -> Labels:
    """Cluster the foreground of one window and split clusters that are not connected in space.

    Every foreground px takes its nearest mode: at the rim between two objects embeddings lie between two modes, and without
    those px objects would shrink. A mode that fewer px support than an object must have cannot be an object.
    """
    clusters = np.full(mask.shape, -1, dtype=np.int32)
    points = np.ascontiguousarray(embedding[:, mask].T)
    clusters[mask] = mean_shift(points, bandwidth, min_support=max(1, min_size), cluster_all=True)[0]
    return components(clusters)


def unite(windows: list[Window], found: list[Labels], total: int) -> Labels:
    """The name of every label (total + 1,) after uniting those that are one object in two windows; 0 stays 0."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = [np.empty((0, 2), dtype=np.int64)]
    for (a, labels_a), (b, labels_b) in itertools.combinations(zip(windows, found, strict=True), 2):
        boxes = [(max(x.start, y.start), min(x.stop, y.stop), x.start, y.start) for x, y in zip(a.box, b.box, strict=True)]
        if all(start < stop for start, stop, *_ in boxes):
            part_a = labels_a[tuple(slice(start - origin, stop - origin) for start, stop, origin, _ in boxes)]
            part_b = labels_b[tuple(slice(start - origin, stop - origin) for start, stop, _, origin in boxes)]
            pairs.append(partners(part_a, part_b))
    edges = np.concatenate(pairs)
    graph = coo_array((np.ones(len(edges), dtype=np.int8), (edges[:, 0], edges[:, 1])), shape=(total + 1, total + 1))
    return in_raster_order(connected_components(graph, directed=False)[1] + 1) - 1


def partners(a: NDArray[np.integer[Any]], b: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """The pairs (K, 2) of labels of two images of one place that are each other's largest partner with IoU ≥ 1/2."""
    both = (a > 0) & (b > 0)
    pairs, shared = np.unique(np.stack([a[both], b[both]]).astype(np.int64), axis=1, return_counts=True)
    area_a, area_b = np.bincount(a.reshape(-1)), np.bincount(b.reshape(-1))
    union = area_a[pairs[0]] + area_b[pairs[1]] - shared
    best = _is_largest(pairs[0], shared) & _is_largest(pairs[1], shared)
    return pairs[:, best & (shared >= MINIMUM_IOU * union)].T


def _is_largest(label: NDArray[np.int64], shared: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether each pair is the largest of its label; of equal ones the first, which is the one with the lowest partner."""
    order = np.lexsort((np.arange(len(label)), -shared, label))
    largest = np.zeros(len(label), dtype=bool)
    largest[order[np.unique(label[order], return_index=True)[1]]] = True
    return largest


def drop_small(labels: Labels, min_size: int) -> Labels:
    """Set objects with fewer than `min_size` px to background."""
    area = np.bincount(labels.reshape(-1))
    return np.where(area[labels] >= min_size, labels, 0)
