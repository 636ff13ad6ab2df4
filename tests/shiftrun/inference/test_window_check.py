"""`--check`, `--precision`, `--device`, and networks that fail in the middle of a run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shiftlint.errors import InputError
from shiftrun.inference.providers import PROVIDERS
from shiftrun.inference.session import OutOfMemory, Session, half_precision
from shiftrun.inference.window_check import AMPLIFIED, ROUNDING, Check
from shiftrun.model import model as model_module
from shiftrun.model.open_model import INSTANCE_OUTPUTS, open_model
from tests.shiftrun.command_line import shiftrun_
from tests.shiftrun.networks import PROPS, unet

PX = np.random.default_rng(0).integers(0, 60000, (400, 420)).astype(np.uint16)


@pytest.fixture(scope="module", params=[False, True], ids=["valid", "padded"])
def network(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unet(
        tmp_path_factory.mktemp("net") / "net.onnx", depth=2, padded=request.param, props=PROPS
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    unet(tmp_path / "net.onnx", depth=2, props=PROPS)
    np.save("cells.npy", PX)
    return tmp_path


@pytest.mark.parametrize(
    ("tile", "region", "count"),
    [(128, None, 9), (160, (slice(30, 333), slice(170, 420)), 6), (512, None, 0)],
)
def test_tiles_are_those_of_larger_windows(
    network: Path, tile: int, region: Any, count: int
) -> None:
    """In the middle, at borders and in regions; a whole-image tile has no larger window."""
    model = open_model(network, device="cpu", check=9)
    model.predict(PX, tile=tile, region=region, outputs=INSTANCE_OUTPUTS)
    assert model.check is not None
    taken = model.check.take(model.plan(PX.shape, tile=tile))
    assert taken is not None
    assert taken["windows"] == count
    assert set(taken["max_abs"]) == set(INSTANCE_OUTPUTS if count else ())
    assert set(taken["max_abs"].values()) <= {0.0}
    assert taken["allowed"] == 0
    assert model.check.compared == 0


def test_small_tiles_may_round(network: Path) -> None:
    model = open_model(network, device="cpu", check=1)
    assert model.check is not None
    assert model.check.allowed(model.plan(PX.shape, tile=64)) == ROUNDING
    drifting = replace(model.plan(PX.shape, tile=144), rounding=("interpolated",), drift=0.02)
    assert model.check.allowed(drifting) == AMPLIFIED * 0.02
    assert model.check.allowed(replace(drifting, drift=1e-5)) == ROUNDING


class SeesItsWindow(Session):
    """A session whose result depends a little on the size of the window, as some GPU kernels do."""

    def run(self, batch: Any, outputs: Any = None) -> Any:
        return {
            name: values + np.float32(1e-6 * batch.shape[-1])
            for name, values in super().run(batch, outputs).items()
        }


def test_a_network_that_sees_its_window_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(model_module, "Session", SeesItsWindow)
    for command in ("embed", "segment"):
        arguments = (command, "net.onnx", "cells.npy", "-o", "out.tif", "--tile", "128")
        assert shiftrun_(monkeypatch, *arguments, "--check", "2") == 2
        line = capsys.readouterr().err
        assert "SL902 tiles differ from the whole image (net.onnx, output embedding, px " in line
        assert "(--tile 400,420)" in line
        assert sorted(path.name for path in folder.iterdir()) == ["cells.npy", "net.onnx"]
        assert shiftrun_(monkeypatch, *arguments, "--check", "0") == 0
        (folder / "out.tif").unlink()
        (folder / "out.report.json").unlink()


def test_the_report_tells_of_the_check(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = (
        "embed",
        "net.onnx",
        "cells.npy",
        "-o",
        "out.npy",
        "--tile",
        "128",
        "--device",
        "cpu",
    )
    assert shiftrun_(monkeypatch, *arguments, "--check", "3") == 0
    report = json.loads((folder / "out.report.json").read_text(encoding="utf-8"))
    facts = {"precision": "exact", "cost": {}, "max_abs": {"embedding": 0.0}, "allowed": 0.0}
    assert report["check"] == facts | {"windows": 3, "proof": None}
    assert shiftrun_(monkeypatch, *arguments, "--overwrite", "--check", "0") == 0
    assert json.loads((folder / "out.report.json").read_text(encoding="utf-8"))["check"] is None


def test_a_larger_window_that_does_not_fit_becomes_smaller(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Little(Session):
        def run(self, batch: Any, outputs: Any = None) -> Any:
            if batch.size > 200 * 200:
                raise OutOfMemory("out of memory")
            return super().run(batch, outputs)

    monkeypatch.setattr(model_module, "Session", Little)
    model = open_model(network, device="cpu", check=2)
    model.predict(PX, tile=128)
    assert model.check is not None
    assert model.check.compared == 2


class Coarse:
    """A network in a precision of `digits` binary digits."""

    def __init__(self, exact: Session, digits: int) -> None:
        self.exact, self.digits = exact, digits

    def run(self, batch: Any, outputs: Any = None) -> Any:
        scale = np.float32(2**self.digits)
        return {
            name: np.round(values * scale) / scale
            for name, values in self.exact.run(batch, outputs).items()
        }


@pytest.mark.parametrize("digits", [6, 12])
def test_what_a_precision_costs_is_measured(network: Path, digits: int) -> None:
    model = open_model(network, device="cpu")
    check = Check(2, "tf32", lambda: model.session)
    plan = model.plan(PX.shape, tile=128)
    run = model.run(model.source(_reader(), "model"), plan, ("embedding",))
    run.network, run.check = Coarse(model.session, digits), check
    run.into(lambda *_: _Nowhere())
    assert 0.4 * 2.0**-digits < check.cost["max_abs"]["embedding"] <= 0.5001 * 2.0**-digits
    taken = check.take(plan)
    assert taken is not None
    assert taken["max_abs"] == {"embedding": 0.0}, "the same rounding in both windows"


def _reader() -> Any:
    from shiftrun.arrays.readers import ArrayReader

    return ArrayReader(PX[None])


class _Nowhere:
    def write(self, box: Any, values: NDArray[Any]) -> None:
        pass


def test_half_precision_is_near(folder: Path) -> None:
    """On the CPU too, where the converted network runs although --precision fp16 is refused."""
    import onnxruntime

    batch = np.random.default_rng(0).normal(size=(1, 1, 100, 100)).astype(np.float32)
    exact = Session(folder / "net.onnx", "cpu").run(batch)
    session = onnxruntime.InferenceSession(
        half_precision(folder / "net.onnx"), providers=[PROVIDERS["cpu"]]
    )
    for name, values in zip(exact, session.run(list(exact), {"image": batch}), strict=True):
        assert values.dtype == np.float32
        assert 0 < np.abs(values - exact[name]).max() < 0.05 * exact[name].std()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--precision", "tf32", "--device", "cpu"),
            "tf32 is not supported .* got CPUExecutionProvider",
        ),
        (
            ("--precision", "fp16", "--device", "cpu"),
            "fp16 is not supported .* got CPUExecutionProvider",
        ),
        (("--device", "coreml"), "no such device .* expected CoreMLExecutionProvider"),
        (("--device", "directml"), "no such device .* expected DmlExecutionProvider"),
        (
            ("--device", "QuantumExecutionProvider"),
            "no such device .* expected QuantumExecutionProvider",
        ),
    ],
)
def test_what_is_not_there_is_refused(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
    options: tuple[str, ...],
    message: str,
) -> None:
    assert (
        shiftrun_(monkeypatch, "segment", "net.onnx", "cells.npy", "-o", "out.tif", *options) == 2
    )
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    with pytest.raises(InputError, match=message):
        raise InputError(line)
    assert not (folder / "out.tif").exists()


def test_a_provider_by_its_name(network: Path) -> None:
    assert Session(network, "CPUExecutionProvider").provider == "CPUExecutionProvider"


def test_a_provider_that_falls_back_is_refused(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """onnxruntime lists a provider whose libraries are missing, and then silently takes the CPU."""
    import onnxruntime

    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: [PROVIDERS["coreml"], PROVIDERS["cpu"]]
    )
    with pytest.raises(
        InputError, match=r"(?s)device does not start .*expected CoreML|cannot load model"
    ):
        Session(network, "coreml")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [PROVIDERS["directml"]])
    with pytest.raises(InputError, match="too many workers"):
        Session(network, "directml", workers=2)


@pytest.mark.parametrize("command", ["segment", "embed"])
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (
            RuntimeError(
                "[ONNXRuntimeError] : 1 : FAIL : CUDA failure 719: unspecified launch failure"
            ),
            2,
            "launch failure",
        ),
        (
            RuntimeError("[ONNXRuntimeError] : 6 : Failed to allocate memory for requested buffer"),
            2,
            "out of memory .*--memory",
        ),
        (KeyboardInterrupt(), 130, "nothing was left half-written"),
    ],
    ids=["device lost", "no memory for any tile", "Ctrl-C"],
)
def test_a_failure_in_the_middle_leaves_nothing(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
    command: str,
    workers: int,
    error: BaseException,
    code: int,
    message: str,
) -> None:
    class Breaks(Session):
        runs = 0

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            inner = self._session

            class Inner:
                def run(self, *values: Any) -> Any:
                    Breaks.runs += 1
                    if Breaks.runs > 3:
                        raise error
                    return inner.run(*values)

            self._session = Inner()

    monkeypatch.setattr(model_module, "Session", Breaks)
    arguments = (
        command,
        "net.onnx",
        "cells.npy",
        "-o",
        "out.tif",
        "--tile",
        "128",
        "--workers",
        str(workers),
    )
    assert shiftrun_(monkeypatch, *arguments) == code
    line = capsys.readouterr().err.lstrip("\n")  # click ends the line of a ^C
    assert line.count("\n") == 1
    with pytest.raises(InputError, match=message):
        raise InputError(line)
    assert Breaks.runs > 3
    assert sorted(path.name for path in folder.iterdir()) == ["cells.npy", "net.onnx"]
