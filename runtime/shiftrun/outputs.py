"""Output files: refused early, written beside their place and moved there whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shiftlint.errors import InputError


def check_output(path: Path, suffixes: tuple[str, ...], *, overwrite: bool, source: Path | None = None) -> None:
    """Refuse an output that could not be written, before any work is spent on it.

    Parameters
    ----------
    path : Path
    suffixes : tuple of str
        The file types that can be written, such as (".tif", ".tiff").
    overwrite : bool
        Whether an existing file may be replaced.
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
    if path.is_dir():
        raise InputError(f"output is a folder ({path}): expected a file name. Name a file inside it.")
    if source is not None and path.exists() and path.samefile(source):
        raise InputError(f"output is the input ({path}): expected two different files. Choose another output.")
    if path.exists() and not overwrite:
        raise InputError(f"output exists ({path}): expected a new file. Choose another name or pass --overwrite.")
    if not os.access(folder, os.W_OK):
        raise InputError(f"folder is not writable ({folder}): expected permission to create {path.name}. Choose another folder.")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a hidden name beside `path` to write to; move it to `path` at the end, remove it on any error or Ctrl-C.

    Raises
    ------
    InputError
        The operating system refused to write (full disk, permissions).
    """
    beside = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield beside
        beside.replace(path)
    except OSError as error:
        raise InputError(f"cannot write ({path}): {error.strerror or error}. Free space or choose another folder.") from error
    finally:
        beside.unlink(missing_ok=True)
