"""Running a network: the only module that knows onnxruntime.

Results must not depend on how a tile is run: TF32 is off (with it, onnxruntime's default, the shape of a tile changes CUDA
results by 4e-3), and a provider that silently fell back to the CPU is an error where another device was asked for.
"""

from __future__ import annotations

import os
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftlint.errors import InputError

DEVICES = ("auto", "cpu", "cuda")
FLOAT_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}
QUIET = 4  # onnxruntime's log level "fatal": its errors are reported once, as one line
OUT_OF_MEMORY = ("failed to allocate memory", "bad allocation", "bad_alloc", "out of memory", "alloc_failed", "bfcarena::allocate")
CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


class OutOfMemory(InputError):
    """A tile does not fit into memory; a smaller one may."""


class Session:
    """A loaded network on one device.

    Parameters
    ----------
    path : Path
        An ONNX file.
    device : {"auto", "cpu", "cuda"}
        "auto": CUDA where it is available and starts, else the CPU.
    workers : int
        How many batches are run at a time; they share the cores.
    image_input : str, optional
        The input that takes the image. Default: the first.

    Attributes
    ----------
    provider : str
        The onnxruntime execution provider in use.
    input_name : str
    output_names : tuple of str

    Raises
    ------
    InputError
        onnxruntime is missing or cannot load the file; CUDA was asked for and does not start; no float input.
    """

    def __init__(self, path: Path, device: str = "auto", *, workers: int = 1, image_input: str | None = None) -> None:
        runtime = _onnxruntime()
        available = runtime.get_available_providers()
        if device == "cuda" and CUDA not in available:
            raise InputError(
                f"no CUDA (--device cuda): expected onnxruntime with {CUDA}, got {', '.join(available)}. {_INSTALL_GPU}"
            )
        use_cuda = device == "cuda" or (device == "auto" and CUDA in available)
        providers: list[Any] = [(CUDA, {"use_tf32": "0"})] if use_cuda else []
        options = runtime.SessionOptions()
        options.log_severity_level = QUIET
        if workers > 1:
            options.intra_op_num_threads = max(1, (os.cpu_count() or 1) // workers)
        options.enable_mem_pattern = False  # a plan for all tensors at once comes on top of the arena: 25 % more memory
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # 15 % faster on a shared machine
        try:
            self._session = runtime.InferenceSession(str(path), options, providers=[*providers, CPU])
        except Exception as error:  # onnxruntime's errors have no common class but Exception
            reason = " ".join(str(error).split())[:300]
            raise InputError(f"cannot load model ({path}): expected a network that onnxruntime runs, got: {reason}") from error
        self.provider: str = self._session.get_providers()[0]
        if device == "cuda" and self.provider != CUDA:
            raise InputError(
                f"CUDA does not start (--device cuda): expected {CUDA}, got {self.provider}. Check driver and CUDA libraries."
            )
        inputs = {value.name: value for value in self._session.get_inputs()}
        image = inputs[image_input] if image_input in inputs else next(iter(inputs.values()))
        if len(inputs) > 1:
            others = ", ".join(name for name in inputs if name != image.name)
            raise InputError(
                f"more than one input ({path}): expected {image.name} alone, got also {others}. "
                "Export the network with these as constants."
            )
        if image.type not in FLOAT_TYPES:
            raise InputError(
                f"input type ({path}, {image.name}): expected floats, got {image.type}. Export the network with float32."
            )
        self._dtype = FLOAT_TYPES[image.type]
        self.input_name: str = image.name
        self.output_names: tuple[str, ...] = tuple(output.name for output in self._session.get_outputs())

    def run(self, batch: NDArray[np.float32], outputs: tuple[str, ...] | None = None) -> dict[str, NDArray[Any]]:
        """Run the network on `batch` (in the axis order of the file) and return the named outputs, all by default.

        Raises
        ------
        InputError
            onnxruntime refuses the batch, such as for a size that is not legal.
        """
        names = list(outputs or self.output_names)
        feed = {self.input_name: np.ascontiguousarray(batch, dtype=self._dtype)}
        try:
            return dict(zip(names, self._session.run(names, feed), strict=True))
        except Exception as error:  # as above
            reason = " ".join(str(error).split())[:300]
            if any(sign in reason.lower() for sign in OUT_OF_MEMORY):
                raise OutOfMemory(
                    f"out of memory (input {self.input_name}, shape {batch.shape}): expected room for one tile, onnxruntime says: "
                    f"{reason}. Pass a smaller --tile or --memory."
                ) from error
            raise InputError(
                f"network failed (input {self.input_name}, shape {batch.shape}): onnxruntime says: {reason}"
            ) from error


_INSTALL_GPU = 'Install it: pip install "shiftlint[gpu]", without onnxruntime beside it.'


def runtime_version() -> str:
    """The installed onnxruntime distributions and versions, for reports."""
    found = _distributions()
    return ", ".join(f"{name} {version}" for name, version in found.items()) or "none"


def _onnxruntime() -> Any:
    found = _distributions()
    if len(found) > 1:
        raise InputError(
            f"two runtimes installed ({' and '.join(found)}): expected one, they overwrite each other's files. "
            "Run: pip uninstall onnxruntime onnxruntime-gpu, then install shiftlint[cpu] or shiftlint[gpu]."
        )
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(
            "onnxruntime is not installed: expected onnxruntime or onnxruntime-gpu. "
            'Install it: pip install "shiftlint[cpu]" (or [gpu]).'
        ) from error
    return onnxruntime


def _distributions() -> dict[str, str]:
    found = {}
    for name in ("onnxruntime", "onnxruntime-gpu"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
