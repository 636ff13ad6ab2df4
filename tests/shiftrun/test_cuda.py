"""Behavior specific to CUDA. Without a device the CPU provider stands in under CUDA's name."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from shiftlint.errors import InputError
from shiftrun.commands.results.run_report import warnings_of
from shiftrun.inference import session as session_module
from shiftrun.inference.providers import CUDA
from shiftrun.inference.session import start_session
from shiftrun.memory.cuda_device import cuda_available_bytes
from shiftrun.memory.reused_arrays import BoundSession, Form, HostMemory
from shiftrun.model.model import Model
from shiftrun.model.open_model import open_model
from shiftrun.tiles import automatic_tile as planner

ZOO = Path(__file__).parents[2] / "zoo"
PX = np.random.default_rng(3).integers(0, 4000, (600, 500)).astype(np.uint16)
FORMS: list[Form] = [((8, 30, 30), np.dtype(np.float32)), ((1, 7, 5), np.dtype(np.float16))]


def address(array: NDArray[Any]) -> int:
    return int(array.ctypes.data)


def test_memory_goes_round_when_the_last_view_is_gone() -> None:
    memory = HostMemory()
    first = memory.arrays(FORMS)
    assert [(array.shape, array.dtype) for array in first] == FORMS
    where, view = address(first[0]), first[1][..., 1:].T
    del first
    gc.collect()
    second = memory.arrays(FORMS)
    assert address(second[0]) != where, "a view is still held"
    del view
    assert address(memory.arrays(FORMS)[0]) == where


def test_outputs_do_not_overlap() -> None:
    arrays = HostMemory().arrays(FORMS)
    for number, array in enumerate(arrays, start=1):
        array[:] = number
    assert [{*np.unique(array).tolist()} for array in arrays] == [{1.0}, {2.0}]


def test_memory_of_another_size_is_given_back() -> None:
    memory = HostMemory()
    memory.arrays(FORMS)
    memory.arrays(FORMS[:1])
    gc.collect()
    assert [len(pages) for pages in memory._free] == [
        8 * 30 * 30 * 4 // 64 * 64 + 64 * (8 * 30 * 30 * 4 % 64 > 0)
    ]


def test_bound_outputs_are_those_of_a_plain_run() -> None:
    session = start_session(ZOO / "disks.onnx", "cpu")
    bound, name = BoundSession(session, session.get_inputs()[0].name), session.get_inputs()[0].name
    names = tuple(output.name for output in session.get_outputs())
    random, sizes = (
        np.random.default_rng(0),
        open_model(ZOO / "disks.onnx").contract.outputs[0].axes[0].sizes,
    )
    assert sizes is not None
    legal = [sizes.next_legal(px) or 0 for px in (100, 120, 140)]
    batches = [
        random.normal(size=(1, 1, legal[i % 3], legal[0])).astype(np.float32) for i in range(12)
    ]
    with ThreadPoolExecutor(3) as pool:
        held = list(pool.map(lambda batch: bound.run(names, batch), batches))
    for batch, found in zip(batches, held, strict=True):
        for one, other in zip(found, session.run(list(names), {name: batch}), strict=True):
            np.testing.assert_array_equal(one, other)


class UnderAnotherName:
    """The CPU's provider as CUDA."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def get_providers(self) -> list[str]:
        return [CUDA]


@pytest.fixture
def on_cuda(monkeypatch: pytest.MonkeyPatch) -> Model:
    original = start_session
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: [CUDA, "CPUExecutionProvider"]
    )
    monkeypatch.setattr(
        session_module,
        "start_session",
        lambda path, device, **settings: UnderAnotherName(original(path, "cpu", **settings)),
    )
    return open_model(ZOO / "disks.onnx", device="cuda", force=True)


def test_tiles_by_way_of_bound_outputs(on_cuda: Model) -> None:
    expected = open_model(ZOO / "disks.onnx", device="cpu", force=True).predict(PX)
    assert on_cuda.budget.workers == 2
    for tile in (128, 200):
        np.testing.assert_array_equal(
            on_cuda.predict(PX, tile=tile)["embedding"], expected["embedding"]
        )


def test_what_is_promised_on_cuda(on_cuda: Model) -> None:
    """cuDNN's kernels may depend on the size of a tile; the check allows for rounding there."""
    plan = on_cuda.plan(PX.shape, tile=128)
    assert plan.exact
    assert not plan.bitwise
    assert "CUDA may choose its kernels" in plan.rounding[-1]
    assert open_model(ZOO / "disks.onnx", device="cpu", force=True).plan(PX.shape, tile=128).bitwise


def test_tiles_on_cuda_are_larger_and_fit_the_device(
    on_cuda: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "cuda_available_bytes", lambda: 64 << 30)
    shape = (6000, 6000)
    model = open_model(ZOO / "dsb2018.onnx", device="cuda", force=True)
    roomy = model.plan(shape)
    assert (
        roomy.read_shape
        > open_model(ZOO / "dsb2018.onnx", device="cpu", force=True, memory=64 << 30)
        .plan(shape)
        .read_shape
    )
    monkeypatch.setattr(planner, "cuda_available_bytes", lambda: 1 << 30)
    small = open_model(ZOO / "dsb2018.onnx", device="cuda", force=True)
    assert small.plan(shape).read_shape < roomy.read_shape
    assert small.budget.peak_bytes(small.plan(shape).read_shape) <= 1 << 30
    monkeypatch.setattr(planner, "cuda_available_bytes", lambda: 1 << 20)
    with pytest.raises(InputError, match="not enough memory"):
        open_model(ZOO / "dsb2018.onnx", device="cuda", force=True).plan(shape)


@pytest.mark.parametrize(("free", "said"), [(None, True), (64 << 30, False)])
def test_a_run_says_that_the_free_memory_is_not_known(
    on_cuda: Model, free: int | None, said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "cuda_available_bytes", lambda: free)
    model = open_model(ZOO / "disks.onnx", device="cuda", force=True)
    found = [
        warning
        for warning in warnings_of(model, model.plan(PX.shape))
        if "shiftlint[gpu]" in warning
    ]
    assert bool(found) == said


def test_libraries_of_cuda_are_looked_for_quietly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def preload() -> None:
        looked.append(True)
        print("Failed to load libcudnn.so.9")

    looked: list[bool] = []
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: [CUDA, "CPUExecutionProvider"]
    )
    monkeypatch.setattr(onnxruntime, "preload_dlls", preload, raising=False)
    start_session(ZOO / "disks.onnx", "cpu")
    assert looked
    assert capsys.readouterr().out == ""


DEVICE = CUDA in onnxruntime.get_available_providers()


@pytest.mark.skipif(DEVICE, reason="there is CUDA")
def test_memory_of_a_device_that_is_not_there() -> None:
    assert cuda_available_bytes() is None


@pytest.mark.skipif(not DEVICE, reason="no CUDA device")
@pytest.mark.parametrize("precision", ["exact", "tf32", "fp16"])
def test_tiles_of_the_zoo_on_a_device(precision: str) -> None:
    model = open_model(ZOO / "dsb2018.onnx", device="cuda", precision=precision, check=3)
    whole = model.predict(PX, tile=608)
    assert (cuda_available_bytes() or 0) > 1 << 30
    for tile in (144, 272):
        difference = np.abs(model.predict(PX, tile=tile)["embedding"] - whole["embedding"]).max()
        assert (
            difference
            <= {"exact": 0.0, "tf32": 0.05, "fp16": 0.1}[precision] * whole["embedding"].std()
        )
