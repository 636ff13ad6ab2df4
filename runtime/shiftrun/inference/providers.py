"""What onnxruntime's execution providers need, can do and promise.

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
    """The provider to ask for; InputError if it is not `available` or cannot do what is asked."""
    best = CUDA if CUDA in available else CPU
    wanted = best if device == "auto" else PROVIDERS.get(device, device)
    if wanted not in available:
        advice = (
            _INSTALL_GPU
            if wanted == CUDA
            else "Install the build of onnxruntime that has it, or use --device auto."
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
            f"no {precision} here (--precision {precision}): expected {CUDA}, got {wanted}. Use "
            "--precision exact, or "
            "a machine with a GPU by NVIDIA."
        )
    if wanted == PROVIDERS["directml"] and workers > 1:
        raise InputError(
            f"one worker only (--device {device}): expected --workers 1, which DirectML needs, "
            f"got {workers}."
        )
    return wanted


_INSTALL_GPU = 'Install it: pip install "shiftlint[gpu]", without onnxruntime beside it.'


def settings(provider: str, precision: str) -> dict[str, str]:
    """The options of a provider for a precision.

    On CUDA TF32 is off unless asked for: with it, onnxruntime's default, the shape of a tile
    changes results by 4e-3. Kernels of convolutions are chosen by their sizes and not by timing
    them, which may choose others in every run; as fast on an H200, and the first tile takes 0.05 s
    instead of 0.25 s.
    """
    if provider != CUDA:
        return {}
    return {"use_tf32": "1" if precision == "tf32" else "0", "cudnn_conv_algo_search": "HEURISTIC"}


def device_name(provider: str) -> str:
    """What a provider runs on: the processor and its vector instructions, or the GPU; "" where that
    is not known.
    """
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
    """Why so many tiles may equal the whole image up to rounding only, beside what the network
    itself limits.
    """
    if precision != "exact":
        return (f"computed in {precision}; `check` says what that costs",)
    if provider != CPU and tiles > 1:
        return (
            f"{provider.removesuffix('ExecutionProvider')} may choose its kernels by the size of "
            "a tile; `check` measures it",
        )
    return ()
