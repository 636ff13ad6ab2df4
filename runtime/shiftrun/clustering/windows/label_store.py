"""An image's labels until all names are known: runs in a temporary file, areas and first px."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from shiftrun.arrays.box import Box, intersection, shape_of, within
from shiftrun.clustering.one_window.connected_components import Labels
from shiftrun.clustering.windows.run_lengths import Runs
from shiftrun.tiles.label_grid import LabelWindow

# rows (or planes) per stored slab of a core: bands of the image are read without decoding all of it
SLAB_PX = 256


class LabelStore:
    """Collects the labels of windows, then returns them by boxes under their final names.

    Attributes
    ----------
    shape : tuple of int
    total : int
        Labels so far, before union.
    largest : int
        The number of objects, after `name`.
    """

    def __init__(self, shape: tuple[int, ...], folder: Path | None = None) -> None:
        self.shape = shape
        self.dtype = np.dtype(np.int32)
        self.total = self.largest = 0
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  closed by __exit__
        # by rows: the box, the offset of its labels, its place and size in the file
        self._slabs: dict[tuple[int, int], list[tuple[Box, int, int, int]]] = {}
        self._area = [np.zeros(1, dtype=np.int64)]
        self._first = [np.zeros(1, dtype=np.int64)]
        self._names: Labels = np.zeros(1, dtype=np.int32)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, window: LabelWindow, labels: Labels) -> None:
        """Add the labels 1, 2, … (*box) of one window; stores its core."""
        count = int(labels.max(initial=0))
        area, first = (
            np.zeros(count + 1, dtype=np.int64),
            np.full(count + 1, np.iinfo(np.int64).max),
        )
        rows = window.core[0]
        for start in range(rows.start, rows.stop, SLAB_PX):
            slab = (slice(start, min(start + SLAB_PX, rows.stop)), *window.core[1:])
            runs = Runs.of(labels[within(slab, window.box)])
            area += np.bincount(runs.values, weights=runs.lengths, minlength=count + 1).astype(
                np.int64
            )
            np.minimum.at(first, runs.values, self._places(runs.starts, slab))
            packed = runs.pack()
            entry = (slab, self.total, self._file.seek(0, 2), len(packed))
            self._file.write(packed)
            self._slabs.setdefault((slab[0].start, slab[0].stop), []).append(entry)
        self._area.append(area[1:])
        self._first.append(first[1:])
        self.total += count

    def _places(self, starts: NDArray[np.int64], slab: Box) -> NDArray[np.int64]:
        """The indices in the image of px of a slab, both in raster order."""
        place = np.unravel_index(starts, shape_of(slab))
        corner = tuple(axis + part.start for axis, part in zip(place, slab, strict=True))
        return np.asarray(np.ravel_multi_index(corner, self.shape), dtype=np.int64)

    def name(self, names: Labels, min_size: int) -> None:
        """Set final names: unite by `names` (total + 1,), drop small objects, renumber."""
        count = int(names.max(initial=0)) + 1
        area, first = np.zeros(count, dtype=np.int64), np.full(count, np.iinfo(np.int64).max)
        np.add.at(area, names, np.concatenate(self._area))
        np.minimum.at(first, names, np.concatenate(self._first))
        kept = np.flatnonzero((area >= max(1, min_size)) & (np.arange(count) > 0))
        final = np.zeros(count, dtype=np.int32)
        final[kept[np.argsort(first[kept])]] = np.arange(1, len(kept) + 1)
        self._names, self.largest = final[names], len(kept)

    def read(self, box: Box) -> NDArray[Any]:
        """The labels of one box of the image, int32."""
        result = np.zeros(shape_of(box), dtype=np.int32)
        touched = [
            slabs
            for (start, stop), slabs in self._slabs.items()
            if start < box[0].stop and stop > box[0].start
        ]
        for slab, offset, position, size in itertools.chain.from_iterable(touched):
            common = intersection(slab, box)
            if common is None:
                continue
            self._file.seek(position)
            runs = Runs.unpack(self._file.read(size))
            named = Runs(
                runs.lengths,
                self._names[np.where(runs.values > 0, runs.values + np.int32(offset), 0)],
            )
            result[within(common, box)] = named.expand(shape_of(slab))[within(common, slab)]
        return result
