"""Files that are never half-written."""

from __future__ import annotations

import os
from pathlib import Path

from shiftlint.errors import InputError


def write_atomically(path: Path, data: bytes) -> None:
    """Write beside `path`, then put it in its place; InputError where that is not possible.

    The mode of a file that is replaced is kept.
    """
    import tempfile  # 10 ms: only where something is written

    beside = None
    try:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
        descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).chmod(mode)
        Path(beside).replace(path)
        beside = None
    except OSError as error:
        raise InputError(f"cannot write ({path}): expected a folder and a name to write to, got: {error.strerror}.") from error
    finally:
        if beside is not None:
            Path(beside).unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
