"""Outputs: refused early, written beside their place and moved there whole, be it a file or a folder of OME-Zarr."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shiftlint.errors import InputError

ZARR = ".zarr"
LONG_SUFFIXES = (".ome.tif", ".ome.tiff", ".ome.zarr")


def check_output(path: Path, suffixes: tuple[str, ...], *, overwrite: bool, source: Path | None = None) -> None:
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
        raise InputError(f"unknown output type ({path}): expected {' or '.join(suffixes)}, got {path.suffix or 'no suffix'}.")
    if not folder.is_dir():
        raise InputError(f"no such folder ({folder}): expected a folder to write {path.name} to. Create it first.")
    if path.is_dir() and not _is_ours_to_replace(path):
        raise InputError(f"output is a folder ({path}): expected a new name. Name a file inside it.")
    if source is not None and _holds(path, source):
        raise InputError(f"output is the input ({path}): expected two different files. Choose another output.")
    if path.exists() and not overwrite:
        raise InputError(f"output exists ({path}): expected a new file. Choose another name or pass --overwrite.")
    if not os.access(folder, os.W_OK):
        raise InputError(f"folder is not writable ({folder}): expected permission to create {path.name}. Choose another folder.")


def _holds(path: Path, source: Path) -> bool:
    """Whether `source` is what lies at `path`, or a part of it."""
    return path.exists() and source.exists() and (path.samefile(source) or path.resolve() in source.resolve().parents)


def _is_ours_to_replace(folder: Path) -> bool:
    """Whether a folder is Zarr in name and content, and may be replaced as a file may."""
    return folder.suffix.lower() == ZARR and any((folder / mark).is_file() for mark in ("zarr.json", ".zgroup", ".zarray"))


def split_name(path: Path) -> tuple[str, str]:
    """The name of a file and its type, which may have two parts: ("cells", ".ome.tif")."""
    suffix = next((long for long in LONG_SUFFIXES if path.name.lower().endswith(long)), path.suffix)
    return path.name[: len(path.name) - len(suffix)], path.name[len(path.name) - len(suffix) :]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a hidden name beside `path` to write a file or folder to; at the end move it to `path`, on any error remove it.

    Raises
    ------
    InputError
        The operating system refused to write (full disk, permissions).
    """
    beside = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        with writing(path):
            yield beside
            _move(beside, path)
    finally:
        _remove(beside)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the operating system says while `path` is written into one line."""
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot write ({path}): {error.strerror or error}. Free space or choose another folder.") from error


def _move(beside: Path, path: Path) -> None:
    """Put `beside` in the place of `path`; a folder cannot replace a folder at once, so that the old one steps aside."""
    if not path.is_dir():
        beside.replace(path)
        return
    old = path.with_name(f".{path.stem}.{os.getpid()}.old{path.suffix}")
    path.replace(old)
    try:
        beside.replace(path)
    except OSError:
        old.replace(path)
        raise
    _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
