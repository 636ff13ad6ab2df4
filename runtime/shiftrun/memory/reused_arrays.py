"""Results from a device, into reused host memory.

Pages that are new to a process cost more than the copy from the device that fills them. A network's
outputs are therefore bound to memory of earlier tiles that is no longer in use.
"""

from __future__ import annotations

import math
import mmap
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftrun.memory.allocator import mapping

ALIGNMENT = 64  # bytes, of each output within the shared memory

Form = tuple[tuple[int, ...], np.dtype[Any]]  # shape, dtype


class HostMemory:
    """Arrays whose memory is reused once its last view is gone; thread-safe."""

    def __init__(self) -> None:
        self._free: list[mmap.mmap] = []

    def arrays(self, forms: list[Form]) -> list[NDArray[Any]]:
        """Arrays of these shapes and dtypes, not cleared.

        Raises
        ------
        MemoryError
            The system has none left.
        """
        sizes = [math.prod(shape) * dtype.itemsize for shape, dtype in forms]
        places = [0]
        for size in sizes:
            places.append(places[-1] + -(-size // ALIGNMENT) * ALIGNMENT)
        pages = self._pages(max(ALIGNMENT, places[-1]))
        whole = np.frombuffer(
            pages, dtype=np.uint8
        )  # every view keeps it alive, as `pages` is not an array
        weakref.finalize(whole, self._free.append, pages).atexit = False
        return [
            whole[place : place + size].view(dtype).reshape(shape)
            for (shape, dtype), place, size in zip(forms, places[:-1], sizes, strict=True)
        ]

    def _pages(self, size: int) -> mmap.mmap:
        while True:
            try:
                pages = self._free.pop()
            except IndexError:
                break
            if len(pages) == size:  # else from an earlier run with a different tile
                return pages
        return mapping(size, "the outputs of a tile")


class BoundSession:
    """Runs an onnxruntime session with its outputs bound to `HostMemory`.

    Outputs have the sizes that they had for the first input of the same shape; onnxruntime refuses
    others.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    input_name : str
    """

    def __init__(self, session: Any, input_name: str) -> None:
        self._session, self._input = session, input_name
        self._memory = HostMemory()
        self._forms: dict[tuple[tuple[str, ...], tuple[int, ...]], list[Form]] = {}

    def run(self, names: tuple[str, ...], batch: NDArray[Any]) -> list[NDArray[Any]]:
        """The named outputs for a contiguous `batch`; errors of onnxruntime, or MemoryError."""
        known = self._forms.get((names, batch.shape))
        if known is None:
            first = self._session.run(list(names), {self._input: batch})
            self._forms[names, batch.shape] = [(output.shape, output.dtype) for output in first]
            return list(first)
        outputs = self._memory.arrays(known)
        binding = self._session.io_binding()
        binding.bind_cpu_input(self._input, batch)
        for name, output in zip(names, outputs, strict=True):
            binding.bind_output(name, "cpu", 0, output.dtype.type, output.shape, output.ctypes.data)
        self._session.run_with_iobinding(binding)
        return outputs
