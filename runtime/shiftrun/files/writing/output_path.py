"""Output names, of files or OME-Zarr folders, and their early checks."""

from __future__ import annotations

import os
from pathlib import Path

from shiftlint.errors import InputError

ZARR = ".zarr"
LONG_SUFFIXES = (".ome.tif", ".ome.tiff", ".ome.zarr")


def check_output(
    path: Path, suffixes: tuple[str, ...], *, overwrite: bool, source: Path | None = None
) -> None:
    """Refuse an output that cannot be written, before any work is done.

    Parameters
    ----------
    path : Path
    suffixes : tuple of str
        The supported file types, such as (".tif", ".tiff"); ".zarr" is a folder.
    overwrite : bool
        Whether an existing file or Zarr folder may be replaced.
    source : Path or None
        The image that is read; it is never replaced, even with `overwrite`.

    Raises
    ------
    InputError
        Unknown file type, existing file, missing or unwritable folder.
    """
    folder = path.parent
    if path.suffix.lower() not in suffixes:
        raise InputError(
            f"unknown output type ({path}): expected {' or '.join(suffixes)}, got "
            f"{path.suffix or 'no suffix'}."
        )
    if not folder.is_dir():
        raise InputError(
            f"no such folder ({folder}): expected an existing folder for {path.name}, got none. "
            "Create it first."
        )
    if path.is_dir() and not _is_ours_to_replace(path):
        raise InputError(
            f"output is a folder ({path}): expected a file name. Name a file inside it."
        )
    if source is not None and _holds(path, source):
        raise InputError(
            f"output is the input ({path}): expected two different files. Choose another output."
        )
    if path.exists() and not overwrite:
        raise InputError(
            f"output exists ({path}): expected a new file. Choose another name or pass --overwrite."
        )
    if not os.access(folder, os.W_OK):
        raise InputError(
            f"folder is not writable ({folder}): expected permission to create {path.name}. "
            "Choose another folder."
        )


def _holds(path: Path, source: Path) -> bool:
    """Whether `source` is at `path` or inside it."""
    return (
        path.exists()
        and source.exists()
        and (path.samefile(source) or path.resolve() in source.resolve().parents)
    )


def _is_ours_to_replace(folder: Path) -> bool:
    """Whether a folder is Zarr by name and content, so that it may be replaced like a file."""
    return folder.suffix.lower() == ZARR and any(
        (folder / mark).is_file() for mark in ("zarr.json", ".zgroup", ".zarray")
    )


def split_name(path: Path) -> tuple[str, str]:
    """Split a file name into stem and type, which may have two parts: ("cells", ".ome.tif")."""
    suffix = next((long for long in LONG_SUFFIXES if path.name.lower().endswith(long)), path.suffix)
    return path.name[: len(path.name) - len(suffix)], path.name[len(path.name) - len(suffix) :]
