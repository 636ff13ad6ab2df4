"""`-` for a file: what comes in on standard input, kept in a temporary file while it is
looked at.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = "-"


@contextmanager
def readable(path: str) -> Iterator[str]:
    """The path itself, or for `-` that of a file with what standard input held; pass `path` on as
    what errors name.
    """
    if path != NAME:
        yield path
        return
    from tempfile import TemporaryDirectory  # 10 ms: only where it is asked for

    with TemporaryDirectory(prefix="shiftlint") as folder:
        file = Path(folder) / "stdin.onnx"
        file.write_bytes(sys.stdin.buffer.read())
        yield str(file)
