"""Label images as runs: consecutive px in raster order with one value."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Runs:
    """An array of any shape, flattened: `lengths` (K,) in px and `values` (K,), int32 both."""

    lengths: NDArray[np.int32]
    values: NDArray[np.int32]

    @classmethod
    def of(cls, labels: NDArray[np.integer[Any]]) -> Self:
        """The runs of an array of fewer than 2^31 px."""
        flat = labels.reshape(-1)
        starts = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        starts = np.concatenate([np.zeros(min(1, flat.size), dtype=starts.dtype), starts])
        return cls(
            np.diff(starts, append=flat.size).astype(np.int32), flat[starts].astype(np.int32)
        )

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """The runs that `pack` was called on."""
        lengths, values = np.frombuffer(zlib.decompress(packed), dtype=np.int32).reshape(2, -1)
        return cls(lengths, values)

    def pack(self) -> bytes:
        """A compressed form."""
        return zlib.compress(np.stack([self.lengths, self.values]).tobytes(), 1)

    @property
    def starts(self) -> NDArray[np.int64]:
        """The index of each run's first px."""
        return np.cumsum(self.lengths, dtype=np.int64) - self.lengths

    def expand(self, shape: tuple[int, ...]) -> NDArray[np.int32]:
        """The array, of `shape`."""
        return np.repeat(self.values, self.lengths).reshape(shape)
