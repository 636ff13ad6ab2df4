"""A label image that is to be written, and all that a format may say of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shiftrun.arrays.calibration import Calibration
from shiftrun.arrays.readers import Reader


@dataclass(frozen=True, slots=True)
class LabelImage:
    """Labels on their way into a file.

    Attributes
    ----------
    path : Path
        Where they will lie in the end.
    reader : Reader
        Gives them box by box; they may be larger than memory.
    axes : str
        Of `reader`, such as "TYX".
    place : Calibration
        Of the spatial axes: px sizes, units, origin.
    dtype : numpy dtype
        uint16 or uint32, whichever holds the largest label.
    source : Path, optional
        The OME-Zarr of the image that they belong to.
    """

    path: Path
    reader: Reader
    axes: str
    place: Calibration
    dtype: np.dtype[Any]
    source: Path | None = None
