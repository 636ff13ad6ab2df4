"""The index of a folder of models: one row per `NAME.onnx` that has a card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shiftlint.errors import InputError
from shiftrun.fetch.index import file_sha256
from shiftschemas import validate
from shiftzoo.catalog.cards import Card, read_card


def index_document(cards: list[Card], mirrors: tuple[str, ...] = ()) -> dict[str, Any]:
    """The index of these models, as in schemas/index.schema.json."""
    document = {
        "schema_version": 1,
        "mirrors": list(mirrors),
        "models": [index_row(card) for card in sorted(cards, key=lambda card: card.path.stem)],
    }
    validate(document, "index", where="index.json")
    return document


def index_row(card: Card) -> dict[str, Any]:
    """The row of one model."""
    output = card.contract.outputs[0]
    return {
        "name": card.path.stem,
        "version": card.version,
        "description": card.metadata.description,
        "license": card.metadata.license,
        "file": card.path.name,
        "card": f"{card.path.stem}.md",
        "bytes": card.path.stat().st_size,
        "sha256": file_sha256(card.path),
        "contract": {
            "graph_sha256": card.contract.model.graph_sha256,
            "period": [axis.period for axis in output.axes],
            "padding": card.metadata.padding,
            "capacity": output.capacity,
        },
        "metrics": [
            {
                "data": one.data,
                "command": one.command,
                "images": one.report["images"],
                "ap50": one.report["evaluations"][0]["ap"]["0.5"],
                "ap70": one.report["evaluations"][0]["ap"]["0.7"],
            }
            for one in card.measurements
            if not one.by_tile
        ],
    }


def read_cards(folder: Path) -> list[Card]:
    """The cards of all models in `folder` that have one; InputError as `read_card`, or if none."""
    cards = [
        read_card(model)
        for model in sorted(folder.glob("*.onnx"))
        if (folder / "cards" / f"{model.stem}.toml").is_file()
    ]
    if not cards:
        raise InputError(
            f"no models ({folder}): expected NAME.onnx with cards/NAME.toml, got none."
        )
    return cards


def index_text(document: dict[str, Any]) -> str:
    """An index as it is written to disk."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
