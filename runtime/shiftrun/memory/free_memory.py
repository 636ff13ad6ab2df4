"""The memory that may be used now: that of the machine, of the container, of the first CUDA device."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

USABLE = 0.8  # of the memory that is free


def available_bytes() -> int | None:
    """The memory that may be used now: that of the machine and of the container; None where the system does not say."""
    found = []
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        found += [int(line.split()[1]) * 1024 for line in meminfo.read_text().splitlines() if line.startswith("MemAvailable")]
    elif hasattr(os, "sysconf") and "SC_AVPHYS_PAGES" in os.sysconf_names:
        found.append(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.is_file() and used.is_file() and (text := limit.read_text().strip()).isdigit():
        found.append(int(text) - int(used.read_text()))
    return int(max(0, min(found)) * USABLE) if found else None


def cuda_available_bytes() -> int | None:
    """The memory of the first CUDA device that may be used now; None where its driver does not say.

    By the driver's own library, https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__MEM.html.
    """
    driver = _cuda_driver()
    if driver is None:
        return None
    device, context = ctypes.c_int(), ctypes.c_void_p()
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    if driver.cuDeviceGet(ctypes.byref(device), 0):
        return None
    if driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), device):
        return None
    try:
        if driver.cuCtxPushCurrent_v2(context):
            return None
        failed = driver.cuMemGetInfo_v2(ctypes.byref(free), ctypes.byref(total))
        driver.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))
    finally:
        driver.cuDevicePrimaryCtxRelease_v2(device)
    return None if failed else int(free.value * USABLE)


def cuda_device_name() -> str | None:
    """What the first CUDA device is called, such as "NVIDIA H100 80GB HBM3"; None where its driver does not say."""
    driver, device, name = _cuda_driver(), ctypes.c_int(), ctypes.create_string_buffer(256)
    if driver is None or driver.cuDeviceGet(ctypes.byref(device), 0):
        return None
    return None if driver.cuDeviceGetName(name, len(name), device) else name.value.decode()


def _cuda_driver() -> ctypes.CDLL | None:
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None
    return None if driver.cuInit(0) else driver
