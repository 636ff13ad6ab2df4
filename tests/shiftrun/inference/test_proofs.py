"""The first run of its kind proves itself, and the proof is remembered."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from shiftlint.errors import InputError
from shiftrun.inference.session import OutOfMemory, Session
from shiftrun.model import model as model_module
from shiftrun.model.open_model import Model, open_model
from shiftrun.tiles.plan import Plan
from shiftrun.tiles.witnesses import witnesses
from tests.shiftrun.command_line import shiftrun_
from tests.shiftrun.networks import PROPS, unet

PX = np.random.default_rng(0).integers(0, 60000, (400, 420)).astype(np.uint16)
Change = Callable[[Any, Any], Any]  # of values, given the batch


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHIFTZOO_HOME", str(tmp_path / "cache"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    unet(work / "net.onnx", depth=2, props=PROPS)
    np.save("cells.npy", PX)
    return work


def proof(model: Model, px: Any = PX, **options: Any) -> Any:
    model.predict(px, **options)
    assert model.check is not None
    taken = model.check.take(model.plan(px.shape[-2:], tile=options.get("tile", "auto")))
    return None if taken is None else taken["proof"]


def changed(monkeypatch: pytest.MonkeyPatch, change: Change) -> None:
    """Make every session return different values."""

    class Changed(Session):
        def run(self, batch: Any, outputs: Any = None) -> Any:
            return {
                name: change(values, batch) for name, values in super().run(batch, outputs).items()
            }

    monkeypatch.setattr(model_module, "Session", Changed)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("region", [None, (slice(30, 333), slice(50, 420))])
def test_a_run_proves_itself_once(folder: Path, padded: bool, region: Any) -> None:
    unet(folder / "net.onnx", depth=2, padded=padded, props=PROPS)
    told = [proof(open_model("net.onnx", device="cpu"), tile=144, region=region) for _ in range(2)]
    assert told == ["proved", "remembered"]
    assert proof(open_model("net.onnx", device="cpu"), tile=128, region=region) == "proved", (
        "other reads"
    )
    assert proof(open_model("net.onnx", device="cpu"), tile=512, region=region) is None, (
        "the whole image"
    )


def test_a_proof_holds_for_its_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert proof(open_model("net.onnx", device="cpu"), tile=144) == "proved"
    model = open_model("net.onnx", device="cpu")
    for name, other in (
        ("device_name", lambda _: "another processor"),
        ("runtime_version", lambda: "onnxruntime 0"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(model_module, name, other)
            assert proof(model, tile=144) == "proved"
    assert proof(model, tile=144) == "remembered"
    unet(folder / "net.onnx", depth=2, seed=1, props=PROPS)
    assert proof(open_model("net.onnx", device="cpu"), tile=144) == "proved", "another file"
    assert proof(open_model("net.onnx", device="cpu", workers=2), tile=144) == "proved", (
        "other threads"
    )


def test_a_device_without_a_name_proves_itself_in_each_process(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device may be a different one in the next process."""
    monkeypatch.setattr(model_module, "device_name", lambda _: "")
    model = open_model("net.onnx", device="cpu")
    assert [proof(model, tile=144) for _ in range(2)] == ["proved", "remembered"]
    assert proof(open_model("net.onnx", device="cpu"), tile=144) == "proved"
    assert not (folder.parent / "cache").exists()


def test_a_damaged_memory_proves_nothing(folder: Path) -> None:
    proof(open_model("net.onnx", device="cpu"), tile=144)
    (stored,) = (folder.parent / "cache" / "proofs").iterdir()
    assert json.loads(stored.read_text())["read"]
    stored.write_bytes(b"\xff")
    assert proof(open_model("net.onnx", device="cpu"), tile=144) == "proved"


def test_a_cache_that_cannot_be_written_proves_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder.parent / "file").write_text("")
    monkeypatch.setenv("SHIFTZOO_HOME", str(folder.parent / "file" / "cache"))
    model = open_model("net.onnx", device="cpu")
    assert [proof(model, tile=144) for _ in range(2)] == ["proved", "remembered"]
    assert proof(open_model("net.onnx", device="cpu"), tile=144) == "proved"


def test_an_image_without_contrast_proves_nothing() -> None:
    assert (
        proof(
            open_model("net.onnx", device="cpu"),
            np.full((400, 420), 7.0),
            tile=144,
            normalize="none",
        )
        == "not proved"
    )
    dark = np.zeros((700, 700))
    dark[300:340, 300:340] = PX[:40, :40]
    assert proof(open_model("net.onnx", device="cpu"), dark, tile=144) == "not proved", (
        "nothing at the ends"
    )


def last_column(values: Any, batch: Any) -> Any:
    result = values.copy()
    result[..., -1] += 1
    return result


FAULTS: dict[str, Change] = {
    "sees its size": lambda values, batch: values + np.float32(1e-6 * batch.shape[-1]),
    "sees its place in the batch": lambda values, batch: (
        values + np.arange(len(values), dtype=np.float32)[:, None, None, None]
    ),
    "pads its far end": last_column,
    "sees its mean": lambda values, batch: values + batch.mean(),
    "not a number": lambda values, batch: np.where(batch.shape[-1] > 300, values, np.nan),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_network_that_sees_its_window_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, fault: str
) -> None:
    unet(folder / "net.onnx", depth=2, props=PROPS, batch="n")
    changed(monkeypatch, FAULTS[fault])
    for command in ("embed", "segment"):
        assert (
            shiftrun_(
                monkeypatch,
                command,
                "net.onnx",
                "cells.npy",
                "-o",
                "out.tif",
                "--tile",
                "128",
                "--device",
                "cpu",
            )
            == 2
        )
        line = capsys.readouterr().err
        assert line.count("\n") == 1
        assert "SL902 tiles differ from the whole image (net.onnx, output " in line
        assert sorted(path.name for path in folder.iterdir()) == ["cells.npy", "net.onnx"]
    assert not list(folder.parent.glob("cache/proofs/*")), "it will be found again"


def test_a_grid_that_drifts_with_the_place_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the same in every small window and differs in a long one."""
    changed(
        monkeypatch,
        lambda values, batch: values + (np.arange(values.shape[-1]) > 300).astype(np.float32),
    )
    with pytest.raises(InputError, match=r"SL902 .* a window of \d+x\d+ px at"):
        proof(open_model("net.onnx", device="cpu"), tile=(400, 128))


def test_nan_equals_nan(monkeypatch: pytest.MonkeyPatch) -> None:
    changed(monkeypatch, lambda values, batch: np.where(values > 0, np.float32(np.nan), values))
    assert proof(open_model("net.onnx", device="cpu"), tile=144) == "proved"


def test_whole_numbers_may_flip_where_rounding_is_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    flipped = np.zeros((420, 420), np.int64)
    flipped[7, 60] = 1
    changed(
        monkeypatch,
        lambda values, batch: (
            np.zeros(values.shape, np.int64) + flipped[: values.shape[2], : values.shape[3]]
        ),
    )
    assert proof(open_model("net.onnx", device="cpu"), tile=64) == "proved"
    with pytest.raises(InputError, match=r"a difference of 1 where 0 of the numbers may differ"):
        proof(open_model("net.onnx", device="cpu"), tile=144)


def test_a_window_that_does_not_fit_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Little(Session):
        def run(self, batch: Any, outputs: Any = None) -> Any:
            if max(batch.shape) > 300:
                raise OutOfMemory("out of memory")
            return super().run(batch, outputs)

    monkeypatch.setattr(model_module, "Session", Little)
    assert proof(open_model("net.onnx", device="cpu"), tile=144) == "not proved"


def test_it_is_asked_for_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_model("net.onnx", device="cpu", check=0).check is None
    changed(monkeypatch, FAULTS["sees its mean"])
    open_model("net.onnx", device="cpu", check=0).predict(PX, tile=144)


def test_what_is_not_exact_promises_nothing() -> None:
    assert proof(open_model("net.onnx", device="cpu", force=True), tile=150) is None


def size(box: Sequence[slice]) -> list[int]:
    return [part.stop - part.start for part in box]


@pytest.mark.parametrize(
    ("shape", "tile"), list(product([(400, 420), (1000, 300), (2048, 2048)], [128, 144, 512]))
)
def test_where_windows_lie(shape: tuple[int, ...], tile: int) -> None:
    """Inside the result, none of the tiles, at both ends and inside, and a strip along every axis
    that is cut.
    """
    model = open_model("net.onnx", device="cpu")
    plan: Plan = model.plan(shape, tile=tile)
    if plan.tile_count == 1:
        return
    found = {witness.name: witness for witness in witnesses(plan, model.axes(), lambda _: True)}
    cut = [axis.name for axis in plan.axes if len(axis.tiles) > 1]
    assert list(found) == [
        "near end",
        "inside",
        "far end",
        *(f"strip along {name}" for name in cut),
    ]
    reads = {tuple((part.start, part.stop) for part in read.read) for read in plan.tiles()}
    for name, witness in found.items():
        for place in witness.places:
            assert all(
                0 <= part.start < part.stop <= px
                for part, px in zip(place.write, plan.output_shape, strict=True)
            )
            assert size(place.keep) == size(place.write)
            assert tuple((part.start, part.stop) for part in place.read) not in reads
            if name == "near end":
                assert any(part.start == 0 for part in place.write)
            if name == "far end":
                assert any(
                    part.stop == px for part, px in zip(place.write, plan.output_shape, strict=True)
                )
            if witness.exact:
                assert min(size(place.write)) >= min(128, *shape)
            else:
                axis = next(
                    number for number, part in enumerate(plan.axes) if name.endswith(part.name)
                )
                assert size(place.write)[axis] == shape[axis]


def test_a_fixed_size_network_has_windows_of_that_size(folder: Path) -> None:
    """At other origins; there is no other size."""
    unet(folder / "net.onnx", depth=2, props=PROPS)
    model = onnx.load(folder / "net.onnx")
    for dim in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        dim.dim_value = 228
    onnx.save(model, folder / "fixed.onnx")
    opened = open_model("fixed.onnx", device="cpu")
    plan = opened.plan(PX.shape)
    found = {
        witness.name: witness
        for witness in witnesses(plan, opened.axes(), lambda read: read == (228, 228))
    }
    assert list(found) == ["near end", "inside", "far end"]
    assert proof(opened) == "proved"
    assert proof(opened) == "remembered"
