"""What a TIFF or an OME-TIFF says of itself beside its px."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from shiftrun.arrays.calibration import Calibration, ome_attributes, resolution_tags

OME_TIFF = (".ome.tif", ".ome.tiff")


def is_ome(path: Path) -> bool:
    """Whether the name asks for OME-TIFF."""
    return path.name.lower().endswith(OME_TIFF)


def tiff_settings(path: Path, axes: str, shape: tuple[int, ...], dtype: np.dtype[Any], place: Calibration) -> dict[str, Any]:
    """The keywords of tifffile for an array of these axes."""
    large = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize > 1 << 31
    metadata: dict[str, Any] = {"axes": axes} | (ome_attributes(place) if is_ome(path) else {})
    return {
        "photometric": "minisblack",
        "metadata": metadata,
        "bigtiff": large,
        "ome": is_ome(path),
        **resolution_tags(place),
    }
