"""Mistakes caused by tiling: splits along seams, and distant objects in one cluster.

Rumberger et al. 2021, section 4.2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shiftrun.clustering.mean_shift.mean_shift import mean_shift
from shiftrun.clustering.one_window.connected_components import components
from shiftzoo.evaluation.metrics import TOUCHING, intersection_over_union

Labels = NDArray[np.integer]
NEAR_SEAM = 1  # px
ON_SEAM = 0.5  # share of a border that must be there


def seam_splits(truth: Labels, prediction: Labels, tile: tuple[int, ...]) -> int:
    """Count the true objects that are split along a seam.

    An object is split if more than one prediction overlaps it at IoU > 0.1. It is split along a
    seam if at least half of the px faces between two of these predictions are at most 1 px from a
    multiple of `tile` along their normal axis.

    Parameters
    ----------
    truth, prediction : arrays (*space) of int
    tile : tuple of int
        Px per axis.
    """
    iou = intersection_over_union(truth, prediction)
    names = [values[values != 0] for values in (np.unique(truth), np.unique(prediction))]
    owner = np.full(int(prediction.max()) + 1, -1)  # the true object that a prediction is part of
    split = np.flatnonzero((iou > TOUCHING).sum(1) > 1)
    for row in split:
        owner[names[1][iou[row] > TOUCHING]] = row
    faces, on_seam = np.zeros(len(names[0])), np.zeros(len(names[0]))
    for axis, size in enumerate(tile):
        before = prediction[(slice(None),) * axis + (slice(None, -1),)]
        after = prediction[(slice(None),) * axis + (slice(1, None),)]
        place = np.nonzero((before != after) & (before > 0) & (after > 0))
        pair = owner[before[place]]
        inside = (pair >= 0) & (pair == owner[after[place]])
        line = place[axis][inside] + 1  # the face lies between px line - 1 and px line
        near = (line + NEAR_SEAM) % size <= 2 * NEAR_SEAM
        near &= line > NEAR_SEAM  # the border of the image is not a seam
        np.add.at(faces, pair[inside], 1)
        np.add.at(on_seam, pair[inside], near)
    return int(((faces > 0) & (on_seam >= ON_SEAM * faces)).sum())


def distant_merges(
    truth: Labels,
    embedding: NDArray[np.float32],
    foreground: NDArray[np.bool_],
    *,
    bandwidth: float,
    min_size: int,
) -> int:
    """Count the clusters that contain several unconnected true objects.

    These are clusters before they are split into components.

    Parameters
    ----------
    truth : array (*space) of int
    embedding : array (E, *space)
    foreground : array (*space) of bool
    bandwidth, min_size
        As of `shiftrun.clustering.label_image.Clustering`.
    """
    clusters = np.full(foreground.shape, -1, np.int32)
    points = np.ascontiguousarray(embedding[:, foreground].T)
    clusters[foreground] = mean_shift(
        points, bandwidth, min_support=max(1, min_size), cluster_all=True
    )[0]
    parts = components(clusters)
    if not parts.any():
        return 0
    # above 0.5 no two parts find the same object
    found = (intersection_over_union(truth, parts) >= 0.5).any(0)
    first = np.unique(parts, return_index=True)
    cluster_of_part = clusters.reshape(-1)[first[1][first[0] > 0]]
    return int((np.bincount(cluster_of_part[found]) > 1).sum())
