"""What the quick answer calls conforming, a validator does; and it knows the documents that are read most."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from shiftschemas import load
from shiftschemas.conforming import conforms

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 120), st.floats(), st.sampled_from(["", "a", "fixed", "1/2", "0" * 64])
)
DEFINED = load("contract")["$defs"]
CONTRACT: dict[str, Any] = {
    "schema_version": 1,
    "model": {"graph_sha256": "0" * 64, "opset": {"ai.onnx": 17}, "producer": ""},
    "input": {"name": "image", "shape": ["n", 1, "h", "w"], "dtype": "float32", "batch": "fixed"},
    "outputs": [],
}
SCHEMAS: list[dict[str, Any]] = [
    *({"$defs": DEFINED, "$ref": f"#/$defs/{name}"} for name in ("shape", "pair")),
    *({"$defs": DEFINED, **one} for one in DEFINED["axis"]["properties"].values()),
    *({"$defs": load("metadata")["$defs"], **one} for one in load("metadata")["properties"].values()),
]


@given(st.sampled_from(SCHEMAS), st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=5))
@example({"const": 1}, True)
@example({"enum": [0]}, False)
@example({"type": "integer"}, True)
def test_what_conforms_is_valid(schema: dict[str, Any], document: object) -> None:
    if conforms(document, schema):
        assert Draft202012Validator(schema).is_valid(document)


@pytest.mark.parametrize("key", ["model", "input", "outputs", "schema_version", "added"])
@given(value=st.one_of(SCALARS, st.dictionaries(st.sampled_from(["name", "opset"]), SCALARS)))
def test_what_conforms_is_a_contract(key: str, value: object) -> None:
    document = CONTRACT | {key: value}
    if conforms(document, load("contract")):
        assert Draft202012Validator(load("contract")).is_valid(document)


def test_usual_documents_are_known() -> None:
    assert conforms(CONTRACT, load("contract"))
    metadata = {
        "period": [16, 16],
        "normalization": {"percentiles": [1, 99.8]},
        "bandwidth": 0.5,
        "unsafe_window": False,
        "data": "x",
    }
    assert conforms(metadata | {"shiftlint.contract": CONTRACT, "someone_elses": 1}, load("metadata"))


def test_a_keyword_that_is_not_known_is_left_to_the_validator() -> None:
    assert not conforms("x", {"maxLength": 3})
    assert not conforms([], {"$ref": "other.schema.json"})
