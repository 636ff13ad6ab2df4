"""Readers of labeled images: four layouts on disk, one sequence of `Sample` in memory.

| layout | how it is recognized |
|---|---|
| numpy archive | `SPLIT.npz` with `ids`, `image/<id>`, `label/<id>` |
| BBBC038 / 2018 Data Science Bowl | `ID/images/*.png`, one `ID/masks/*.png` per object |
| BBBC006 | `BBBC006_v1_images_z_16/*_w1*.tif`, `BBBC006_v1_labels/*.png`, by well and site |
| image and label pairs | `images/NAME.tif`, `labels/NAME.tif` (`masks/`, .png, `SPLIT/` above) |
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftlint.console.whole_files import whole_file
from shiftlint.errors import InputError
from shiftrun.files.reading.images import read_pixels

PAIR_SUFFIXES = (".tif", ".tiff", ".png")
LABEL_FOLDERS = ("labels", "masks")
BBBC006_IMAGES, BBBC006_LABELS = "BBBC006_v1_images_z_16", "BBBC006_v1_labels"
BBBC006_FIELD = re.compile(r"_([a-p]\d{2}_s[12])(?!\d)")  # well and site, in file names


@dataclass(frozen=True, slots=True)
class Sample:
    """One labeled image.

    Attributes
    ----------
    name : str
    image : array (*space), integer or float, raw intensities
    label : array (*space), int32; 0 is background, each object has its own number
    """

    name: str
    image: NDArray[Any]
    label: NDArray[np.int32]


def read_samples(folder: Path, split: str = "train") -> list[Sample]:
    """Read every labeled image below `folder`.

    Parameters
    ----------
    folder : Path
        A folder in one of the layouts above, or an .npz file.
    split : str
        Which archive to use from a folder of .npz archives, or which folder of pairs; the other
        layouts have one split.

    Raises
    ------
    InputError
        Nothing readable, labels that are not integers, or an image and a label of different shapes.
    """
    archive = folder if folder.suffix == ".npz" else folder / f"{split}.npz"
    reader: Callable[[Path], Iterator[Sample]]
    if archive.is_file():
        reader, place = _read_archive, archive
    elif not folder.is_dir():
        raise InputError(
            f"no data ({folder}): expected a folder or an .npz archive, got nothing. Check --data."
        )
    elif any(folder.glob("*/images/*.png")):
        reader, place = _read_science_bowl, folder
    elif (folder / BBBC006_IMAGES).is_dir():
        reader, place = _read_bbbc006, folder
    elif (folder / "images").is_dir():
        reader, place = _read_pairs, folder
    elif (folder / split / "images").is_dir():
        reader, place = _read_pairs, folder / split
    else:
        raise InputError(
            f"unknown data layout ({folder}): expected {split}.npz, ID/images/*.png with "
            "ID/masks/*.png, "
            f"{BBBC006_IMAGES}/ with {BBBC006_LABELS}/, or images/ with labels/. Arrange the "
            "files in one of these layouts."
        )
    samples = [_checked(sample) for sample in reader(place)]
    if not samples:
        raise InputError(f"no samples ({place}): expected at least one labeled image, got none.")
    return samples


def numbered(label: NDArray[np.integer], min_size: int = 1) -> NDArray[np.int32]:
    """Number objects of at least `min_size` px 1, 2, … without gaps; drop the smaller ones."""
    keep = np.bincount(label.ravel()) >= min_size
    keep[0] = False
    return np.asarray((np.cumsum(keep) * keep)[label], np.int32)


def write_archive(path: Path, samples: Sequence[Sample]) -> None:
    """Write samples as a compressed .npz archive, whole or not at all; labels as uint16."""
    arrays = {f"image/{s.name}": s.image for s in samples} | {
        f"label/{s.name}": s.label.astype(np.uint16) for s in samples
    }
    with whole_file(path) as draft, draft.open("wb") as file:
        np.savez_compressed(
            file, allow_pickle=False, ids=np.array([s.name for s in samples]), **arrays
        )


def of_shape(samples: list[Sample], shape: tuple[int, ...] | None) -> list[Sample]:
    """The samples of this shape, or all if it is None; InputError if there are none."""
    chosen = samples if shape is None else [s for s in samples if s.image.shape == shape]
    if not chosen:
        shapes = sorted({s.image.shape for s in samples})
        raise InputError(
            f"no samples of shape {shape} (data): expected at least one, got shapes {shapes[:5]}. "
            "Check image_shape."
        )
    return chosen


def _read_archive(path: Path) -> Iterator[Sample]:
    try:
        with np.load(path) as archive:
            for name in archive["ids"]:
                yield Sample(str(name), archive[f"image/{name}"], archive[f"label/{name}"])
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise InputError(
            f"broken archive ({path}): expected ids, image/<id> and label/<id>, got: {error}."
        ) from error


def _read_science_bowl(folder: Path) -> Iterator[Sample]:
    for image_path in sorted(folder.glob("*/images/*.png")):
        image = _gray(read_pixels(image_path))
        label = np.zeros(image.shape, np.int32)
        masks = sorted((image_path.parent.parent / "masks").glob("*.png"))
        for number, mask_path in enumerate(masks, start=1):
            mask = _gray(read_pixels(mask_path)) > 0
            if mask.shape != label.shape:
                raise InputError(
                    f"shapes differ ({mask_path}): expected {label.shape} as its image, got "
                    f"{mask.shape}."
                )
            label[mask & (label == 0)] = number
        yield Sample(image_path.stem, image, label)


def _read_pairs(folder: Path) -> Iterator[Sample]:
    labels = {
        path.stem: path
        for name in LABEL_FOLDERS
        for path in sorted((folder / name).glob("*"))
        if path.suffix in PAIR_SUFFIXES
    }
    for path in sorted(p for p in (folder / "images").iterdir() if p.suffix in PAIR_SUFFIXES):
        if path.stem not in labels:
            raise InputError(
                f"image without labels ({path}): expected {folder / 'labels' / path.name}. Add it "
                "or remove the image."
            )
        yield Sample(path.stem, _gray(read_pixels(path)), read_pixels(labels[path.stem]))


def _read_bbbc006(folder: Path) -> Iterator[Sample]:
    """The in-focus plane of the Hoechst channel (w1) with its labels."""
    labels = {
        found[1]: path
        for path in (folder / BBBC006_LABELS).glob("*.png")
        if (found := BBBC006_FIELD.search(path.name))
    }
    for path in sorted((folder / BBBC006_IMAGES).glob("*_w1*.tif")):
        field = BBBC006_FIELD.search(path.name)
        if field is None or field[1] not in labels:
            raise InputError(
                f"image without labels ({path}): expected a file for the same well and site, such "
                "as *_a01_s1.png, in "
                f"{folder / BBBC006_LABELS}. Add it or remove the image."
            )
        yield Sample(field[1], read_pixels(path), _gray(read_pixels(labels[field[1]])))


def _gray(pixels: NDArray[Any]) -> NDArray[Any]:
    """The first channel of an image stored as RGB(A) with identical channels."""
    if pixels.ndim == 3 and pixels.shape[-1] in (3, 4):
        if not (pixels[..., :3] == pixels[..., :1]).all():
            raise InputError(
                "color image: expected gray pixels (equal channels), got color. Convert it first."
            )
        return pixels[..., 0]
    return pixels


def _checked(sample: Sample) -> Sample:
    if sample.label.dtype.kind not in "uib":
        raise InputError(
            f"labels are not integers ({sample.name}): expected an integer label image, got "
            f"{sample.label.dtype}."
        )
    if sample.image.shape != sample.label.shape:
        raise InputError(
            f"shapes differ ({sample.name}): expected a label image of {sample.image.shape}, got "
            f"{sample.label.shape}."
        )
    return Sample(sample.name, sample.image, sample.label.astype(np.int32))
