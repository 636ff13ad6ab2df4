"""Connected components of equal labels: runs of px with one label are nodes of a small graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int32]


def components(clusters: NDArray[np.integer[Any]]) -> Labels:
    """Number the connected parts (by faces) of equal clusters (*space); a value below 0 is
    background.

    Returns
    -------
    array (*space) of int32
        0 for background, else 1, 2, … in raster order of each part's first px.
    """
    if clusters.size == 0:
        return np.zeros(clusters.shape, dtype=np.int32)
    starts = np.ones(clusters.shape, dtype=bool)
    starts[..., 1:] = clusters[..., 1:] != clusters[..., :-1]
    run: NDArray[np.integer[Any]] = np.empty(
        clusters.shape, np.int32 if clusters.size < 1 << 31 else np.int64
    )
    np.cumsum(starts, out=run.reshape(-1))
    np.subtract(run, 1, out=run)
    count = int(run.reshape(-1)[-1]) + 1
    edges = np.concatenate(
        [_edges(run, clusters, axis) for axis in range(clusters.ndim - 1)]
        or [np.empty((2, 0), run.dtype)],
        axis=1,
    )
    part = connected(edges, count)
    values = clusters[starts]  # one per run: both are in raster order
    first = (part == np.arange(count)) & (values >= 0)
    names = np.where(values >= 0, np.cumsum(first)[part], 0).astype(np.int32)
    return np.asarray(names[run])


def connected(edges: NDArray[np.integer[Any]], count: int) -> NDArray[np.int64]:
    """The lowest node (count,) connected to each node by edges (2, K)."""
    nodes = np.arange(count)
    if edges.shape[1] == 0:
        return nodes
    from scipy.sparse import coo_array  # here, as few commands need it
    from scipy.sparse.csgraph import connected_components

    matrix = coo_array(
        (np.ones(edges.shape[1], dtype=np.bool_), tuple(edges)), shape=(count, count)
    )
    parts, part = connected_components(matrix, directed=False)
    lowest = np.empty(parts, dtype=np.int64)
    lowest[part[::-1]] = nodes[::-1]  # the lowest is written last and stays
    return np.asarray(lowest[part])


def _edges(
    run: NDArray[np.integer[Any]], clusters: NDArray[Any], axis: int
) -> NDArray[np.integer[Any]]:
    """The pairs (2, K) of runs of one cluster that touch along `axis` (not the last one)."""
    here = (slice(None),) * axis + (slice(None, -1),)
    there = (slice(None),) * axis + (slice(1, None),)
    same = (clusters[here] == clusters[there]) & (clusters[here] >= 0)
    pairs = np.stack([run[here][same], run[there][same]])
    new = np.ones(pairs.shape[1], dtype=bool)
    new[1:] = (pairs[:, 1:] != pairs[:, :-1]).any(
        axis=0
    )  # two long runs touch at many px: one edge is enough
    return pairs[:, new]
