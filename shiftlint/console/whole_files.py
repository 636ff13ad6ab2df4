"""Files that are never half-written: written beside their place, and moved there when they are
whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shiftlint.errors import InputError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path to write a file or folder to, of the same name in a hidden folder beside `path`;
    at the end move it to `path`.

    On any error nothing of it is left, and what was at `path` stays. A file that is replaced hands
    its mode on.

    Raises
    ------
    InputError
        The operating system refused to write (full disk, permissions, no such folder).
    """
    from tempfile import TemporaryDirectory  # 10 ms: only where something is written

    with writing(path), TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as beside:
        draft = Path(beside) / path.name
        yield draft
        if draft.is_dir():
            # of a folder neither is possible: its thousands of chunks are not synced one by one,
            # and it cannot take the place of another one at once, so that the old one steps aside
            _replace_folder(draft, path, Path(beside) / "old")
            return
        with draft.open("r+b") as file:
            os.fsync(file.fileno())  # else a crash may leave the new name on an empty file
        if path.exists():
            draft.chmod(path.stat().st_mode & 0o777)
        draft.replace(path)


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` as a `whole_file`."""
    with whole_file(path) as draft:
        draft.write_bytes(data)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the operating system says while `path` is written into one line."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot write ({path}): {error.strerror or error}. Free space or choose another "
            "folder."
        ) from error


def _replace_folder(draft: Path, path: Path, aside: Path) -> None:
    if not path.is_dir():
        draft.replace(path)
        return
    path.replace(aside)
    try:
        draft.replace(path)
    except OSError:
        aside.replace(path)
        raise
