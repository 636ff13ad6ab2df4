"""The commands end to end: output files, exit codes, one line for every invalid input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tifffile

import shiftrun
from shiftlint import analyze
from shiftlint.analysis.confirm import Confirmation
from shiftlint.contract.metadata import Metadata
from shiftrun.inference import session
from tests.shiftrun.command_line import report, shiftrun_
from tests.shiftrun.networks import contract, unet

PROPS = Metadata(
    percentiles=(1.0, 99.8), bandwidth=0.5, foreground_threshold=-0.5, min_size=5
).to_props()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    unet(tmp_path / "net.onnx", depth=4, props=PROPS)
    y, x = np.mgrid[:301, :203]
    image = (
        1000
        + 900 * np.sin(y / 9) * np.sin(x / 7)
        + np.random.default_rng(0).normal(0, 50, (301, 203))
    )
    tifffile.imwrite(
        tmp_path / "cells.tif", image.astype(np.uint16), resolution=(300, 300), resolutionunit=2
    )
    return tmp_path


def test_the_analyzer_and_the_hand_agree(folder: Path) -> None:
    assert (
        analyze(folder / "net.onnx").output("embedding").axes
        == contract("valid", 2, 4).output("embedding").axes
    )


def test_segment(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Labels, preview and report are written, and the labels are the same for every tile size."""
    assert (
        shiftrun_(
            monkeypatch,
            "segment",
            "net.onnx",
            "cells.tif",
            "-o",
            "a.tif",
            "--tile",
            "144",
            "--preview",
            "a.png",
            "--csv",
            "a.csv",
        )
        == 0
    )
    line = capsys.readouterr().out
    assert shiftrun_(monkeypatch, "segment", "net.onnx", "cells.tif", "-o", "b.tif", "--quiet") == 0
    assert capsys.readouterr().out == ""
    labels = tifffile.imread("a.tif")
    np.testing.assert_array_equal(labels, tifffile.imread("b.tif"))
    assert labels.shape == (301, 203)
    written = report("a.report.json")
    assert f"{labels.max()} objects, 6 tiles of 144x144" in line
    assert written["objects"] == labels.max() > 0
    assert written["plan"]["read"] == [332, 332]
    assert written["plan"]["exact"]
    assert written["model"]["contract"] == "computed"
    assert "analyzed for this run" in written["warnings"][0]
    assert set(written["seconds"]) == {
        "open",
        "read",
        "plan",
        "normalize",
        "load",
        "predict",
        "cluster",
        "write",
    }
    assert len(Path("a.csv").read_text().splitlines()) == labels.max() + 1
    with tifffile.TiffFile("a.tif") as file:
        assert file.pages.first.tags["XResolution"].value == (300, 1)
    assert sorted(p.name for p in folder.iterdir()) == [
        "a.csv",
        "a.png",
        "a.report.json",
        "a.tif",
        "b.report.json",
        "b.tif",
        "cells.tif",
        "net.onnx",
    ]


def test_segment_without_padding_keeps_the_image_frame(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("--bandwidth", "0.4", "--pad", "none", "--tile", "144,16", "--force")
    assert (
        shiftrun_(monkeypatch, "segment", "net.onnx", "cells.tif", "-o", "a.tif", *arguments) == 0
    )
    labels = tifffile.imread("a.tif")
    assert labels.shape == (301, 203)
    assert not labels[:92].any()
    assert report("a.report.json")["overrides"] == {"bandwidth": 0.4}


def test_embed_equals_the_whole_image(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (
        shiftrun_(monkeypatch, "embed", "net.onnx", "cells.tif", "-o", "e.npy", "--tile", "144")
        == 0
    )
    assert (
        shiftrun_(
            monkeypatch, "embed", "net.onnx", "cells.tif", "-o", "w.tif", "--output", "embedding"
        )
        == 0
    )
    np.testing.assert_array_equal(np.load("e.npy"), tifffile.imread("w.tif"))
    model = shiftrun.open_model("net.onnx")
    np.testing.assert_array_equal(
        model.predict(tifffile.imread("cells.tif"), tile=160)["embedding"], np.load("e.npy")
    )


def test_force_differs_and_is_marked(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tile 148 is refused with the advice 144; --force gives a different result."""
    assert (
        shiftrun_(monkeypatch, "embed", "net.onnx", "cells.tif", "-o", "n.npy", "--tile", "148")
        == 2
    )
    assert "SL301" in (line := capsys.readouterr().err)
    assert "to 144." in line
    assert line.count("\n") == 1
    assert not Path("n.npy").exists()
    assert (
        shiftrun_(
            monkeypatch, "embed", "net.onnx", "cells.tif", "-o", "n.npy", "--tile", "148", "--force"
        )
        == 0
    )
    assert (
        shiftrun_(monkeypatch, "embed", "net.onnx", "cells.tif", "-o", "e.npy", "--tile", "144")
        == 0
    )
    assert (np.load("n.npy") != np.load("e.npy")).mean() > 0.3
    written = report("n.report.json")
    assert not written["plan"]["exact"]
    assert "SL301" in written["warnings"][0]


def test_plan(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        shiftrun_(
            monkeypatch, "plan", "net.onnx", "cells.tif", "--tile", "144", "--output-format", "json"
        )
        == 0
    )
    plan = json.loads(capsys.readouterr().out)
    assert (plan["grid"], plan["padding"][0][0], plan["halo_waste"] > 0.5) == ([3, 2], 96, True)
    assert shiftrun_(monkeypatch, "plan", "net.onnx", "cells.tif") == 0
    assert "equals the whole image bit for bit" in " ".join(capsys.readouterr().out.split())


def _model(name: str, data: bytes) -> None:
    Path(name).write_bytes(data)


WRONG = [
    pytest.param("gone.onnx", "cells.tif", (), "no such model (gone.onnx)", id="missing model"),
    pytest.param("empty.onnx", "cells.tif", (), "empty model", id="empty model"),
    pytest.param("cut.onnx", "cells.tif", (), "SL001", id="truncated model"),
    pytest.param("text.onnx", "cells.tif", (), "SL001", id="no ONNX"),
    pytest.param("stale.onnx", "cells.tif", (), "SL602", id="stale contract"),
    pytest.param("other.onnx", "cells.tif", (), "shiftrun embed", id="no embedding"),
    pytest.param(
        "bare.onnx", "cells.tif", ("--bandwidth", "1"), "--normalize none", id="no normalization"
    ),
    pytest.param("bare.onnx", "cells.tif", (), "--bandwidth", id="no bandwidth"),
    pytest.param("net.onnx", "gone.tif", (), "no such image", id="missing image"),
    pytest.param("net.onnx", "rgb.npy", (), "wrong number of channels", id="RGB"),
    pytest.param("net.onnx", "flat.npy", (), "without contrast (flat.npy)", id="constant image"),
    pytest.param("net.onnx", "nan.npy", (), "not a finite image (nan.npy)", id="NaN"),
    pytest.param(
        "net.onnx",
        "nan.npy",
        ("--normalize", "none"),
        "not a finite image (nan.npy)",
        id="NaN, not normalized",
    ),
    pytest.param(
        "net.onnx", "small.npy", ("--pad", "none"), "image too small (axis y)", id="small"
    ),
    pytest.param(
        "net.onnx",
        "cells.tif",
        ("--tile", "144,144,144"),
        "wrong number of sizes",
        id="too many tile sizes",
    ),
    pytest.param(
        "net.onnx", "cells.tif", ("--preview", "p.jpg"), "unknown output type", id="preview type"
    ),
    pytest.param("net.onnx", "cells.tif", ("--device", "cuda"), "CUDA", id="no CUDA"),
]


@pytest.mark.parametrize(("model", "image", "flags", "message"), WRONG)
def test_wrong_input_is_one_line_and_exit_2(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    model: str,
    image: str,
    flags: tuple[str, ...],
    message: str,
) -> None:
    if "cuda" in flags:
        import onnxruntime

        monkeypatch.setattr(
            onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"]
        )
    _model("empty.onnx", b"")
    _model("text.onnx", b"this is not a network, and was never one")
    _model("cut.onnx", Path("net.onnx").read_bytes()[:5000])
    unet(folder / "bare.onnx", depth=2)
    stale = contract("valid", 2, 2)
    unet(folder / "stale.onnx", depth=4, props={**PROPS, "shiftlint.contract": stale.dumps()})
    other = onnx.load(folder / "bare.onnx")
    other.graph.output.pop()
    onnx.save(other, folder / "other.onnx")
    np.save("rgb.npy", np.zeros((3, 200, 200), np.uint8))
    np.save("flat.npy", np.full((200, 200), 7, np.uint8))
    np.save("nan.npy", np.full((200, 200), np.nan, np.float32))
    np.save("small.npy", np.random.default_rng(0).integers(0, 255, (100, 300)).astype(np.uint8))
    before = sorted(folder.iterdir())
    assert shiftrun_(monkeypatch, "segment", model, image, "-o", "out.tif", *flags) == 2
    line = capsys.readouterr().err
    assert message in line
    assert line.startswith("shiftrun: error: ")
    assert line.count("\n") == 1
    assert sorted(folder.iterdir()) == before


def test_a_stale_contract_is_replaced_by_force(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unet(
        folder / "stale.onnx",
        depth=4,
        props={**PROPS, "shiftlint.contract": contract("valid", 2, 2).dumps()},
    )
    assert (
        shiftrun_(monkeypatch, "segment", "stale.onnx", "cells.tif", "-o", "out.tif", "--force")
        == 0
    )
    written = report("out.report.json")
    assert written["model"]["contract"] == "recomputed (stale)"
    assert written["plan"]["exact"]
    assert "SL602" in written["warnings"][-1]


def test_a_stored_contract_is_confirmed(folder: Path) -> None:
    unet(
        folder / "own.onnx",
        depth=4,
        props={**PROPS, "shiftlint.contract": analyze(folder / "net.onnx").dumps()},
    )
    assert shiftrun.open_model("own.onnx").contract_source == "stored"


def test_a_contract_that_fails_at_the_sizes_of_a_plan(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "shiftlint.confirmed", lambda *_, **__: Confirmation(("axis y moved",)), raising=False
    )
    arguments = ("embed", "net.onnx", "cells.tif", "-o", "out.npy", "--tile")
    assert shiftrun_(monkeypatch, *arguments, "144") == 2
    assert "SL602 contract does not hold (net.onnx): axis y moved" in capsys.readouterr().err
    assert shiftrun_(monkeypatch, *arguments, "144", "--force") == 0
    assert report("out.report.json")["plan"]["findings"][0].startswith("SL602")
    assert shiftrun_(monkeypatch, *arguments, "512", "--overwrite") == 0


def test_outputs_are_not_replaced_unasked(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("out.tif").write_text("mine")
    assert shiftrun_(monkeypatch, "embed", "net.onnx", "cells.tif", "-o", "out.tif") == 2
    assert "--overwrite" in capsys.readouterr().err
    assert Path("out.tif").read_text() == "mine"
    assert (
        shiftrun_(monkeypatch, "embed", "net.onnx", "cells.tif", "-o", "out.tif", "--overwrite")
        == 0
    )
    assert tifffile.imread("out.tif").shape == (2, 301, 203)


def test_control_c_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(session.Session, "run", interrupted)
    before = sorted(folder.iterdir())
    assert shiftrun_(monkeypatch, "segment", "net.onnx", "cells.tif", "-o", "out.tif") == 130
    assert "interrupted" in capsys.readouterr().err
    assert sorted(folder.iterdir()) == before


def test_a_missing_or_doubled_runtime_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        session, "_distributions", lambda: {"onnxruntime": "1", "onnxruntime-gpu": "1"}
    )
    assert shiftrun_(monkeypatch, "embed", "net.onnx", "cells.tif", "-o", "out.npy") == 2
    assert "two runtimes installed" in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert shiftrun_(monkeypatch, "embed", "net.onnx", "cells.tif", "-o", "out.npy") == 2
    assert 'pip install "shiftlint[cpu]"' in capsys.readouterr().err


def test_help_does_not_wait_for_heavy_imports() -> None:
    heavy = ("numpy", "onnx", "onnxruntime", "scipy", "sklearn", "tifffile", "zarr")
    code = f"import sys, shiftrun.cli; sys.exit(bool({set(heavy)} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_zarr_is_not_loaded_for_other_formats(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from shiftrun.commands.segment import "
        "segment_images as segment; "
    )
    code += (
        "segment(model=Path('net.onnx'), images=('cells.tif',), output=Path('l.ome.tif')); "
        "sys.exit('zarr' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_second_input_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    net = onnx.load(folder / "net.onnx")
    net.graph.input.append(onnx.helper.make_tensor_value_info("noise", onnx.TensorProto.FLOAT, [1]))
    onnx.save(net, folder / "two.onnx")
    arguments = (
        "embed",
        "two.onnx",
        "cells.tif",
        "-o",
        "out.npy",
        "--tile",
        "144",
        "--input",
        "image",
    )
    assert shiftrun_(monkeypatch, *arguments) == 2
    line = capsys.readouterr().err
    assert "more than one input (two.onnx): expected only image, got also noise" in line
    assert not Path("out.npy").exists()
