"""How much memory a network needs: which tensors are alive at once, and what is free.

onnxruntime computes node by node and frees a tensor after its last use; an elementwise operator overwrites an input that nobody
needs any more. The most bytes alive at once, for the sizes that the analyzer finds, is what a window costs. On the CPU the
measured peak is 2.2 to 2.4 times that (U-Net of depth 4, windows of 700 to 1212 px): blocked layouts are copies, and the
arena rounds up.
"""

from __future__ import annotations

import ctypes
import os
import sys
from math import prod
from pathlib import Path

from shiftlint.analysis import open_probe
from shiftlint.axes import SizeError, Tensor
from shiftlint.graph import read_graph

ITEM_BYTES = 4
OVERHEAD = 2.4
UNKNOWN_BYTES_PER_PX = 2000  # of a network whose sizes are not known: more than most need
IN_PLACE = {"Relu", "LeakyRelu", "Sigmoid", "Add", "Sub", "Mul", "Div", "BatchNormalization", "Clip", "Elu", "PRelu", "Tanh"}
FREE = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Shape", "Constant"}
USABLE = 0.8  # of the memory that is free


def activation_bytes(path: Path, sizes: tuple[int, ...], input_name: str | None = None) -> int:
    """The peak memory of one run on an input of spatial `sizes`, bytes; weights not counted."""
    probe = open_probe(read_graph(path), where=str(path), input_name=input_name)
    try:
        values = probe.tensors(sizes)
    except SizeError:
        return UNKNOWN_BYTES_PER_PX * prod(sizes)
    nodes = [call.node for call in probe.calls]
    if any(values[name].opaque for node in nodes for name in node.outputs if name in values):
        return UNKNOWN_BYTES_PER_PX * prod(sizes)
    last = {name: number for number, node in enumerate(nodes) for name in node.inputs}
    last.update({value.name: len(nodes) for value in probe.graph.outputs})
    alive = peak = prod(values[probe.image.name].shape)
    for number, node in enumerate(nodes):
        made = sum(_size(values[name]) for name in node.outputs if name in values)
        freed = sum(_size(values[name]) for name in set(node.inputs) if name in values and last[name] == number)
        in_place = node.op in IN_PLACE | FREE
        alive += made - (freed if in_place else 0)
        peak = max(peak, alive)
        alive -= 0 if in_place else freed
    return int(peak * ITEM_BYTES * OVERHEAD)


def _size(value: Tensor) -> int:
    """Elements of a tensor that depends on the image; constants are weights."""
    return prod(value.shape) if value.from_image and value.value is None else 0


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
