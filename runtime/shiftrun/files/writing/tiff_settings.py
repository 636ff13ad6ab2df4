"""The metadata of TIFF and OME-TIFF files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from shiftlint.errors import InputError
from shiftrun.arrays.calibration import Calibration, ome_attributes, resolution_tags
from shiftrun.files.reading.image_axes import SPATIAL

OME_TIFF = (".ome.tif", ".ome.tiff")


def is_ome(path: Path) -> bool:
    """Whether the name asks for OME-TIFF."""
    return path.name.lower().endswith(OME_TIFF)


def check_axes(path: Path, axes: str) -> None:
    """Refuse axes that OME-TIFF cannot name."""
    if is_ome(path) and not set(axes) <= set("TC" + SPATIAL):
        raise InputError(
            f"axes of OME-TIFF ({path}): expected axes out of TCZYX, got {axes}. Name it .tif, or "
            "pass --axes."
        )


def tiff_settings(
    path: Path, axes: str, shape: tuple[int, ...], dtype: np.dtype[Any], place: Calibration
) -> dict[str, Any]:
    """The tifffile keywords for an array with these axes."""
    large = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize > 1 << 31
    metadata: dict[str, Any] = {"axes": axes} | (ome_attributes(place) if is_ome(path) else {})
    return {
        "photometric": "minisblack",
        "metadata": metadata,
        "bigtiff": large,
        "ome": is_ome(path),
        **resolution_tags(place),
    }
