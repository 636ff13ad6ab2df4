"""Outputs, files or folders of OME-Zarr: their names, and what is refused early."""

from __future__ import annotations

import os
from pathlib import Path

from shiftlint.errors import InputError

ZARR = ".zarr"
LONG_SUFFIXES = (".ome.tif", ".ome.tiff", ".ome.zarr")


def check_output(
    path: Path, suffixes: tuple[str, ...], *, overwrite: bool, source: Path | None = None
) -> None:
    """Refuse an output that could not be written, before any work is spent on it.

    Parameters
    ----------
    path : Path
    suffixes : tuple of str
        The file types that can be written, such as (".tif", ".tiff"); ".zarr" is a folder.
    overwrite : bool
        Whether an existing file, or folder of Zarr, may be replaced.
    source : Path or None
        The image that is read: never replaced, whatever `overwrite` says.

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
            f"no such folder ({folder}): expected a folder to write {path.name} to. Create it "
            "first."
        )
    if path.is_dir() and not _is_ours_to_replace(path):
        raise InputError(
            f"output is a folder ({path}): expected a new name. Name a file inside it."
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
    """Whether `source` is what lies at `path`, or a part of it."""
    return (
        path.exists()
        and source.exists()
        and (path.samefile(source) or path.resolve() in source.resolve().parents)
    )


def _is_ours_to_replace(folder: Path) -> bool:
    """Whether a folder is Zarr in name and content, and may be replaced as a file may."""
    return folder.suffix.lower() == ZARR and any(
        (folder / mark).is_file() for mark in ("zarr.json", ".zgroup", ".zarray")
    )


def split_name(path: Path) -> tuple[str, str]:
    """The name of a file and its type, which may have two parts: ("cells", ".ome.tif")."""
    suffix = next((long for long in LONG_SUFFIXES if path.name.lower().endswith(long)), path.suffix)
    return path.name[: len(path.name) - len(suffix)], path.name[len(path.name) - len(suffix) :]
