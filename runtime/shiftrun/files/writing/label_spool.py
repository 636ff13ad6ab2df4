"""The label images of a series until all are known: compressed, in an unnamed temporary file."""

from __future__ import annotations

import tempfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from shiftrun.arrays.box import Box, bands, intersection, shape_of, within
from shiftrun.arrays.readers import Reader

BAND_PX = 1 << 22


class Spool:
    """Collects label images of one size, then returns them as an array (N, *space) by boxes.

    Attributes
    ----------
    shape : tuple of int
        (N, *space), where N images were added.
    """

    def __init__(self, space: tuple[int, ...], folder: Path | None = None) -> None:
        self.dtype = np.dtype(np.int32)
        self._space = space
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  closed by __exit__
        self._bands: list[
            list[tuple[Box, int, int]]
        ] = []  # by image: the box, its place and size in the file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    @property
    def shape(self) -> tuple[int, ...]:
        """Size (N, *space)."""
        return (len(self._bands), *self._space)

    def append(self, labels: Reader) -> None:
        """Add one label image (*space)."""
        stored = []
        for box in bands(self._space, BAND_PX):
            data = zlib.compress(
                np.ascontiguousarray(labels.read(box), dtype=self.dtype).tobytes(), 1
            )
            stored.append((box, self._file.seek(0, 2), len(data)))
            self._file.write(data)
        self._bands.append(stored)

    def read(self, box: Box) -> NDArray[Any]:
        """The labels of one box (N, *space), int32."""
        result = np.zeros(shape_of(box), dtype=self.dtype)
        for out, number in enumerate(range(box[0].start, box[0].stop)):
            for band, position, size in self._bands[number]:
                common = intersection(band, box[1:])
                if common is None:
                    continue
                self._file.seek(position)
                labels = np.frombuffer(
                    zlib.decompress(self._file.read(size)), dtype=self.dtype
                ).reshape(shape_of(band))
                result[out][within(common, box[1:])] = labels[within(common, band)]
        return result
