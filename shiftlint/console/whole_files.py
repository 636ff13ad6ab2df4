"""Files that are never half-written: they are written next to their path, then moved there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shiftlint.errors import InputError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a draft path of the same name in a hidden folder next to `path`; move it at the end.

    On any error the draft is removed, and `path` stays as it was. The draft may be a file or a
    folder. A file keeps the mode of the file that it replaces.

    Raises
    ------
    InputError
        The operating system refused to write (full disk, permissions, no such folder).
    """
    from tempfile import TemporaryDirectory  # 10 ms: import only if needed

    with writing(path), TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as beside:
        draft = Path(beside) / path.name
        yield draft
        if draft.is_dir():
            # a folder has thousands of chunks, too many to sync one by one, and it cannot replace
            # another folder in one step: the old one is moved away first
            _replace_folder(draft, path, Path(beside) / "old")
            return
        with draft.open("r+b") as file:
            os.fsync(file.fileno())  # else a crash may leave the new name on an empty file
        if path.exists():
            draft.chmod(path.stat().st_mode & 0o777)
        draft.replace(path)


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` through `whole_file`."""
    with whole_file(path) as draft:
        draft.write_bytes(data)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn operating system errors while `path` is written into one line."""
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
