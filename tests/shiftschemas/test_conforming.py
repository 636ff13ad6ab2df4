"""Documents that the quick check accepts are valid, and it covers the most common documents."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from shiftschemas import load
from shiftschemas.conforming import conforms

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 120),
    st.floats(),
    st.sampled_from(["", "a", "fixed", "1/2", "0" * 64]),
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
    *(
        {"$defs": load("metadata")["$defs"], **one}
        for one in load("metadata")["properties"].values()
    ),
]


BOUNDS = {"minimum", "maximum", "exclusiveMinimum"}  # those that `conforms` knows
LENGTHS: dict[str, Any] = {"minLength": "x", "minItems": [0], "maxItems": [0]}  # one element each
NAMES = sorted(
    entry.name.removesuffix(".schema.json")
    for entry in resources.files("shiftschemas").iterdir()
    if entry.name.endswith(".schema.json")
)


def limits(schema: object) -> Iterator[tuple[str, int]]:
    """Every limit of a number or a length in a schema."""
    if isinstance(schema, dict):
        yield from ((key, value) for key, value in schema.items() if key in BOUNDS | set(LENGTHS))
        schema = list(schema.values())
    for part in schema if isinstance(schema, list) else []:
        yield from limits(part)


LIMITS = sorted({limit for name in NAMES for limit in limits(load(name))})


@pytest.mark.parametrize(("keyword", "limit"), LIMITS)
def test_a_limit_of_a_schema_ends_where_the_validator_says(keyword: str, limit: int) -> None:
    """Both ways, at the limit itself and just before and beyond it."""
    around: list[Any] = (
        [LENGTHS[keyword] * n for n in range(limit + 2)] if keyword in LENGTHS else []
    )
    if keyword in BOUNDS:
        around = [limit - 1, limit, limit + 1, limit - 1e-9, float(limit), limit + 1e-9]
    verdicts = [Draft202012Validator({keyword: limit}).is_valid(document) for document in around]
    assert set(verdicts) == {True, False}
    assert [conforms(document, {keyword: limit}) for document in around] == verdicts


def test_every_kind_of_limit_is_met() -> None:
    assert {keyword for keyword, _ in LIMITS} == BOUNDS | set(LENGTHS)


@given(
    st.sampled_from(SCHEMAS),
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=5),
)
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
    assert conforms(
        metadata | {"shiftlint.contract": CONTRACT, "someone_elses": 1}, load("metadata")
    )
    table = {
        "ignore": ["SL604"],
        "tile": [64, 128],
        "fail-on": "warning",
        "severity": {"SL104": "error"},
    }
    assert conforms(
        table | {"per-model": {"models/*": {"halo": 8, "verify": True}}}, load("settings")
    )


def test_a_keyword_that_is_not_known_is_left_to_the_validator() -> None:
    assert not conforms("x", {"maxLength": 3})
    assert not conforms([], {"$ref": "other.schema.json"})
