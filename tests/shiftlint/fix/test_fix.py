"""`shiftlint fix`: metadata that check accepts, outputs on whole steps, valid twins; never a
half-written file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from click.testing import CliRunner

from shiftlint import analyze, read_metadata
from shiftlint.cli import cli
from shiftlint.errors import InputError
from shiftlint.fix.fix import fix
from shiftschemas import SchemaError
from tests.shiftlint.networks import INSTANCE_NORM, OFF_GRID, PADDED_UNET, VALID, save

W3 = "<float[1,1,3,3] w = {0.3, 1, 0.5, 1, 4, 1, 0.2, 1, 0.7}>"
HEAD = '<ir_version: 8, opset_import: ["": 17]>\ng (float[n,1,h,w] image) => (float[n,1,oh,ow] out)'
PADDED = {
    "unet": PADDED_UNET,
    "skip first": PADDED_UNET.replace("Add(high, skip)", "Add(skip, high)"),
    "strided": HEAD
    + W3
    + "{ a = Conv<pads = [1, 1, 1, 1], strides = [2, 2]>(image, w)\n"
    " out = Conv<pads = [1, 1, 1, 1]>(a, w) }",
    "same": HEAD + W3 + '{ out = Conv<auto_pad = "SAME_UPPER", strides = [2, 2]>(image, w) }',
    "pad node": HEAD
    + (
        "<float[1,1,3,3] w = {0.3, 1, 0.5, 1, 4, 1, 0.2, 1, 0.7}, int64[8] p = {0, 0, 1, 1, 0, 0, "
        "1, 1}>"
    )
    + '{ a = Pad<mode = "reflect">(image, p)\n out = Conv(a, w) }',
    "pooling": HEAD
    + "{ out = AveragePool<kernel_shape = [3, 3], pads = [1, 1, 1, 1], strides = [2, 2], "
    "ceil_mode = 1>(image) }",
    "linear": HEAD + "<float[4] s = {1, 1, 2, 2}> { out = Resize<mode = \"linear\">(image, , s) }",
    "transposed": HEAD + W3 + "{ out = ConvTranspose<strides = [2, 2]>(image, w) }",
}  # fmt: skip


def run(model: onnx.ModelProto, image: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    result: np.ndarray = session.run(None, {"image": image})[0]
    return result


def is_inside(part: np.ndarray, whole: np.ndarray) -> bool:
    """Whether `part` occurs in `whole`, bit for bit."""
    windows = np.lib.stride_tricks.sliding_window_view(whole[0, 0], part.shape[2:])
    return bool((windows == part[0, 0]).all(axis=(2, 3)).any())


@pytest.mark.parametrize("name", PADDED)
def test_valid_twin_is_the_interior(name: str, tmp_path: Path) -> None:
    path = Path(save(PADDED[name], tmp_path / "model.onnx"))
    fixed = fix(path, {}, to_valid=True)
    image = np.random.default_rng(0).standard_normal((1, 1, 48, 64), np.float32)
    part, whole = run(fixed.after, image), run(fixed.before, image)
    assert is_inside(part, whole)
    assert whole.shape != part.shape
    for output in fixed.contract.outputs:
        assert all(
            axis.padding == () and axis.border == (0, 0) and axis.period for axis in output.axes
        )


@pytest.mark.parametrize(
    ("network", "why"),
    [
        (INSTANCE_NORM, "depends on the whole image"),
        (
            HEAD
            + (
                "<int64[1] zero = {0}, int64[1] two = {2}, int64[1] axis = {3}, int64[1] far = "
                "{1000000}>"
            )
            + (
                "{ a = Slice(image, zero, two, axis)\n b = Slice(image, two, far, axis)\n out = "
                "Concat<axis = 3>(b, a) }"
            ),
            "Concat",
        ),
    ],
)
def test_what_has_no_twin_is_refused(network: str, why: str, tmp_path: Path) -> None:
    path = Path(save(network, tmp_path / "model.onnx"))
    with pytest.raises(InputError, match=why):
        fix(path, {}, to_valid=True)


def test_crop_output_ends_on_a_whole_step(tmp_path: Path) -> None:
    path = Path(save(OFF_GRID, tmp_path / "model.onnx"))
    fixed = fix(path, {}, crop_output=True)
    before = analyze(path).outputs[0].axes[0]
    after = fixed.contract.outputs[0].axes[0]
    assert before.output_size and before.sizes and before.output_size.of(before.sizes.min) % 2 == 1  # noqa: PT018
    assert after.output_size and after.sizes and after.output_size.of(after.sizes.min) % 2 == 0  # noqa: PT018
    image = np.random.default_rng(0).standard_normal((1, 1, 40, 42), np.float32)
    np.testing.assert_array_equal(run(fixed.after, image), run(fixed.before, image)[:, :, :38, :40])


def test_crop_output_leaves_whole_outputs_alone(tmp_path: Path) -> None:
    fixed = fix(Path(save(VALID, tmp_path / "model.onnx")), {}, crop_output=True)
    assert fixed.after.graph == fixed.before.graph


def test_metadata_is_what_check_wants(tmp_path: Path) -> None:
    path = save(VALID, tmp_path / "model.onnx")
    graph = onnx.load(path).graph
    arguments = [
        "fix",
        path,
        "--set",
        "train_window=[20, 20]",
        "--set",
        "license=MIT",
        "--set",
        "data=none",
    ]
    assert CliRunner().invoke(cli, arguments, standalone_mode=False).exception is None
    assert onnx.load(path).graph == graph
    metadata = read_metadata(path)
    assert metadata.contract == analyze(path)
    assert (metadata.period, metadata.padding, metadata.train_window, metadata.license) == (
        (2, 2),
        "valid",
        (20, 20),
        "MIT",
    )
    checked = CliRunner().invoke(
        cli, ["check", path, "--select", "SL105,SL6"], standalone_mode=False
    )
    assert "nothing found" in checked.output


def test_diff_writes_nothing(tmp_path: Path) -> None:
    path = Path(save(VALID, tmp_path / "model.onnx"))
    data = path.read_bytes()
    result = CliRunner().invoke(cli, ["fix", str(path), "--diff"], standalone_mode=False)
    assert "+metadata period = [2, 2]" in result.output
    assert path.read_bytes() == data
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]


def test_second_fix_changes_nothing(tmp_path: Path) -> None:
    path = save(VALID, tmp_path / "model.onnx")
    CliRunner().invoke(cli, ["fix", path], standalone_mode=False)
    data = Path(path).read_bytes()
    assert (
        "nothing to change"
        in CliRunner().invoke(cli, ["fix", path, "--diff"], standalone_mode=False).output
    )
    CliRunner().invoke(cli, ["fix", path], standalone_mode=False)
    assert Path(path).read_bytes() == data


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (["--set", "license"], InputError, "KEY=VALUE"),
        (["--set", "train_window=wide"], SchemaError, "train_window"),
        (["-o", "missing/model.onnx"], InputError, "cannot write"),
        (["-o", "other.onnx"], InputError, "--overwrite"),
    ],
)
def test_wrong_calls_write_nothing(
    options: list[str],
    error: type[Exception],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path(save(VALID, tmp_path / "model.onnx"))
    Path("other.onnx").write_text("something else")
    data = path.read_bytes()
    result = CliRunner().invoke(cli, ["fix", str(path), *options], standalone_mode=False)
    assert isinstance(result.exception, error)
    assert message in str(result.exception)
    assert path.read_bytes() == data
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.onnx", "other.onnx"]
    assert Path("other.onnx").read_text() == "something else"
