"""A label image to write, with all the metadata that a format may store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shiftrun.arrays.calibration import Calibration
from shiftrun.arrays.readers import Reader


@dataclass(frozen=True, slots=True)
class LabelImage:
    """Labels to write to a file.

    Attributes
    ----------
    path : Path
        The final path.
    reader : Reader
        Gives them box by box; they may be larger than memory.
    axes : str
        Of `reader`, such as "TYX".
    place : Calibration
        Of the spatial axes: px sizes, units, origin.
    dtype : numpy dtype
        uint16 or uint32, whichever holds the largest label.
    source : Path, optional
        The OME-Zarr of the labeled image.
    """

    path: Path
    reader: Reader
    axes: str
    place: Calibration
    dtype: np.dtype[Any]
    source: Path | None = None
