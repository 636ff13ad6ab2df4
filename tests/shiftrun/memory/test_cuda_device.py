"""The first CUDA device, with NVIDIA's library simulated for several kinds of machines."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest

from shiftrun.memory.cuda_device import cuda_available_bytes, cuda_device_name
from shiftrun.memory.free_memory import USABLE

GB = 1 << 30


@dataclass(frozen=True)
class Device:
    name: str
    uuid: str
    free: int
    instances: tuple[Device, ...] | None = None  # None: it cannot be divided


class Library:
    """The functions of pynvml that are called."""

    class NVMLError(Exception):
        pass

    def __init__(self, *devices: Device, driver: bool = True) -> None:
        self.devices, self.driver, self.open = devices, driver, 0

    def nvmlInit(self) -> None:  # noqa: N802
        if not self.driver:
            raise self.NVMLError
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.devices)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Device:  # noqa: N802
        return self.devices[index]

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> Device:  # noqa: N802
        every = [
            *self.devices,
            *(instance for device in self.devices for instance in device.instances or ()),
        ]
        found = [device for device in every if device.uuid == uuid]
        if not found:
            raise self.NVMLError
        return found[0]

    def nvmlDeviceGetUUID(self, device: Device) -> str:  # noqa: N802
        return device.uuid

    def nvmlDeviceGetName(self, device: Device) -> str:  # noqa: N802
        return device.name

    def nvmlDeviceGetMemoryInfo(self, device: Device) -> Device:  # noqa: N802
        if device.free < 0:
            raise self.NVMLError
        return device

    def nvmlDeviceGetMigMode(self, device: Device) -> list[int]:  # noqa: N802
        if device.instances is None:
            raise self.NVMLError
        return [int(bool(device.instances))] * 2

    def nvmlDeviceGetMigDeviceHandleByIndex(self, device: Device, index: int) -> Device:  # noqa: N802
        return (device.instances or ())[index]


A, B, C = (
    Device("H100", "GPU-aa11", 10 * GB),
    Device("H100", "GPU-aa22", 20 * GB, ()),
    Device("H100", "GPU-bb33", 30 * GB),
)
SMALL = Device("T4", "GPU-dd55", 5 * GB)
PARTS = (
    Device("A100 MIG 1g.5gb", "MIG-ee66", 4 * GB),
    Device("A100 MIG 2g.10gb", "MIG-ff77", 8 * GB),
)
DIVIDED = Device("A100", "GPU-cc44", 40 * GB, PARTS)


@pytest.mark.parametrize(
    ("devices", "visible", "order", "free", "name"),
    [
        ((A, B, C), None, None, 10, "H100"),
        ((A, B, C), "1", None, 20, "H100"),
        ((A, B, C), " 2 ,0", "PCI_BUS_ID", 30, "H100"),
        ((A, B, C), "GPU-aa22,GPU-aa11", None, 20, "H100"),
        ((A, B, C), "GPU-B", None, 30, "H100"),
        ((A, B, C), "GPU-aa", None, None, None),  # of two
        ((A, B, C), "GPU-ff", None, None, None),
        ((A, B, C), "3", None, None, None),
        ((A, B, C), "-1", None, None, None),
        ((A, B, C), "", None, None, None),
        ((A, B, C), "NoDevFiles", None, None, None),
        ((SMALL, C), None, "PCI_BUS_ID", 5, "T4"),
        ((SMALL, C), "1", "PCI_BUS_ID", 30, "H100"),
        ((SMALL, C), "0", None, 5, None),  # the fastest is first, but which is that
        ((SMALL, C), "1", "FASTEST_FIRST", 5, None),
        ((SMALL, C), "GPU-bb33", None, 30, "H100"),
        ((DIVIDED,), None, None, 4, "A100 MIG 1g.5gb"),
        ((DIVIDED,), "MIG-ff77", None, 8, "A100 MIG 2g.10gb"),
        ((DIVIDED,), "GPU-cc44", None, 4, "A100 MIG 1g.5gb"),
        ((DIVIDED,), "MIG-0000", None, None, None),
        ((), None, None, None, None),
        (
            (Device("Orin", "GPU-0", -1),),
            None,
            None,
            None,
            "Orin",
        ),  # shares the host's memory, and does not say
    ],
)
def test_the_first_device(
    devices: tuple[Device, ...],
    visible: str | None,
    order: str | None,
    free: int | None,
    name: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library = Library(*devices)
    monkeypatch.setitem(sys.modules, "pynvml", library)
    for variable, value in (("CUDA_VISIBLE_DEVICES", visible), ("CUDA_DEVICE_ORDER", order)):
        monkeypatch.delenv(variable, raising=False)
        if value is not None:
            monkeypatch.setenv(variable, value)
    assert cuda_available_bytes() == (None if free is None else int(free * GB * USABLE))
    assert cuda_device_name() == name
    assert library.open == 0, "what is opened is closed"


@pytest.mark.parametrize(
    "library", [None, Library(A, driver=False)], ids=["no package", "no driver"]
)
def test_without_the_package_or_a_driver(
    library: Library | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", library)
    assert cuda_available_bytes() is None
    assert cuda_device_name() is None


def test_the_package_has_what_is_asked_of_it() -> None:
    import pynvml

    for name in (name for name in vars(Library) if name.startswith(("nvml", "NVML"))):
        assert hasattr(pynvml, name), name
