"""Read OME-Zarr 0.4 and 0.5 (https://ngff.openmicroscopy.org) and plain Zarr arrays by windows.

The full resolution is used. In Zarr, a missing chunk holds the fill value: only existing chunks can
be damaged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shiftlint.errors import InputError
from shiftrun.arrays.calibration import unit_name
from shiftrun.arrays.readers import ArrayReader
from shiftrun.files.reading.stored import Stored

MARKS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
VERSIONS = ("0.4", "0.5")


def is_zarr(path: Path) -> bool:
    """Whether `path` is a folder of Zarr 2 or 3: a group or an array."""
    return path.is_dir() and any((path / mark).is_file() for mark in MARKS)


def open_zarr(path: Path) -> Stored:
    """Open the image or array in a folder; reads only metadata.

    Raises
    ------
    InputError
        The group itself is not an image, such as a plate: the message names its images.
    """
    import zarr

    node = zarr.open(store=str(path), mode="r")
    if isinstance(node, zarr.Array):
        names = getattr(node.metadata, "dimension_names", None) or ()
        return Stored(
            ArrayReader(node),
            _letters([{"name": name} for name in names], path) if all(names) else "",
        )
    attributes: Mapping[str, Any] = node.attrs.asdict()
    ome = attributes.get("ome", attributes)
    if not ome.get("multiscales"):
        found = ", ".join(map(str, images_inside(path)[:3])) or "none"
        raise InputError(
            f"no image in this group ({path}): expected OME-Zarr {' or '.join(VERSIONS)} with "
            f"multiscales. Images inside: {found}."
        )
    image = ome["multiscales"][0]
    version = str(ome.get("version", image.get("version", VERSIONS[0])))
    if version not in VERSIONS:
        raise InputError(
            f"OME-Zarr version ({path}): expected {' or '.join(VERSIONS)}, got {version}. Convert "
            "the image."
        )
    array = node[image["datasets"][0]["path"]]
    axes = _letters(image["axes"], path)
    if not isinstance(array, zarr.Array) or len(axes) != array.ndim:
        raise ValueError(f"axes {axes} for an array of shape {getattr(array, 'shape', None)}")
    scale, origin = _place(axes, image["datasets"][0].get("coordinateTransformations", ()), image)
    units = {
        letter: unit_name(str(axis.get("unit") or ""))
        for letter, axis in zip(axes, image["axes"], strict=True)
    }
    lengths = {letter: (scale[letter], units[letter]) for letter in axes if letter in "XYZ"}
    notes = (
        (f"{path} holds {len(ome['multiscales'])} images: the first was used",)
        if len(ome["multiscales"]) > 1
        else ()
    )
    return Stored(
        ArrayReader(array), axes, lengths, {letter: origin[letter] for letter in lengths}, notes
    )


def _letters(axes: Sequence[Mapping[str, Any]], path: Path) -> str:
    """One letter per axis of the metadata."""
    kinds = {"time": "T", "channel": "C"}
    found = "".join(kinds.get(str(axis.get("type")), str(axis["name"]).upper()) for axis in axes)
    if len(found) != len(axes) or len(set(found)) != len(found):
        raise InputError(
            f"axis names ({path}): expected one letter each, got "
            f"{', '.join(str(axis['name']) for axis in axes)}."
        )
    return found


def _place(
    axes: str, of_level: Sequence[Any], image: Mapping[str, Any]
) -> tuple[dict[str, float], dict[str, float]]:
    """Px size and position of px 0 by axis: the level's transformations, then the common ones."""
    scale, origin = dict.fromkeys(axes, 1.0), dict.fromkeys(axes, 0.0)
    for step in (*of_level, *image.get("coordinateTransformations", ())):
        for position, letter in enumerate(axes):
            if "scale" in step:
                scale[letter] *= step["scale"][position]
                origin[letter] *= step["scale"][position]
            if "translation" in step:
                origin[letter] += step["translation"][position]
    if not all(math.isfinite(value) for value in (*scale.values(), *origin.values())):
        raise ValueError("a transformation that is not finite")
    return scale, origin


def images_inside(path: Path) -> list[Path]:
    """The images inside a group, such as a plate, in order; [] for an image or array."""
    if _has_image(path) or not is_zarr(path):
        return []
    depths = ("*", "*/*", "*/*/*")
    found = sorted(
        mark.parent for depth in depths for name in MARKS for mark in path.glob(f"{depth}/{name}")
    )
    return [folder for folder in dict.fromkeys(found) if _has_image(folder)]


def _has_image(path: Path) -> bool:
    return any(
        mark.is_file() and '"multiscales"' in mark.read_text(encoding="utf-8")
        for mark in (path / name for name in MARKS)
    )
