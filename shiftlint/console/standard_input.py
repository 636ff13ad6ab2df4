"""`-` as a file: standard input, kept in a temporary file while it is read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = "-"


@contextmanager
def readable(path: str) -> Iterator[str]:
    """Yield the path, or for `-` that of a temporary copy; errors should still name `path`."""
    if path != NAME:
        yield path
        return
    from tempfile import TemporaryDirectory  # 10 ms: import only if needed

    with TemporaryDirectory(prefix="shiftlint") as folder:
        file = Path(folder) / "stdin.onnx"
        file.write_bytes(sys.stdin.buffer.read())
        yield str(file)
