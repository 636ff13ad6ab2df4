"""Memory of the host and of the process."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from shiftrun.memory import free_memory
from shiftrun.memory.free_memory import available_bytes, peak_memory_bytes


@pytest.mark.parametrize(
    ("machine", "container", "usable"),
    [(1000, None, 800), (1000, 500, 400), (1000, 1 << 62, 800), (1000, 0, 0)],
)
def test_the_least_counts(
    machine: int, container: int | None, usable: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=machine))
    monkeypatch.setattr(free_memory, "free_in_cgroups", lambda: container)
    assert available_bytes() == usable


def test_free_memory_is_known_here() -> None:
    assert 10**8 < available_bytes() < psutil.virtual_memory().total


def test_the_peak_is_that_of_the_process() -> None:
    before = peak_memory_bytes() or 0
    assert before >= psutil.Process().memory_info().rss * 0.9
    held = np.ones(before + (64 << 20), dtype=np.uint8)  # more than all that was there
    assert before + held.nbytes // 2 < (peak_memory_bytes() or 0) < before + 2 * held.nbytes


def test_the_peak_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setattr(
        psutil, "Process", lambda: SimpleNamespace(memory_info=lambda: SimpleNamespace(peak_wset=7))
    )
    assert peak_memory_bytes() == 7
    assert peak_memory_bytes(processes=2) is None
