"""Unite labels of overlapping windows into objects."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftrun.arrays.box import Box, intersection, within
from shiftrun.clustering.one_window.connected_components import Labels, connected
from shiftrun.clustering.windows.run_lengths import Runs
from shiftrun.tiles.label_grid import LabelWindow

MINIMUM_IOU = 0.5


class Unions:
    """Collects window labels in raster order; keeps only the parts that overlap later windows."""

    def __init__(self, windows: list[LabelWindow]) -> None:
        self.windows = windows
        # by later window: the parts of earlier ones that overlap it, compressed
        self._waiting: dict[int, list[tuple[Box, bytes]]] = {}
        self._pairs = [np.empty((0, 2), dtype=np.int64)]
        self._unseen = list(range(len(windows)))

    def add(self, number: int, labels: Labels, offset: int) -> None:
        """Add the labels 1, 2, … (*box) of one window; `offset` makes them unique in the image."""
        box = self.windows[number].box
        own = np.where(labels > 0, labels + np.int32(offset), 0).astype(np.int32)
        self._unseen.remove(number)
        for common, earlier in self._waiting.pop(number, []):
            part = own[within(common, box)]
            labels_there = Runs.unpack(earlier).expand(part.shape)
            self._pairs.append(partners(labels_there, part))
        for later in self._unseen:
            if (
                self.windows[later].box[0].start >= box[0].stop
            ):  # in raster order, so all later ones begin there too
                break
            shared = intersection(box, self.windows[later].box)
            if shared is not None:
                self._waiting.setdefault(later, []).append(
                    (shared, Runs.of(own[within(shared, box)]).pack())
                )

    def names(self, total: int) -> Labels:
        """The name of every label (total + 1,) after union; 0 stays 0."""
        root = connected(np.concatenate(self._pairs).T, total + 1)
        return (np.cumsum(root == np.arange(total + 1)) - 1)[root].astype(np.int32)


def partners(a: NDArray[np.integer[Any]], b: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """The label pairs (K, 2) of two label images of one box: mutual largest partners, IoU ≥ 1/2."""
    both = (a > 0) & (b > 0)
    pairs, shared = np.unique(
        np.stack([a[both], b[both]]).astype(np.int64), axis=1, return_counts=True
    )
    area_a, area_b = np.bincount(a.reshape(-1)), np.bincount(b.reshape(-1))
    union = area_a[pairs[0]] + area_b[pairs[1]] - shared
    best = _is_largest(pairs[0], shared) & _is_largest(pairs[1], shared)
    return pairs[:, best & (shared >= MINIMUM_IOU * union)].T


def _is_largest(label: NDArray[np.int64], shared: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether each pair is its label's largest; of equals the first, with the lowest partner."""
    order = np.lexsort((np.arange(len(label)), -shared, label))
    largest = np.zeros(len(label), dtype=bool)
    largest[order[np.unique(label[order], return_index=True)[1]]] = True
    return largest
