"""Labels of networks that change the scale have their own frame; px sizes follow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tifffile
from onnx import helper, numpy_helper

from shiftrun.files.reading.images import read_pixels, read_series
from shiftrun.model.open_model import open_model
from tests.shiftrun.command_line import shiftrun_
from tests.shiftrun.networks import PROPS, unet
from tests.shiftrun.pictures import blobs, renumbered


def strided(path: Path, stride: int) -> Path:
    """A network whose outputs have one px per `stride` px of the image."""
    weights, nodes = [], []
    random = np.random.default_rng(0)
    for name, channels in (("embedding", 2), ("foreground", 1)):
        weights.append(
            numpy_helper.from_array(
                random.normal(size=(channels, 1, 3, 3)).astype(np.float32), f"w_{name}"
            )
        )
        attributes: dict[str, Any] = {"strides": [stride, stride], "pads": [1, 1, 1, 1]}
        nodes.append(helper.make_node("Conv", ["image", f"w_{name}"], [name], **attributes))
    image = helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, [1, 1, "h", "w"])
    outputs = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, c, "oh", "ow"])
        for name, c in (("embedding", 2), ("foreground", 1))
    ]
    graph = helper.make_graph(nodes, "strided", [image], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, PROPS)
    onnx.save(model, path)
    return path


def test_what_a_valid_network_consumes_moves_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    unet(tmp_path / "net.onnx", depth=2, props=PROPS)
    place = {
        "PhysicalSizeX": 0.5,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": 2.0,
        "PhysicalSizeYUnit": "µm",
    }
    tifffile.imwrite("a.ome.tif", blobs(1, (100, 120)), ome=True, metadata={"axes": "YX", **place})
    run = ("embed", "net.onnx", "a.ome.tif", "-o", "e.zarr", "--tile", "16", "--pad", "none")
    assert shiftrun_(monkeypatch, *run) == 0
    first = open_model("net.onnx").contract.outputs[0].axes[0].origin
    assert first > 10
    assert read_series(Path("e.zarr"), 2, 2).calibration.origin == (2.0 * first, 0.5 * first)
    assert shiftrun_(monkeypatch, *run, "--region", "3:20,5:9", "--overwrite") == 0
    assert read_series(Path("e.zarr"), 2, 2).calibration.origin == (
        2.0 * (first + 3),
        0.5 * (first + 5),
    )


def test_images_that_are_not_taken_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    unet(tmp_path / "net.onnx", depth=2, props=PROPS)
    with tifffile.TiffWriter("two.ome.tif", ome=True) as file:
        for number in range(2):
            file.write(blobs(number), metadata={"axes": "YX"})
    assert shiftrun_(monkeypatch, "segment", "net.onnx", "two.ome.tif", "-o", "l.tif") == 0
    assert "warning: two.ome.tif holds 2 images: the first was used" in capsys.readouterr().out
    np.testing.assert_array_equal(
        read_pixels(Path("l.tif")), open_model("net.onnx", device="cpu").segment(blobs(0))
    )


def test_labels_of_half_the_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    strided(Path("net.onnx"), 2)
    place = {
        "PhysicalSizeX": 0.5,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": 0.5,
        "PhysicalSizeYUnit": "µm",
    }
    tifffile.imwrite("a.ome.tif", blobs(1, (300, 280)), ome=True, metadata={"axes": "YX", **place})
    run = ("segment", "net.onnx", "a.ome.tif", "-o", "l.zarr", "--tile", "128")
    assert shiftrun_(monkeypatch, *run) == 0
    labels = read_pixels(Path("l.zarr"))
    assert labels.shape == (150, 140)
    np.testing.assert_array_equal(
        labels, open_model("net.onnx", device="cpu").segment(blobs(1, (300, 280)), tile=128)
    )
    assert read_series(Path("l.zarr"), 2, 1).calibration.sizes == (1.0, 1.0)
    assert shiftrun_(monkeypatch, *run, "--region", "20:30,40:60", "--overwrite") == 0
    found = read_pixels(Path("l.zarr"))
    np.testing.assert_array_equal(found, renumbered(labels[20:30, 40:60]))
    assert read_series(Path("l.zarr"), 2, 1).calibration.origin == (20.0, 40.0)
    assert (
        shiftrun_(
            monkeypatch,
            "embed",
            "net.onnx",
            "a.ome.tif",
            "-o",
            "e.zarr",
            "--tile",
            "128",
            "--region",
            "20:30,40:60",
        )
        == 0
    )
    assert read_series(Path("e.zarr"), 2, 2).calibration.origin == (20.0, 40.0)
    waste = json.loads(Path("e.report.json").read_text(encoding="utf-8"))["plan"]["halo_waste"]
    assert waste == pytest.approx(1 - 20 * 40 / 257**2, abs=0.05), (
        "one tile is read for 10 x 20 outputs"
    )
    capsys.readouterr()
    assert shiftrun_(monkeypatch, *run, "--csv", "a.csv", "--overwrite") == 2
    assert "network changes the scale" in capsys.readouterr().err
