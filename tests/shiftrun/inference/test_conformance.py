"""Every exactly tileable network at two tile sizes against onnxruntime on the whole image.

Needs ../shared.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from shiftlint import analyze
from shiftrun.cli import cli
from shiftrun.inference.run_tiles import channels_first
from shiftrun.inference.session import Session
from tests.shiftrun.conformance import EXACT, FOLDER, TRUTH, open_certified, sizes, tiles

pytestmark = pytest.mark.shared("conformance/truth.json")
# onnxruntime's kernels choose another order of summation by the size of the input: the largest
# difference that was measured
ROUNDING: dict[str, float] = {}


@pytest.mark.parametrize("name", EXACT)
def test_stitched_equals_onnxruntime_on_the_whole(name: str, tmp_path: Path) -> None:
    model = open_certified(name)
    dimensions = model.dimensions
    image_px, tile_px = {1: (2000, (144, 400)), 2: (400, (128, 176)), 3: (60, (24, 40))}[dimensions]
    for output in model.contract.outputs:
        shape = sizes(output.axes, image_px)
        image = (
            np.random.default_rng(0).normal(size=(model.channels or 1, *shape)).astype(np.float32)
        )
        input_axes = [axis.input_axis for axis in output.axes]
        batch = np.moveaxis(image[None], range(2, dimensions + 2), input_axes)
        whole = channels_first(
            Session(FOLDER / f"{name}.onnx", "cpu").run(batch)[output.name],
            [axis.output_axis for axis in output.axes],
        )
        np.save(tmp_path / "image.npy", image)
        for px in tile_px:
            tile = tiles(output.axes, px)
            arguments = [
                "embed",
                str(model.path),
                str(tmp_path / "image.npy"),
                "-o",
                str(tmp_path / "out.npy"),
                "--quiet",
            ]
            arguments += [
                "--pad",
                "none",
                "--normalize",
                "none",
                "--tile",
                ",".join(map(str, tile)),
                "--overwrite",
            ]
            result = CliRunner().invoke(
                cli,
                [*arguments, "--device", "cpu", "--output", output.name],
                standalone_mode=False,
                catch_exceptions=False,
            )
            assert result.exit_code == 0
            found = np.load(tmp_path / "out.npy")
            assert (
                json.loads((tmp_path / "out.report.json").read_text(encoding="utf-8"))["plan"][
                    "tiles"
                ]
                > 1
            )
            scale = float(whole.std())
            np.testing.assert_allclose(found, whole, rtol=0, atol=ROUNDING.get(name, 0.0) * scale)


def test_outputs_on_different_grids_in_one_call(tmp_path: Path) -> None:
    """p2 and p4 have scales 1/4 and 1/16: two runs, three files."""
    model = open_certified("tv_fpn_multi_output")
    np.save(
        tmp_path / "image.npy",
        np.random.default_rng(0).normal(size=(3, 512, 576)).astype(np.float32),
    )
    arguments = [
        "embed",
        str(model.path),
        str(tmp_path / "image.npy"),
        "-o",
        str(tmp_path / "out.npy"),
        "--output",
        "all",
    ]
    result = CliRunner().invoke(
        cli, [*arguments, "--normalize", "none"], standalone_mode=False, catch_exceptions=False
    )
    assert result.exit_code == 0
    for output in model.contract.outputs:
        scale = output.axes[0].output_size.scale if output.axes[0].output_size else 0
        assert np.load(tmp_path / f"out.{output.name}.npy").shape[1:] == (512 * scale, 576 * scale)


@pytest.mark.parametrize("name", sorted(TRUTH))
def test_conformance_networks_in_batches(name: str) -> None:
    """Every network whose contract says that a batch is independent, and whose batch is dynamic."""
    contract = analyze(FOLDER / f"{name}.onnx")
    sizes = [axis.sizes for axis in contract.outputs[0].axes if axis.sizes is not None]
    if (
        not isinstance(contract.input.shape[0], str)
        or contract.input.batch != "independent"
        or len(sizes) != 2
    ):
        pytest.skip("fixed batch")
    shape: list[Any] = [3, *contract.input.shape[1:]]
    for axis, size in zip(contract.outputs[0].axes, sizes, strict=True):
        shape[axis.input_axis] = size.next_legal(150) or size.min
    batch = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    session = Session(FOLDER / f"{name}.onnx", "cpu")
    together = session.run(batch)
    for number in range(len(batch)):
        for output, values in session.run(batch[number : number + 1]).items():
            np.testing.assert_array_equal(together[output][number], values[0])
