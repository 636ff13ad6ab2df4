"""The first CUDA device, by NVIDIA's management library (nvidia-ml-py, in `shiftlint[gpu]`).

The library numbers all devices by their PCI bus. CUDA numbers those in CUDA_VISIBLE_DEVICES, which
are indices or UUIDs, or beginnings of UUIDs; the indices count the fastest device first unless
CUDA_DEVICE_ORDER is PCI_BUS_ID:
https://docs.nvidia.com/cuda/cuda-c-programming-guide/#cuda-environment-variables
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

from shiftrun.memory.free_memory import USABLE

Answer = TypeVar("Answer")


def cuda_available_bytes() -> int | None:
    """The usable memory of the first CUDA device now; None if the library does not report it.

    If several devices may be the first, the smallest value.
    """
    free = _answers(lambda nvml, device: int(nvml.nvmlDeviceGetMemoryInfo(device).free))
    return int(min(free) * USABLE) if free else None


def cuda_device_name() -> str | None:
    """The name of the first CUDA device, such as "NVIDIA H100 80GB HBM3"; None if unknown."""
    names = set(_answers(_name))
    return names.pop() if len(names) == 1 else None


def _answers(question: Callable[[Any, Any], Answer]) -> list[Answer]:
    """The answers of the devices that may be the first; empty without devices or library."""
    try:
        import pynvml as nvml
    except ImportError:
        return []
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:  # no driver
        return []
    try:
        return [question(nvml, device) for device in _first(nvml)]
    except nvml.NVMLError:
        return []
    finally:
        nvml.nvmlShutdown()


def _first(nvml: Any) -> list[Any]:
    """The device that CUDA numbers 0; all if they differ and only CUDA knows the fastest."""
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    if wanted.startswith("MIG-"):
        return [nvml.nvmlDeviceGetHandleByUUID(wanted)]
    devices = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
    if wanted.startswith("GPU-"):
        found = [
            device
            for device in devices
            if nvml.nvmlDeviceGetUUID(device).lower().startswith(wanted.lower())
        ]
        return [_instance(nvml, device) for device in found if len(found) == 1]
    if not wanted.isdecimal() or int(wanted) >= len(devices):  # such as -1, which hides all
        return []
    by_place = (
        os.environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
        or len({_name(nvml, device) for device in devices}) == 1
    )
    return [_instance(nvml, device) for device in ([devices[int(wanted)]] if by_place else devices)]


def _instance(nvml: Any, device: Any) -> Any:
    """The first instance (MIG) of a device, the only one that CUDA sees."""
    try:
        divided, _ = nvml.nvmlDeviceGetMigMode(device)
    except nvml.NVMLError:  # most cannot be divided
        return device
    return nvml.nvmlDeviceGetMigDeviceHandleByIndex(device, 0) if divided else device


def _name(nvml: Any, device: Any) -> str:
    return str(nvml.nvmlDeviceGetName(device))
