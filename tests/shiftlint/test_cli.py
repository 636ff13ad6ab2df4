"""The command line: exit codes, many files, standard input, settings, and one-line errors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from shiftlint.cli import cli
from shiftlint.errors import InputError
from shiftschemas import validate
from tests.shiftlint.networks import INSTANCE_NORM, VALID, save


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A network with warnings and notes, but no error, in an empty current folder."""
    monkeypatch.chdir(tmp_path)
    save(VALID, tmp_path / "model.onnx")
    return "model.onnx"


def invoke(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(cli, arguments, input=stdin, standalone_mode=False)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], 0),
        (["--tile", "9"], 1),
        (["--tile", "9", "--exit-zero"], 0),
        (["--tile", "9", "--ignore", "SL301"], 0),
        (["--tile", "9", "--severity", "SL301=warning"], 0),
        (["--severity", "SL1=error"], 1),
        (["--fail-on", "warning"], 1),
        (["--fail-on", "info", "--select", "SL3"], 0),
        (["--verify"], 0),
        (["missing.onnx"], 2),
        (["missing.onnx", "--exit-zero"], 2),
        (["missing.onnx", "--ignore", "SL001"], 2),
        (["--tile-stride", "3"], 1),
        (["--tile", "8", "--image", "35"], 1),
    ],
)
def test_exit_codes(options: list[str], code: int, model: str) -> None:
    assert invoke("check", model, *options).return_value == code


def test_unreadable_file_does_not_hide_the_others(model: str, tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_text("nothing")
    result = invoke("check", "broken.onnx", model, "--tile", "9", "--output-format", "json")
    assert result.return_value == 2
    codes = {
        m["file"]: {f["code"] for f in m["findings"]} for m in json.loads(result.stdout)["models"]
    }
    assert codes["broken.onnx"] == {"SL001"}
    assert "SL301" in codes[model]


def test_standard_input(model: str) -> None:
    data = Path(model).read_bytes()
    result = invoke("check", "-", "--tile", "9", "--output-format", "json", stdin=data)
    assert result.return_value == 1
    assert json.loads(result.stdout)["models"][0]["file"] == "-"
    assert (
        json.loads(invoke("analyze", "-", "--output-format", "json", stdin=data).stdout)["models"][
            0
        ]["file"]
        == "-"
    )
    broken = invoke("check", "-", stdin=b"junk")
    assert (broken.return_value, "(-)" in broken.stdout) == (2, True)


def test_configuration_applies_per_model(model: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.shiftlint]\nfail-on = "warning"\n[tool.shiftlint.per-model."mod*"]\ntile = 9\n'
    )
    result = invoke("check", model, "--select", "SL3,SL604")
    assert result.return_value == 1
    assert "SL301" in result.stdout
    assert "SL301" not in invoke("check", model, "--tile", "8").stdout
    assert invoke("check", model, "--tile", "8", "--select", "SL604").return_value == 1


def test_baseline_hides_what_it_knows(model: str) -> None:
    assert invoke("check", model, "--tile", "9", "--write-baseline", "known.json").return_value == 0
    again = invoke("check", model, "--tile", "9", "--baseline", "known.json", "--fail-on", "info")
    assert (again.return_value, "nothing found" in again.stdout) == (0, True)
    other = invoke("check", model, "--tile", "11", "--baseline", "known.json")
    assert (other.return_value, other.stdout.count("SL")) == (1, 1)


def test_verify_reports_and_gates(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    result = invoke("verify", model, "--output-format", "json")
    assert result.return_value == 0
    validate(json.loads(result.stdout), "verify_report", where="test")
    assert "10 claims measured, 0 wrong" in invoke("verify", model).stdout
    save(
        INSTANCE_NORM.replace("InstanceNormalization(image, scale, b)", "Identity(image)"),
        Path("plain.onnx"),
    )
    from shiftlint.analysis import derive_contract as analysis
    from shiftlint.verification import verify

    wrong = analysis.analyze(model)
    monkeypatch.setattr(verify, "contract_of", lambda *_, **__: wrong)
    assert invoke("verify", "plain.onnx").return_value == 1


def test_network_that_does_not_load_is_a_finding(model: str) -> None:
    save(
        VALID.replace(
            "pooled = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>", "pooled = Unheard"
        ),
        Path("odd.onnx"),
    )
    result = invoke("check", model, "odd.onnx", "--verify", "--select", "SL9")
    assert result.return_value == 1
    assert "onnxruntime rejects the model" in result.stdout
    assert isinstance(invoke("verify", "odd.onnx").exception, InputError)


@pytest.mark.parametrize("shape", ["bfloat16[1,1,h,w]", "float[1,900000000,h,w]"])
def test_what_cannot_be_measured_is_left_unmeasured(shape: str, model: str) -> None:
    network = (
        f'<ir_version: 8, opset_import: ["": 17]> g ({shape} image) => ({shape} out) '
        f"{{ out = Identity(image) }}"
    )
    save(network, Path("odd.onnx"))
    assert isinstance(invoke("verify", "odd.onnx").exception, InputError)
    result = invoke("check", model, "odd.onnx", "--verify", "--select", "SL9")
    assert (result.return_value, result.stdout.count("SL9")) == (0, 0)


def test_analyze_report_is_by_its_schema(model: str) -> None:
    result = invoke("analyze", model, "missing.onnx", "--output-format", "json")
    assert result.return_value == 2
    document = json.loads(result.stdout)
    validate(document, "analyze_report", where="test")
    assert [set(m) for m in document["models"]] == [
        {"file", "sha256", "contract"},
        {"file", "error"},
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "model.onnx", "--tile", "x"], "whole numbers"),
        (["check", "model.onnx", "--tile", "1,2,3"], "expected 1 or 2"),
        (["check", "model.onnx", "--image", "1,2,3"], "expected 1 or 2"),
        (["check", "model.onnx", "--select", "SL9X"], "no such rule"),
        (["check", "model.onnx", "--severity", "SL301"], "CODE=LEVEL"),
        (["check", "model.onnx", "--baseline", "missing.json"], "baseline"),
        (["check", "model.onnx", "--write-baseline", "missing/known.json"], "cannot write"),
        (["check", "model.onnx", "--statistics", "--output-format", "json"], "--statistics"),
        (["verify", "missing.onnx"], "SL001"),
        (["fix", "missing.onnx"], "SL001"),
        (["rule", "SL999"], "no such rule"),
    ],
)
def test_wrong_calls_give_one_line(arguments: list[str], message: str, model: str) -> None:
    program = "from shiftlint.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if "rror:" in line]) == 1


def test_help_imports_nothing_heavy() -> None:
    heavy = {"numpy", "onnx", "onnxruntime", "jsonschema", "rich"}
    program = (
        f"import sys; from shiftlint.cli import cli; print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_check_of_a_usual_network_needs_neither_numpy_nor_onnx_nor_a_validator() -> None:
    zoo = Path(__file__).parents[2] / "zoo" / "dsb2018.onnx"
    program = (
        "import sys; from shiftlint.linting.check import check; from shiftlint.rules.case import "
        "Wish; "
        "check(sys.argv[1], Wish()); "
        "print(sorted({'jsonschema', 'numpy', 'onnx', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(zoo)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_check_does_not_import_onnxruntime(model: str) -> None:
    program = (
        "import sys; from shiftlint.linting.check import check; from shiftlint.rules.case import "
        "Wish; "
        "check(sys.argv[1], Wish()); "
        "print('onnxruntime' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, model], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_wish_that_does_not_fit_is_an_input_error(model: str) -> None:
    assert isinstance(invoke("check", model, "--halo", "1,2,3").exception, InputError)
