"""The metadata that a model declares: the `metadata_props` of its ONNX file, each value as JSON.

schemas/metadata.schema.json lists the keys. `shiftzoo export` writes them, `shiftlint check`
compares them with the graph, and `shiftrun` takes its defaults from them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from shiftlint.contract.values import METADATA_KEY, Contract
from shiftschemas import SchemaError, validate


@dataclass(frozen=True, slots=True)
class Metadata:
    """The declared properties of a model; None if not declared.

    Attributes
    ----------
    contract : Contract
        As computed when the file was written.
    period, train_window : tuple of int per spatial axis
        In px; `train_window` is the output crop that the loss covered.
    pooling_depth : int
    pooling_factor : tuple (per level) of tuple (per axis) of int
    padding : str
        "valid", or the kinds of padding.
    train_batch : int
    bandwidth : float
        Of mean shift, in units of the embedding.
    percentiles : (low, high)
        From `normalization`, in percent.
    foreground_threshold : float
        On the logit of the output `foreground`.
    min_size : int
        Px; smaller objects are dropped.
    fragment_border : float
        As a fraction of a part's border: parts that share more with a larger object join it.
    unsafe_window : bool
        Trained although the window was not larger than the period.
    license, data, name, description : str
    """

    contract: Contract | None = None
    name: str | None = None
    description: str | None = None
    license: str | None = None
    data: str | None = None
    period: tuple[int, ...] | None = None
    pooling_depth: int | None = None
    pooling_factor: tuple[tuple[int, ...], ...] | None = None
    padding: str | None = None
    train_window: tuple[int, ...] | None = None
    train_batch: int | None = None
    unsafe_window: bool = False
    percentiles: tuple[float, float] | None = None
    bandwidth: float | None = None
    foreground_threshold: float | None = None
    min_size: int | None = None
    fragment_border: float | None = None

    @classmethod
    def from_props(
        cls, props: Mapping[str, str], *, where: str, computed: Contract | None = None
    ) -> Metadata:
        """Read `metadata_props`, checked against the schema; unknown keys are ignored.

        A stored contract with the same text as the `computed` one is not parsed and checked again.

        Raises
        ------
        SchemaError
            A value is not JSON or violates the schema; the message names the key.
        """
        known = {f.name for f in fields(cls)} - {"contract", "percentiles"} | {
            METADATA_KEY,
            "normalization",
        }
        document: dict[str, Any] = {}
        for key in sorted(known & set(props)):
            try:
                document[key] = json.loads(props[key])
            except json.JSONDecodeError as error:
                raise SchemaError(
                    f"metadata is not JSON ({where}, {key}): expected a JSON value, got "
                    f"{props[key]!r}."
                ) from error
        if not document:
            return cls()  # most files; saves importing a validator
        validate(document, "metadata", where=where)
        values = {
            key: _frozen(value)
            for key, value in document.items()
            if key not in {METADATA_KEY, "normalization"}
        }
        if "normalization" in document:
            values["percentiles"] = _frozen(document["normalization"]["percentiles"])
        if METADATA_KEY in document:
            same = computed is not None and props[METADATA_KEY] == computed.dumps()
            values["contract"] = (
                computed
                if same
                else Contract.from_json(document[METADATA_KEY], where=f"{where}, {METADATA_KEY}")
            )
        return cls(**values)

    def to_props(self) -> dict[str, str]:
        """The entries of `metadata_props`: JSON text per key, without None values."""
        values = {
            f.name: getattr(self, f.name)
            for f in fields(self)
            if f.name not in {"contract", "percentiles"}
        }
        if self.percentiles is not None:
            values["normalization"] = {"percentiles": self.percentiles}
        props = {key: json.dumps(value) for key, value in values.items() if value is not None}
        if self.contract is not None:
            props[METADATA_KEY] = self.contract.dumps()
        return dict(sorted(props.items()))


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value
