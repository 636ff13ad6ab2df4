"""The metadata that `shiftlint fix` stores in the file, as keys and values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from shiftlint.analysis.derive_contract import contract_of
from shiftlint.contract.metadata import Metadata
from shiftlint.contract.values import METADATA_KEY, Contract
from shiftlint.errors import InputError

if TYPE_CHECKING:
    import onnx
from shiftlint.fix.model_file import graph_of


def with_metadata(
    model: onnx.ModelProto, given: Mapping[str, str], *, where: str, input_name: str | None
) -> Contract:
    """Store the model's current contract, its period and padding, and `given`; return the contract.

    Raises
    ------
    InputError
        As in `shiftlint.analyze`.
    SchemaError
        A given value violates the metadata schema.
    """
    contract = contract_of(graph_of(model), where=where, input_name=input_name)
    props = {entry.key: entry.value for entry in model.metadata_props}
    for stale in (METADATA_KEY, "period", "padding"):
        props.pop(stale, None)
    own = Metadata(contract, period=_period(contract), padding=_padding(contract)).to_props()
    props |= {key: value for key, value in own.items() if key != "unsafe_window"} | dict(given)
    Metadata.from_props(props, where=where)
    del model.metadata_props[:]
    for key, value in sorted(props.items()):
        model.metadata_props.add(key=key, value=value)
    return contract


def _period(contract: Contract) -> tuple[int, ...] | None:
    """The period per axis of the first output with a period on all axes."""
    for output in contract.outputs:
        periods = [axis.period for axis in output.axes if axis.period]
        if periods and len(periods) == len(output.axes):
            return tuple(periods)
    return None


def _padding(contract: Contract) -> str:
    kinds = sorted(
        {p.kind for output in contract.outputs for axis in output.axes for p in axis.padding}
    )
    return ", ".join(kinds) or "valid"


def parse_values(pairs: Iterable[str]) -> dict[str, str]:
    """Parse KEY=VALUE; a value that is not JSON is text. InputError if there is no `=`."""
    import json

    values = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise InputError(f"wrong metadata (--set): expected KEY=VALUE, got {pair!r}.")
        try:
            json.loads(text)
        except ValueError:
            text = json.dumps(text)
        values[key.strip()] = text
    return values
