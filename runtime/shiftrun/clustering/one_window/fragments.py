"""Fragments: parts of an object whose embeddings are closer to those of a distant object.

At the rim of an object, embeddings are less certain, and a part of it may take the mode of a
distant object. After the split into components, this part is a separate object that touches the one
it belongs to. The border distinguishes it from a small neighbor: round objects share a short
border, a slice of an object shares its whole cut. A border is measured in units of the part: its
faces divided by area^((d − 1)/d), which is 1 along one side of a square or cube of any size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shiftrun.clustering.one_window.connected_components import Labels


def absorb_fragments(labels: Labels, border: float) -> Labels:
    """Join objects to larger ones with more than `border` in common, until none is left.

    Of several, it joins the one with the longest border, then the one with the highest label.

    Parameters
    ----------
    labels : array (*space) of int32
        0 is background.
    border : float
        Faces in common, in units of the smaller object: 1 is one side of a square or cube of its
        size. 0: nothing is joined.

    Returns
    -------
    array (*space) of int32
        Labels of the remaining objects; those that joined another are missing.
    """
    if not border:
        return labels
    area = np.bincount(labels.reshape(-1))
    borders, lengths = _borders(labels)
    name, side = np.arange(len(area)), (labels.ndim - 1) / labels.ndim
    while True:
        one, other = area[borders]
        smaller = (one < other) | ((one == other) & (borders[0] > borders[1]))
        joins = smaller & (lengths > border * one**side)
        if not joins.any():
            return name.astype(np.int32)[labels]
        small, large, length = borders[0][joins], borders[1][joins], lengths[joins]
        order = np.lexsort((large, length, small))
        longest = np.append(
            small[order][1:] != small[order][:-1], True
        )  # the last of each object's neighbors
        step = np.arange(len(area))
        step[small[order][longest]] = large[order][longest]
        name = step[name]
        area = np.bincount(step, weights=area, minlength=len(area)).astype(np.int64)
        borders, lengths = _merged(step[borders], lengths, len(area))


def _borders(labels: Labels) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The ordered pairs (2, K) of objects that share faces, and the number of faces (K,)."""
    pairs = []
    for axis in range(labels.ndim):
        before = labels[(slice(None),) * axis + (slice(None, -1),)]
        after = labels[(slice(None),) * axis + (slice(1, None),)]
        touch = (before != after) & (before > 0) & (after > 0)
        pairs += [np.stack([before[touch], after[touch]]), np.stack([after[touch], before[touch]])]
    faces = np.concatenate(pairs, axis=1).astype(np.int64)
    return _merged(faces, np.ones(faces.shape[1], np.int64), int(labels.max()) + 1)


def _merged(
    borders: NDArray[np.int64], lengths: NDArray[np.int64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each pair of different objects once, with the sum of its lengths; objects < `count`."""
    differ = borders[0] != borders[1]
    keys, place = np.unique(borders[0][differ] * count + borders[1][differ], return_inverse=True)
    return np.stack([keys // count, keys % count]), np.bincount(
        place, weights=lengths[differ], minlength=len(keys)
    ).astype(np.int64)
