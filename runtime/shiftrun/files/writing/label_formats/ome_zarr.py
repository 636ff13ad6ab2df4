"""Labels as an OME-Zarr 0.5 pyramid."""

from __future__ import annotations

from pathlib import Path

from shiftrun.files.writing import ome_zarr
from shiftrun.files.writing.label_image import LabelImage
from shiftrun.files.writing.output_path import ZARR

SUFFIXES = (ZARR,)


def check_axes(path: Path, axes: str) -> None:
    """Refuse axes that OME-Zarr does not have."""
    ome_zarr.check_axes(path, axes)


def write(beside: Path, labels: LabelImage) -> None:
    """Write an OME-Zarr folder that names its image."""
    relative = (
        None if labels.source is None else ome_zarr.relative_source(labels.source, labels.path)
    )
    with ome_zarr.settled():
        ome_zarr.write_zarr_labels(
            beside, labels.reader, labels.axes, labels.place, labels.dtype, relative
        )
