"""The images that a command works on, and where the results of each go.

The results of one image go where the options say. Those of several images (more than one name, a
pattern or a folder) go into the folders that the options name, under the image's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from shiftlint.errors import InputError
from shiftrun.files.reading.images import RASTER, READABLE, TIFF
from shiftrun.files.reading.ome_zarr import images_inside, is_zarr
from shiftrun.files.writing.output_path import ZARR, split_name

PATTERN = set("*?[")


@dataclass(frozen=True, slots=True)
class Job:
    """One image and where its results go.

    Attributes
    ----------
    image : Path
    outputs : dict of kind to Path
        Such as {"labels": …, "objects": …}.
    """

    image: Path
    outputs: dict[str, Path]


@dataclass(frozen=True, slots=True)
class Jobs:
    """The work of one call; `many`: it asked for several images, even if only one was found."""

    jobs: tuple[Job, ...]
    many: bool

    def run(self, work: Callable[[Job], None], say: Callable[[str], None]) -> None:
        """Do the work; if one of several images fails, report it and go on.

        Raises
        ------
        InputError
            At the end, if any failed.
        """
        failed = []
        for job in self.jobs:
            try:
                work(job)
            except (InputError, MemoryError) as error:
                if not self.many:
                    raise
                failed.append(job.image)
                say(
                    str(error)
                    if str(job.image) in str(error)
                    else f"{job.image}: {str(error) or 'out of memory'}"
                )
        if failed:
            names = ", ".join(str(path) for path in failed[:5]) + (", …" if len(failed) > 5 else "")
            raise InputError(
                f"{len(failed)} of {len(self.jobs)} images failed: {names}. The results of the "
                "others were written."
            )


def jobs_of(
    arguments: tuple[str, ...], targets: Mapping[str, Path | None], suffix: Mapping[str, str]
) -> Jobs:
    """Find the images and name the results.

    Parameters
    ----------
    arguments : tuple of str
        Files, folders of images, OME-Zarr folders (one image or a plate of many), or patterns such
        as "plate/*.tif".
    targets : dict of kind to Path or None
        Files for one image, folders (created if missing) for several; None is skipped.
    suffix : dict of kind to str
        The file type for several images; "" is that of the image: OME-TIFF, TIFF or OME-Zarr, else
        TIFF.

    Raises
    ------
    InputError
        A pattern or folder without images; a file where a folder is needed; two images whose
        results would have the same name.
    """
    found = [_images(text) for text in arguments]
    many = len(arguments) > 1 or any(is_many for _, is_many in found)
    images = list(dict.fromkeys(image for some, _ in found for image in some))
    wanted = {kind: path for kind, path in targets.items() if path is not None}
    if not many:
        return Jobs((Job(images[0], wanted),), many)
    for folder in wanted.values():
        _check_folder(folder)
    jobs = tuple(
        Job(image, {kind: folder / _name(image, suffix[kind]) for kind, folder in wanted.items()})
        for image in images
    )
    taken: dict[str, Path] = {}
    for job in jobs:
        first = next(iter(job.outputs.values()))
        other = taken.setdefault(
            split_name(first)[0], job.image
        )  # tables and reports share this name
        if other != job.image:
            raise InputError(
                f"duplicate result name ({first}): expected one image, got {other} and "
                f"{job.image}. Run them one by one."
            )
    for folder in wanted.values():
        folder.mkdir(exist_ok=True)
    return Jobs(jobs, many)


def _images(text: str) -> tuple[list[Path], bool]:
    """The images that an argument names, and whether it names several."""
    path = Path(text)
    if set(text) & PATTERN and not path.exists():
        found = list(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
    elif is_zarr(path):
        inside = images_inside(path)  # a plate, or a converted file with many images
        return inside or [path], len(inside) > 1
    elif path.is_dir():
        found = [
            each for each in path.iterdir() if each.suffix.lower() in READABLE or is_zarr(each)
        ]
    else:
        return [path], False
    found = [each for each in found if not each.name.startswith(".")]
    if not found:
        raise InputError(
            f"no images ({text}): expected {', '.join(READABLE)} files or OME-Zarr folders, got "
            "none."
        )
    return sorted(found), True


def _check_folder(folder: Path) -> None:
    known = (*READABLE, ZARR, ".csv")
    if (folder.exists() and (not folder.is_dir() or is_zarr(folder))) or (
        not folder.exists() and folder.suffix.lower() in known
    ):
        raise InputError(
            f"one output for several images ({folder}): expected a folder. Name one, such as "
            "-o results/."
        )
    if not folder.parent.is_dir():
        raise InputError(
            f"no such folder ({folder.parent}): expected an existing folder for {folder.name}, got "
            "none. Create it first."
        )


def _name(image: Path, suffix: str) -> str:
    """A result's name: image name, after its OME-Zarr groups' names; type `suffix` or its own."""
    outer = [parent for parent in image.parents if parent.suffix.lower() == ZARR]
    if outer:
        stem, own = split_name(outer[-1])
        stem = "_".join((stem, *image.relative_to(outer[-1]).parts))
    else:
        stem, own = split_name(image)
    return stem + (suffix or (TIFF[0] if own.lower() in (*RASTER, ".npy", "") else own))
