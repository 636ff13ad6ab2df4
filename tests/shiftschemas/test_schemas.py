from __future__ import annotations

from importlib import resources

import pytest
from jsonschema import Draft202012Validator

from shiftschemas import Breach, SchemaError, load, validate

NAMES = sorted(
    entry.name.removesuffix(".schema.json")
    for entry in resources.files("shiftschemas").iterdir()
    if entry.name.endswith(".schema.json")
)


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_valid_and_carries_its_name(name: str) -> None:
    schema = load(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"{name}.schema.json"
    assert schema["title"]


@pytest.mark.parametrize(
    ("document", "place", "said"),
    [
        ({"train_window": [20, 0]}, "train_window[1]", "0 is less than the minimum"),
        ({"bandwidth": "wide"}, "bandwidth", "is not of type 'number'"),
        (7, "top level", "is not of type 'object'"),
    ],
)
def test_error_names_document_place_and_expectation(
    document: object, place: str, said: str
) -> None:
    with pytest.raises(SchemaError) as caught:
        validate(document, "metadata", where="model.onnx")
    for part in ("metadata.schema.json", "model.onnx", place, said):
        assert part in str(caught.value)


def test_valid_document_passes() -> None:
    validate({"train_window": [20, 20], "someone_elses": "key"}, "metadata", where="model.onnx")
    with pytest.raises(SchemaError):
        validate({"name": "x"}, "recipe", where="recipe.toml")


def test_a_breach_says_the_same_as_values() -> None:
    with pytest.raises(SchemaError) as caught:
        validate({"per-model": {"*": {"tile": [64, 0]}}}, "settings", where="pyproject.toml")
    # of the key, not of the number that is wrong
    expected = "an integer of at least 1, or a list of up to three"
    assert caught.value.breach == Breach(("per-model", "*", "tile"), expected, [64, 0])
    with pytest.raises(SchemaError) as caught:
        validate({"schema_version": 1, "findings": [], "added": 1}, "baseline", where="known.json")
    breach = caught.value.breach
    assert breach is not None
    assert (breach.path, breach.unknown, breach.known) == (
        (),
        ("added",),
        ("findings", "schema_version"),
    )
