"""SL605: the required contents of a bioimage.io description, in both forms of the specification."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from shiftlint import analyze
from shiftlint.contract.bioimageio import Described, described_axes
from shiftlint.linting.check import check
from shiftlint.rules.case import Wish
from tests.shiftlint.networks import PADDED_UNET, VALID, save


def rdf_05(size: Any, law: Any, halo: int | None = None) -> dict[str, Any]:
    output = {"type": "space", "id": "y", "size": law} | ({} if halo is None else {"halo": halo})
    return {
        "inputs": [
            {"id": "image", "axes": [{"type": "batch"}, {"type": "space", "id": "y", "size": size}]}
        ],
        "outputs": [{"id": "out", "axes": [{"type": "channel", "id": "channel"}, output]}],
    }


def rdf_04(shape: Any, law: Any, halo: list[int]) -> dict[str, Any]:
    return {
        "inputs": [{"name": "image", "axes": "bcyx", "shape": shape}],
        "outputs": [{"name": "out", "axes": "bcyx", "shape": law, "halo": halo}],
    }


SIZE = {"min": 64, "step": 2}


def law(offset: int) -> dict[str, Any]:
    return {"tensor_id": "image", "axis_id": "y", "offset": offset}


SHAPE_04 = {"min": [1, 1, 64, 64], "step": [0, 0, 2, 2]}
LAW_04 = {"reference_tensor": "image", "scale": [1, 1, 1, 1], "offset": [0, 0, 0, 0]}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (rdf_05(SIZE, law(-4), 2), Described(64, 2, Fraction(1), Fraction(-4), 2)),
        (rdf_05(64, 60), Described(64, None, None, None, None)),
        (
            rdf_04(SHAPE_04, LAW_04 | {"offset": [0, 0, -2, -2]}, [0, 0, 3, 3]),
            Described(64, 2, Fraction(1), Fraction(-4), 3),
        ),
    ],
)
def test_both_forms_are_read(document: dict[str, Any], expected: Described, tmp_path: Path) -> None:
    contract = analyze(save(VALID, tmp_path / "model.onnx"))
    (tmp_path / "rdf.yaml").write_text(json.dumps(document))
    found = {
        axis.name: described
        for _, axis, described in described_axes(tmp_path / "rdf.yaml", contract)
    }
    assert found["y"] == expected


@pytest.mark.parametrize(
    ("network", "document", "wrong"),
    [
        (VALID, rdf_05(SIZE, law(-4)), []),
        (VALID, rdf_05({"min": 64, "step": 3}, law(-4)), ["step"]),
        (VALID, rdf_05({"min": 63, "step": 2}, law(-4)), ["min"]),
        (VALID, rdf_05(SIZE, law(0)), ["offset"]),
        (VALID, rdf_05(SIZE, law(-4) | {"axis_id": "y"}, 1), []),
        (PADDED_UNET, rdf_05(SIZE, law(0), 4), []),
        (PADDED_UNET, rdf_05(SIZE, law(0), 1), ["halo"]),
        (PADDED_UNET, rdf_04(SHAPE_04, LAW_04, [0, 0, 4, 4]), []),
        (PADDED_UNET, rdf_04(SHAPE_04, LAW_04, [0, 0, 0, 0]), ["halo", "halo"]),
        (PADDED_UNET, rdf_04(SHAPE_04, LAW_04 | {"scale": [1, 1, 2, 1]}, [0, 0, 4, 4]), ["scale"]),
        (PADDED_UNET, [1, 2], []),
        (PADDED_UNET, {"inputs": [3], "outputs": [3]}, []),
    ],
)
def test_what_contradicts_is_named(
    network: str, document: Any, wrong: list[str], tmp_path: Path
) -> None:
    path = save(network, tmp_path / "model.onnx")
    (tmp_path / "rdf.yaml").write_text(json.dumps(document))
    found = [f.message.split(" ")[0] for f in check(path, Wish()).findings if f.code == "SL605"]
    assert found == wrong


@pytest.mark.parametrize("data", [b"\xff\xfe", b"{", b"inputs: [", b""])
def test_unreadable_descriptions_are_left_aside(data: bytes, tmp_path: Path) -> None:
    path = save(VALID, tmp_path / "model.onnx")
    (tmp_path / "rdf.yaml").write_bytes(data)
    assert "SL605" not in {f.code for f in check(path, Wish()).findings}
