"""How a process that lives by large arrays keeps little memory beyond them."""

from __future__ import annotations

import ctypes
import math
import mmap

import numpy as np
from numpy.typing import NDArray

MAPPED_BYTES = 1 << 23
LEAST_MAPPED_BYTES = 1 << 16  # a process may have some 65,000 mappings
KEPT_BYTES = (
    1 << 28
    # at the heap's end, until `give_back`: pages that are new to a process cost more than
    # arithmetic on them
)
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of malloc.h


def keep_heap_small() -> None:
    """Set up glibc's allocator for a process that lives by large arrays; for commands, as it holds
    for the whole process.

    One heap for all threads, so that what one frees another takes; and arrays beyond `MAPPED_BYTES`
    by mappings of their own, which leave no holes. A run over a large image takes a fifth less
    memory so.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # musl, macOS; Windows
        return
    mallopt(M_ARENA_MAX, 1)
    mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def lasting(*shape: int) -> NDArray[np.float32]:
    """An array of zeros that outlives most others: it has a mapping of its own, as it would leave
    the heap in pieces.

    Raises
    ------
    MemoryError
        The system has none left.
    """
    size = math.prod(shape)
    if size * np.float32().nbytes < LEAST_MAPPED_BYTES:
        return np.zeros(shape, dtype=np.float32)
    pages = mapping(size * np.float32().nbytes, f"an array of {'x'.join(map(str, shape))}")
    return np.frombuffer(pages, dtype=np.float32).reshape(shape)


def mapping(size: int, what: str) -> mmap.mmap:
    """`size` bytes of zeros of their own, for `what`; MemoryError if the system has none left."""
    try:
        return mmap.mmap(-1, size)
    except OSError as error:
        raise MemoryError(f"{size} bytes for {what}") from error


def give_back() -> None:
    """Give the free pages of the heap back to the system, where its allocator can: else they add up
    over a large image.
    """
    import psutil

    if hasattr(psutil, "heap_trim"):  # not with musl
        psutil.heap_trim()
