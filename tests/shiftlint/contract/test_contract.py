from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import pytest

from shiftlint import analyze
from shiftlint.contract.metadata import Metadata
from shiftlint.contract.values import METADATA_KEY, Contract, Inexact, OutputSize, Sizes
from shiftschemas import SchemaError
from tests.shiftlint.graphs import node, save

NETWORK = """
<ir_version: 8, opset_import: ["": 17]>
g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
<float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}, float[1,1,2,2] up = {1, 2, 3, 4}> {
  pooled = AveragePool<kernel_shape = [2, 3], strides = [2, 3]>(image)
  deep = Conv<pads = [1, 0, 1, 0]>(pooled, w)
  out = ConvTranspose<strides = [2, 2]>(deep, up)
}
"""


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    path = tmp_path_factory.mktemp("contract") / "network.onnx"
    path.write_bytes(onnx.parser.parse_model(NETWORK).SerializeToString())
    return analyze(path)


def test_json_round_trip(contract: Contract) -> None:
    document = json.loads(json.dumps(contract.to_json()))
    again = Contract.from_json(document, where="test")
    assert again == contract
    assert again.dumps() == contract.dumps()


def test_one_network_of_two_scales(contract: Contract) -> None:
    y, x = contract.outputs[0].axes
    assert (y.period, y.step, x.period, x.step) == (2, 2, 3, 2)
    assert (y.padding[0].kind, x.padding) == ("zeros", ())
    assert y.reads == ((-2, 3), (-2, 3))
    assert x.reads == ((0, 8), (0, 8))
    assert (y.border, x.border) == ((2, 2), (0, 0))
    assert x.output_size == OutputSize(Fraction(2, 3), Fraction(4))


def test_what_is_rounded_by_its_place_survives_and_has_a_default(tmp_path: Path) -> None:
    """An interpolation by 3 at half the scale of the image, then a function; contracts of old only
    say that it is inexact.
    """
    nodes = [
        node("MaxPool", "x", "a", kernel_shape=[2, 2], strides=[2, 2]),
        node("Resize", "a - s", "b", mode="linear"),
    ]
    path = save(
        tmp_path / "net.onnx",
        [*nodes, node("Log", "b", "y")],
        {"s": np.asarray([1, 1, 3, 3], np.float32)},
    )
    contract = analyze(path)
    assert [axis.rounding for axis in contract.outputs[0].axes] == [
        Inexact(place=True, drift=1.5e-7)
    ] * 2
    document = json.loads(json.dumps(contract.to_json()))
    assert Contract.from_json(document, where="test") == contract
    for axis in document["outputs"][0]["axes"]:
        del axis["rounding"]
    assert [
        axis.rounding for axis in Contract.from_json(document, where="test").outputs[0].axes
    ] == [Inexact(place=True)] * 2


def test_what_is_exact_says_nothing_of_rounding(contract: Contract) -> None:
    assert "rounding" not in contract.dumps()


@pytest.mark.parametrize("key", ["input", "outputs", "model", "schema_version"])
def test_missing_key_is_named(contract: Contract, key: str) -> None:
    document = contract.to_json()
    del document[key]
    with pytest.raises(SchemaError, match=rf"here.*'{key}' is a required property"):
        Contract.from_json(document, where="here")


SIZES = Sizes(min=188, max=None, modulus=16, residues=(12,))


@pytest.mark.parametrize(
    ("size", "legal", "following"),
    [(187, False, 188), (188, True, 188), (189, False, 204), (172, False, 188)],
)
def test_legal_sizes(size: int, legal: bool, following: int) -> None:
    assert SIZES.legal(size) == legal
    assert SIZES.next_legal(size) == following


def test_static_size_has_no_next() -> None:
    static = Sizes(min=64, max=64, modulus=4, residues=(0,))
    assert static.next_legal(60) == 64
    assert static.next_legal(65) is None


def test_output_size_of_an_illegal_input() -> None:
    with pytest.raises(ValueError, match="Is 5 a legal size"):
        OutputSize(Fraction(1, 2), Fraction(0)).of(5)


def test_metadata_round_trip(contract: Contract) -> None:
    metadata = Metadata(
        contract=contract,
        period=(2, 3),
        train_window=(20, 20),
        percentiles=(1.0, 99.8),
        license="MIT",
        data="own",
    )
    assert (
        Metadata.from_props(metadata.to_props() | {"author": "someone else's key"}, where="test")
        == metadata
    )


@pytest.mark.parametrize(
    ("props", "said"),
    [
        ({"period": "[1,"}, "period"),
        ({"bandwidth": "-1"}, "bandwidth"),
        ({METADATA_KEY: "{}"}, METADATA_KEY),
    ],
)
def test_broken_metadata_names_the_key(props: dict[str, str], said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        Metadata.from_props(props, where="model.onnx")


def test_graph_identity_ignores_weights_and_names_but_not_attributes(
    tmp_path: Path, contract: Contract
) -> None:
    def identity(text: str) -> str:
        path = tmp_path / "other.onnx"
        path.write_bytes(onnx.parser.parse_model(text).SerializeToString())
        return analyze(path).model.graph_sha256

    assert identity(NETWORK) == contract.model.graph_sha256
    assert (
        identity(NETWORK.replace("strides = [2, 3]", "strides = [3, 3]"))
        != contract.model.graph_sha256
    )
    tagged = NETWORK.replace('"": 17]>', '"": 17], metadata_props: ["author": "me"]>')
    assert identity(tagged) == contract.model.graph_sha256
