"""Label a region exactly as in the whole image, from as few label windows as possible.

Windows are on the global grid and labeled independently, so a window's labels do not depend on
which others are computed. Chains of unions, which may leave the region and come back, decide what
an object of the region is. So

    1.  label the windows whose core touches the region;
    2.  for every object joined so far that has px in the region, look at its overlaps with
        windows that are not labeled: if it has px in one, that window may continue the object, so
        label it;
    3.  repeat 2 until there are none.

Then every object that touches the region is complete: its labels, its union and its area (for
`min_size`) are those of the full run. The others are dropped. Objects are numbered 1, 2, … by their
first px in raster order of the *whole* image: the order of the full run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shiftrun.arrays.box import Box, hull, intersection, within
from shiftrun.clustering.mean_shift.weighted_sums import Sums, sums_on_cpu
from shiftrun.clustering.one_window.connected_components import Labels
from shiftrun.clustering.one_window.label_window import Clustering, label_windows
from shiftrun.clustering.windows.gather import Gather
from shiftrun.clustering.windows.label_store import LabelStore
from shiftrun.clustering.windows.unite import Unions
from shiftrun.inference.blocks import Block
from shiftrun.tiles.label_grid import LabelWindow


@dataclass(frozen=True, slots=True)
class _Reach:
    """One window's labels (unique in the image) in the region, and in each window overlap."""

    inside: NDArray[np.int64]
    overlaps: dict[int, NDArray[np.int64]]


@contextmanager
def label_region(
    blocks_of: Callable[[Box], Iterable[Block]],
    shape: tuple[int, ...],
    region: Box,
    clustering: Clustering,
    windows: list[LabelWindow],
    *,
    folder: Path | None = None,
    sums: Sums = sums_on_cpu,
) -> Iterator[LabelStore]:
    """Label the objects that touch a region; yields labels (*shape), complete inside the region.

    Parameters
    ----------
    blocks_of : callable
        The blocks of a box of the result in raster order, counted from the start of the box.
    shape : tuple of int
        Of the whole result.
    region : Box
    clustering : Clustering
    windows : list of LabelWindow
        Of the whole result.
    folder : Path, optional
        The folder of the unnamed temporary label file.
    sums : callable, optional
        As of `mean_shift`.
    """
    with LabelStore(shape, folder) as store:
        unions = Unions(windows)
        reached: dict[int, _Reach] = {}
        wanted = [
            [
                number
                for number, window in enumerate(windows)
                if intersection(window.core, region) is not None
            ]
        ]
        while wanted:
            for numbers in wanted:
                for number, labels in _label_windows(
                    blocks_of, [windows[n] for n in numbers], clustering, sums
                ):
                    reached[numbers[number]] = _reach(
                        labels, store.total, numbers[number], windows, region
                    )
                    unions.add(numbers[number], labels, store.total)
                    store.add(windows[numbers[number]], labels)
            names = unions.names(store.total)
            inside = np.unique(np.concatenate([names[reach.inside] for reach in reached.values()]))
            wanted = [[number] for number in sorted(_next(reached, names, inside))]
        store.name(np.where(np.isin(names, inside), names, 0), clustering.min_size)
        yield store


def _label_windows(
    blocks_of: Callable[[Box], Iterable[Block]],
    windows: list[LabelWindow],
    clustering: Clustering,
    sums: Sums,
) -> Iterator[tuple[int, Labels]]:
    """Label windows that form a rectangle of the grid; yields (number, labels (*box))."""
    part = hull([window.box for window in windows])
    moved = [LabelWindow(within(window.box, part), within(window.core, part)) for window in windows]
    gather = Gather(moved, clustering.threshold)
    yield from label_windows(gather.complete(blocks_of(part)), clustering, sums=sums)


def _reach(
    labels: Labels, offset: int, number: int, windows: list[LabelWindow], region: Box
) -> _Reach:
    box = windows[number].box

    def found(part: Box | None) -> NDArray[np.int64]:
        values = (
            np.unique(labels[within(part, box)])
            if part is not None
            else np.empty(0, dtype=np.int64)
        )
        return values[values > 0].astype(np.int64) + offset

    others = {
        other: intersection(box, window.box)
        for other, window in enumerate(windows)
        if other != number
    }
    overlaps = {other: found(common) for other, common in others.items() if common is not None}
    return _Reach(found(intersection(windows[number].core, region)), overlaps)


def _next(
    reached: dict[int, _Reach], names: NDArray[np.int32], inside: NDArray[np.int32]
) -> set[int]:
    """The windows not labeled yet that may continue an object of the region."""
    return {
        other
        for reach in reached.values()
        for other, there in reach.overlaps.items()
        if other not in reached and np.isin(names[there], inside).any()
    }
