"""Allocator settings: keep little memory besides the large arrays."""

from __future__ import annotations

import ctypes
import math
import mmap

import numpy as np
from numpy.typing import NDArray

MAPPED_BYTES = 1 << 23
LEAST_MAPPED_BYTES = 1 << 16  # a process may have about 65,000 mappings
KEPT_BYTES = (
    1 << 28
    # at the heap's end, until `give_back`: new pages cost more than arithmetic on them
)
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of malloc.h


def keep_heap_small() -> None:
    """Set up glibc's allocator for large arrays, for the whole process: for commands only.

    All threads share one heap, so that they reuse each other's memory; arrays beyond `MAPPED_BYTES`
    get their own mappings, which leave no holes. A run over a large image takes a fifth less
    memory.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # musl, macOS; Windows
        return
    mallopt(M_ARENA_MAX, 1)
    mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def lasting(*shape: int) -> NDArray[np.float32]:
    """A long-lived array of zeros, in its own mapping so that it does not fragment the heap.

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
    """A new mapping of `size` zero bytes, for `what`; MemoryError if the system has none left."""
    try:
        return mmap.mmap(-1, size)
    except OSError as error:
        raise MemoryError(f"{size} bytes for {what}") from error


def give_back() -> None:
    """Return free heap pages to the system, if possible; else they add up over a large image."""
    import psutil

    if hasattr(psutil, "heap_trim"):  # not with musl
        psutil.heap_trim()
