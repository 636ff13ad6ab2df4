"""The requirements, options and promises of onnxruntime's execution providers.

https://onnxruntime.ai/docs/execution-providers/
"""

from __future__ import annotations

import platform
from typing import Any

import numpy as np

from shiftlint.errors import InputError
from shiftrun.memory.cuda_device import cuda_device_name

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
PROVIDERS = {
    "cpu": CPU,
    "cuda": CUDA,
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}
PRECISIONS = ("exact", "tf32", "fp16")
OVERLAPPING = 2  # tiles on CUDA: one is copied while another is computed


def provider_of(device: str, available: list[str], precision: str, workers: int) -> str:
    """The provider to request; InputError if it is not `available` or lacks a requested feature."""
    best = CUDA if CUDA in available else CPU
    wanted = best if device == "auto" else PROVIDERS.get(device, device)
    if wanted not in available:
        advice = (
            _INSTALL_GPU
            if wanted == CUDA
            else "Install an onnxruntime build that has it, or use --device auto."
        )
        raise InputError(
            f"no such device (--device {device}): expected {wanted}, onnxruntime has "
            f"{', '.join(available)}. {advice}"
        )
    if precision not in PRECISIONS:
        raise InputError(
            f"unknown precision (--precision): expected one of {', '.join(PRECISIONS)}, got "
            f"{precision}."
        )
    if precision != "exact" and wanted != CUDA:
        raise InputError(
            f"{precision} is not supported (--precision {precision}): expected {CUDA}, got "
            f"{wanted}. Use "
            "--precision exact, or a machine with an NVIDIA GPU."
        )
    if wanted == PROVIDERS["directml"] and workers > 1:
        raise InputError(
            f"too many workers (--device {device}): expected --workers 1 for DirectML, got "
            f"{workers}."
        )
    return wanted


_INSTALL_GPU = 'Install it: pip install "shiftlint[gpu]", without onnxruntime installed.'


def settings(provider: str, precision: str) -> dict[str, str]:
    """The options of a provider for a precision.

    On CUDA, TF32 (onnxruntime's default) is off unless requested: with it, the tile shape changes
    results by 4e-3. Convolution kernels are chosen by size, not by timing, which may choose
    differently in every run; this is as fast on an H200, and the first tile takes 0.05 s instead of
    0.25 s.
    """
    if provider != CUDA:
        return {}
    return {"use_tf32": "1" if precision == "tf32" else "0", "cudnn_conv_algo_search": "HEURISTIC"}


def device_name(provider: str) -> str:
    """A provider's hardware: the GPU, or the CPU and its vector instructions; "" if unknown."""
    if provider == CUDA:
        return cuda_device_name() or ""
    if provider != CPU:
        return platform.machine()
    extensions: dict[str, Any] = np.show_config(mode="dicts")  # type: ignore[assignment]
    return " ".join([platform.machine(), *extensions.get("SIMD Extensions", {}).get("found", [])])


def tiles_at_a_time(provider: str, workers: int) -> int:
    """`workers`, and on CUDA at least two."""
    return max(workers, OVERLAPPING) if provider == CUDA else workers


def limits(provider: str, precision: str, tiles: int) -> tuple[str, ...]:
    """Why `tiles` tiles may equal the whole image only up to rounding, besides network limits."""
    if precision != "exact":
        return (f"computed in {precision}; `check` states the difference",)
    if provider != CPU and tiles > 1:
        return (
            f"{provider.removesuffix('ExecutionProvider')} may choose its kernels by tile size; "
            "`check` measures it",
        )
    return ()
