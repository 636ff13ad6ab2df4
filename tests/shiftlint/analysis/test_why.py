"""`shiftlint why`: the first node that differs at another size, the difference and its cause."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner, Result

import shiftrun
from shiftlint.cli import cli
from shiftlint.errors import InputError
from shiftschemas import validate
from tests.shiftlint.graphs import node, save
from tests.traps.networks import KINDS, TRAPS, Trap

CAUSES = {  # trap: the sizes, and how the sentence goes on after the node's name and the sizes
    "counted by a sum": (
        "300,346 192,346",
        "its input 'c' is 192, not 300, which follows from the size through Shape#0",
    ),
    "a ratio of both sizes": ("300,300 300,400", "its input 'r' is 0.75, not 1"),
    "counted by a product": (
        "200 300",
        "its input 'c' has a different value, which follows from the size through Shape#0",
    ),
    "a factor in a function": ("300 200", "its input 'hf' is 200, not 300"),
    "channels by Slice": (
        "192 300",
        "it takes different channels ('small' is 0, not 1), which follows",
    ),
    "channels by Tile": ("192 300", "there are 1 elements along dimension 1, not 2, which follows"),
    "a branch by If": (
        "192 300",
        "it takes another branch ('q' is False, not True), which follows",
    ),
    "rounds of a loop": (
        "192 300",
        "it runs its body a different number of times ('q' is 3, not 1)",
    ),
    "a crop by H // 300": (
        "256 700",
        "along y an output px reads px 1 of the image, not px 0, which follows",
    ),
    "a pad to a square": (
        "256 256,300",
        "along y padding reaches 0 px at the near and 44 px at the far end, not 0 px",
    ),
    "pooled with ceil and pads": (
        "192 301",
        "along y its size is 1/2·n + 1/2, not 1/2·n + 1 (n: px of the image)",
    ),
    "pooled SAME_UPPER 3 by 2": (
        "192 301",
        "along y an output px reads px -1 to 1 of the image, not px 0 to 2.",
    ),
}
SAME = {
    "channels by Slice": "210 300",
    "a ratio of both sizes": "192 300",
    "a crop by H // 300": "100 256,512",
}


def why(path: Path, *options: str) -> Result:
    return CliRunner().invoke(cli, ["why", str(path), *options], standalone_mode=False)


def written(trap: Trap, folder: Path) -> Path:
    onnx.save(trap.model(), folder / "net.onnx")
    return folder / "net.onnx"


@pytest.mark.parametrize("name", CAUSES)
def test_the_first_node_that_differs_is_named_with_what_differs(name: str, tmp_path: Path) -> None:
    sizes, said = CAUSES[name]
    result = why(written(TRAPS[name], tmp_path), "--sizes", *sizes.split())
    assert result.return_value == 1
    assert f"px: {said}" in result.stdout


@pytest.mark.parametrize("name", SAME)
def test_equal_programs_are_told(name: str, tmp_path: Path) -> None:
    result = why(written(TRAPS[name], tmp_path), "--sizes", *SAME[name].split())
    assert (result.return_value, "by the same program" in result.stdout) == (0, True)


@pytest.mark.parametrize("name", KINDS["sizes enter"])
def test_the_path_leads_from_a_size_to_the_node(name: str, tmp_path: Path) -> None:
    """Each of its nodes reads what the one before it gives; the first reads the image, and the node
    at fault the last.
    """
    path = written(TRAPS[name], tmp_path)
    result = why(path, "--sizes", "192,150", "300,346", "--output-format", "json")
    document = json.loads(result.stdout)
    validate(document, "why_report", where="test")
    cause = document["outputs"][0]["cause"]
    nodes = {f"{one.op_type}#{k}": one for k, one in enumerate(onnx.load(path).graph.node)}
    chain = [nodes[one] for one in (*cause["path"], cause["node"])]
    assert chain[0].op_type == "Shape"
    for first, second in pairwise(chain):
        assert set(first.output) & set(second.input)


def test_what_is_not_analyzed_is_never_called_the_same(tmp_path: Path) -> None:
    path = save(
        tmp_path / "net.onnx",
        [node("Unheard", "x", "u", domain="com.microsoft"), node("Relu", "u", "y")],
    )
    result = why(path, "--sizes", "64", "80")
    assert result.return_value == 1
    assert (
        "Unheard_0 (Unheard) may compute something different at 80x80 px than at 64x64 px: "
        "it is not analyzed" in result.stdout
    )


def test_outputs_are_told_apart(tmp_path: Path) -> None:
    nodes = [
        node("Relu", "x", "a"),
        node("Shape", "x", "s"),
        node("Size", "s", "n"),
        node("Expand", "one s", "e"),
    ]
    nodes += [node("ReduceSum", "e", "c", keepdims=0), node("Mul", "x c", "b")]
    path = save(tmp_path / "net.onnx", nodes, {"one": [[[[1.0]]]]}, outputs=("a", "b"))
    assert why(path, "--sizes", "64", "80", "--output", "a").return_value == 0
    result = why(path, "--sizes", "64", "80")
    assert result.return_value == 1
    assert "output 'a': computed by the same program" in result.stdout
    assert (
        "output 'b': Mul_5 (Mul) computes something different at 80x80 px than at 64x64 px"
        in result.stdout
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sizes", "60", "61"], "SL302 .*60x60|SL302 .*got 61x61 px: Reshape_0"),
        (["--sizes", "60", "60,60,60"], "expected 1 or 2"),
        (["--sizes", "60", "64", "--output", "z"], "expected one of y, got 'z'"),
        (["--sizes", "60", "64", "--input", "z"], "SL005"),
    ],
)
def test_wrong_calls(options: list[str], message: str, tmp_path: Path) -> None:
    """61 px do not fall into blocks of 4."""
    path = save(tmp_path / "net.onnx", [node("Reshape", "x s", "y")], {"s": [1, -1, 4, 4]})
    with pytest.raises(InputError, match=message):
        raise why(path, *options).exception or AssertionError


def test_a_size_that_the_file_fixes(tmp_path: Path) -> None:
    path = save(tmp_path / "net.onnx", [node("Relu", "x", "y")], shape=(1, 1, 64, "w"))
    assert why(path, "--sizes", "64", "64,80").return_value == 0
    assert "expected 64x80 px, which the file fixes" in str(
        why(path, "--sizes", "64", "80").exception
    )


def test_a_refused_plan_says_the_same(tmp_path: Path) -> None:
    path = written(TRAPS["a crop by H // 300"], tmp_path)
    said = json.loads(why(path, "--sizes", "129,128", "701,256", "--output-format", "json").stdout)[
        "outputs"
    ][0]["cause"]["message"]
    with pytest.raises(InputError) as refused:
        shiftrun.open_model(path).plan((700, 256), tile=128, outputs=("y",))
    assert said in str(refused.value)
