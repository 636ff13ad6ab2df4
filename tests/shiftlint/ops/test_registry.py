"""The registry against the ONNX standard: every operator, every opset since 7, every attribute."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import defs

from shiftlint.ops.registry import Transfer, find, registry, signature, transfer

FIRST, LAST = 7, defs.onnx_opset_version()


def _schemas() -> dict[tuple[str, int], defs.OpSchema]:
    """The schema of every operator that is not deprecated, at every opset at which one begins."""
    found = {}
    for schema in defs.get_all_schemas_with_history():
        if schema.domain == "" and not schema.deprecated:
            opset = max(schema.since_version, FIRST)
            current = defs.get_schema(schema.name, opset, "")
            if current.since_version == schema.since_version:
                found[schema.name, opset] = current
    return found


SCHEMAS = _schemas()
IDS = [f"{name}-{opset}" for name, opset in SCHEMAS]


def test_the_walk_finds_the_standard() -> None:
    assert {"Conv", "Upsample", "Loop", "Attention"} <= {name for name, _ in SCHEMAS}
    assert len({name for name, _ in SCHEMAS}) > 195


@pytest.mark.parametrize(("name", "opset"), list(SCHEMAS), ids=IDS)
def test_every_operator_has_a_transfer_function(name: str, opset: int) -> None:
    known = find(name, "", opset)
    assert known is not None, f"{name} of opset {opset}"
    schema = SCHEMAS[name, opset]
    assert known.any_attribute or set(schema.attributes) <= known.attributes
    if known.maximum_inputs is not None:
        assert schema.max_input <= known.maximum_inputs
    if not known.any_attribute:
        assert schema.min_input >= known.minimum_inputs


@pytest.mark.parametrize(("name", "opset"), list(SCHEMAS), ids=IDS)
def test_every_operator_explains_itself(name: str, opset: int) -> None:
    known = find(name, "", opset)
    assert known is not None
    assert (
        (known.function.__doc__ or "")
        .rstrip()
        .rsplit("\n", 1)[-1]
        .strip()
        .startswith("Spec: https://")
    )


def _opsets_by_function() -> dict[tuple[str, int], tuple[Transfer, set[str]]]:
    """Per registered function: the attributes of all schemas that it stands for."""
    result: dict[tuple[str, int], tuple[Transfer, set[str]]] = {}
    for (name, opset), schema in SCHEMAS.items():
        known = find(name, "", opset)
        if known is not None and not known.any_attribute:
            result.setdefault((name, known.since), (known, set()))[1].update(schema.attributes)
    return result


@pytest.mark.parametrize(
    ("known", "attributes"), _opsets_by_function().values(), ids=map(str, _opsets_by_function())
)
def test_no_attribute_is_invented(known: Transfer, attributes: set[str]) -> None:
    assert known.attributes <= attributes


@pytest.mark.parametrize(("name", "opset"), list(SCHEMAS), ids=IDS)
def test_defaults_are_those_of_the_standard(name: str, opset: int) -> None:
    known = find(name, "", opset)
    assert known is not None
    if known.any_attribute:
        return
    given = signature(known.function)
    for attribute in SCHEMAS[name, opset].attributes.values():
        if attribute.required or not attribute.default_value.name:
            continue
        expected = onnx.helper.get_attribute_value(attribute.default_value)
        actual = given.parameters[attribute.name].default
        if isinstance(expected, bytes):
            assert actual == expected.decode()
        elif isinstance(expected, int | float):
            np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_registering_twice_raises() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        transfer("Conv", since=1)(lambda x: x)


def test_optimizer_operators_are_known() -> None:
    fused = {
        "FusedConv",
        "NhwcFusedConv",
        "FusedMatMul",
        "BiasGelu",
        "QLinearAdd",
        "SkipLayerNormalization",
        "GroupNorm",
    }
    assert all(("com.microsoft", name) in registry() for name in fused)
    blocked = {
        "Conv",
        "MaxPool",
        "AveragePool",
        "ReorderInput",
        "ReorderOutput",
        "Upsample",
        "GlobalAveragePool",
    }
    assert all(("com.microsoft.nchwc", name) in registry() for name in blocked)


def test_all_versions_of_an_operator_stand_in_one_module() -> None:
    """The modules are imported until one registers an operator."""
    for (domain, name), versions in registry().items():
        assert len({known.function.__module__ for known in versions}) == 1, f"{domain}::{name}"
