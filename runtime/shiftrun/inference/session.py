"""Run a network: the only module that uses onnxruntime.

Results must not depend on how a tile is run: a silent fallback to the CPU is an error if another
device was requested.
"""

from __future__ import annotations

import os
import warnings
from contextlib import redirect_stdout
from importlib import metadata
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftlint.errors import InputError
from shiftrun.inference.providers import CPU, CUDA, provider_of, settings
from shiftrun.memory.reused_arrays import BoundSession

FLOAT_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
}
LARGEST_MODEL_BYTES = 2_000_000_000  # the limit of one protobuf message
QUIET = 4  # onnxruntime's log level "fatal": its errors are reported once, as one line
OUT_OF_MEMORY = (
    "failed to allocate memory",
    "bad allocation",
    "bad_alloc",
    "out of memory",
    "alloc_failed",
    "bfcarena::allocate",
)


class OutOfMemory(InputError):
    """A tile does not fit into memory; a smaller one may."""


class Session:
    """A loaded network on one device.

    Parameters
    ----------
    path : Path
        An ONNX file.
    device : str
        One of `providers.PROVIDERS`, the name of an onnxruntime execution provider, or "auto": CUDA
        if it is available and starts, else the CPU.
    precision : {"exact", "tf32", "fp16"}
        The last two need CUDA.
    workers : int
        Batches to run at a time; they share the cores.
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
        onnxruntime is missing or cannot load the file; the requested device is missing or does not
        start, or does not support the precision; no float input.
    """

    def __init__(
        self,
        path: Path,
        device: str = "auto",
        *,
        workers: int = 1,
        image_input: str | None = None,
        precision: str = "exact",
    ) -> None:
        self._session = start_session(path, device, workers=workers, precision=precision)
        self.provider: str = self._session.get_providers()[0]
        inputs = {value.name: value for value in self._session.get_inputs()}
        image = inputs[image_input] if image_input in inputs else next(iter(inputs.values()))
        if len(inputs) > 1:
            others = ", ".join(name for name in inputs if name != image.name)
            raise InputError(
                f"more than one input ({path}): expected only {image.name}, got also {others}. "
                "Export the network with the others as constants."
            )
        if image.type not in FLOAT_TYPES:
            raise InputError(
                f"input type ({path}, {image.name}): expected floats, got {image.type}. Export "
                "the network with float32."
            )
        self._dtype = FLOAT_TYPES[image.type]
        self.input_name: str = image.name
        self.output_names: tuple[str, ...] = tuple(
            output.name for output in self._session.get_outputs()
        )
        self._bound = (
            BoundSession(self._session, self.input_name) if self.provider == CUDA else None
        )

    def run(
        self, batch: NDArray[np.float32], outputs: tuple[str, ...] | None = None
    ) -> dict[str, NDArray[Any]]:
        """Run the network on `batch` (in the axis order of the file) and return the named outputs,
        all by default.

        Raises
        ------
        InputError
            onnxruntime refuses the batch, for example because of an illegal size.
        MemoryError
            The host has no memory left for the outputs.
        """
        names = outputs or self.output_names
        batch = np.ascontiguousarray(batch, dtype=self._dtype)
        try:
            if self._bound is not None:
                found = self._bound.run(names, batch)
            else:
                found = self._session.run(list(names), {self.input_name: batch})
            return dict(zip(names, found, strict=True))
        except MemoryError:
            raise
        except Exception as error:  # onnxruntime's errors have no other common class
            reason = " ".join(str(error).split())[:300]
            if any(sign in reason.lower() for sign in OUT_OF_MEMORY):
                raise OutOfMemory(
                    f"out of memory (input {self.input_name}, shape {batch.shape}): expected room "
                    f"for one tile, got: {reason}. Pass a smaller --tile or --memory."
                ) from error
            raise InputError(
                f"network failed (input {self.input_name}, shape {batch.shape}): onnxruntime "
                f"reports: {reason}"
            ) from error


def wanted_provider(device: str, precision: str, workers: int) -> str:
    """The provider that a session would request, without loading a network; errors of `Session`."""
    return provider_of(device, _onnxruntime().get_available_providers(), precision, workers)


def threads_of(workers: int) -> int:
    """The most threads for one batch when `workers` batches share the cores."""
    return max(1, (os.cpu_count() or 1) // workers)


def start_session(
    network: Path | bytes, device: str, *, workers: int = 1, precision: str = "exact"
) -> Any:
    """An onnxruntime session of an ONNX file or its content; parameters and errors of `Session`."""
    runtime = _onnxruntime()
    wanted = wanted_provider(device, precision, workers)
    providers = [(wanted, settings(wanted, precision)), CPU] if wanted != CPU else [CPU]
    options = runtime.SessionOptions()
    options.log_severity_level = QUIET
    if workers > 1:
        options.intra_op_num_threads = threads_of(workers)
    options.enable_mem_pattern = (
        False  # planning all tensors at once adds to the arena: 25 % more memory
    )
    options.add_session_config_entry(
        "session.intra_op.allow_spinning", "0"
    )  # 15 % faster on a shared machine
    if isinstance(network, Path):
        network = half_precision(network) if precision == "fp16" else network
    try:
        session = runtime.InferenceSession(network, options, providers=providers)
    except Exception as error:  # onnxruntime's errors have no other common class
        where, reason = (
            network if isinstance(network, Path) else "in memory",
            " ".join(str(error).split())[:300],
        )
        raise InputError(
            f"cannot load model ({where}): expected a network that onnxruntime runs, got: {reason}"
        ) from error
    started = session.get_providers()[0]
    if started != wanted and (device != "auto" or precision != "exact"):
        raise InputError(
            f"device does not start (--device {device}): expected {wanted}, got {started}. Check "
            "the driver."
        )
    return session


def half_precision(path: Path) -> bytes:
    """The network in `path` in float16; inputs and outputs keep their types.

    Uses onnxruntime's converter: operators that need float32 keep it, values beyond float16's range
    are clipped.

    Raises
    ------
    InputError
        The network is too large to convert in memory, or the converter refuses it.
    """
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = onnx.load(path)
    if model.ByteSize() > LARGEST_MODEL_BYTES:
        raise InputError(
            f"network too large for --precision fp16 ({path}): expected less than "
            f"{LARGEST_MODEL_BYTES / 1e9:.0f} GB of weights, "
            f"got {model.ByteSize() / 1e9:.1f} GB. Export it in float16, or use --precision tf32."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one for each weight that float16 rounds to zero
            result: bytes = convert_float_to_float16(model, keep_io_types=True).SerializeToString()
    except (ValueError, KeyError, IndexError, AttributeError, RuntimeError) as error:
        raise InputError(
            f"cannot convert to float16 ({path}): expected a network that onnxruntime's converter "
            f"takes, got: {error}. "
            "Use --precision tf32 or exact."
        ) from error
    return result


def runtime_version() -> str:
    """The installed onnxruntime distributions and versions, for reports."""
    found = _distributions()
    return ", ".join(f"{name} {version}" for name, version in found.items()) or "none"


def _onnxruntime() -> Any:
    found = _distributions()
    if len(found) > 1:
        raise InputError(
            f"two runtimes installed ({' and '.join(found)}): expected one, as they overwrite each "
            "other's files. "
            "Run: pip uninstall onnxruntime onnxruntime-gpu, then install shiftlint[cpu] or "
            "shiftlint[gpu]."
        )
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(
            "onnxruntime is not installed: expected onnxruntime or onnxruntime-gpu. "
            'Install it: pip install "shiftlint[cpu]" (or [gpu]).'
        ) from error
    if CUDA in onnxruntime.get_available_providers() and hasattr(onnxruntime, "preload_dlls"):
        with redirect_stdout(StringIO()):  # missing libraries show when the device does not start
            # libraries of the nvidia-* packages, which the system does not find
            onnxruntime.preload_dlls()
    return onnxruntime


def _distributions() -> dict[str, str]:
    found = {}
    for name in ("onnxruntime", "onnxruntime-gpu"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
