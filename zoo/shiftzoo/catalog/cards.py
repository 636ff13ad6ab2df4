"""Model cards: `NAME.md` from the metadata of `NAME.onnx`, the prose in `cards/NAME.toml` and the
reports of `shiftzoo evaluate`.

A report belongs to one file: it records the sha256 of the measured model. A card with a report of
a different file is refused.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shiftlint import analyze, read_metadata
from shiftlint.contract.metadata import Metadata
from shiftlint.contract.values import Contract
from shiftlint.errors import InputError
from shiftrun.fetch.index import file_sha256
from shiftschemas import validate
from shiftzoo.evaluation.metrics import THRESHOLDS
from shiftzoo.evaluation.tables import tile_rows

COLUMNS = (
    "data",
    "images",
    "objects",
    "AP50",
    "AP60",
    "AP70",
    "AP80",
    "AP90",
    "AP50 by image",
    "PQ",
    "splits",
    "merges",
    "watershed AP50",
)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One report of `shiftzoo evaluate --output-format json`, with its command and data."""

    data: str
    command: str
    report: dict[str, Any]

    @property
    def by_tile(self) -> bool:
        """Whether the report compares tile sizes."""
        return any(one["tile"] is not None for one in self.report["evaluations"])


@dataclass(frozen=True, slots=True)
class Card:
    """The contents of a card.

    Attributes
    ----------
    path : Path
        The ONNX file.
    metadata : Metadata
    contract : Contract
    prose : dict
        As in schemas/card.schema.json.
    measurements : tuple of Measurement
    """

    path: Path
    metadata: Metadata
    contract: Contract
    prose: dict[str, Any]
    measurements: tuple[Measurement, ...]

    @property
    def by_hand(self) -> bool:
        """Whether NAME.md is written by hand, not by `card_text`."""
        return "by_hand" in self.prose

    @property
    def version(self) -> str:
        """The version of the model."""
        return str(self.prose["version"])


def read_card(model: Path) -> Card:
    """Collect the contents of the card of `model` (zoo/NAME.onnx).

    Raises
    ------
    InputError
        The model, `cards/NAME.toml`, a report or a picture is missing or broken, or a report
        belongs to a different file.
    SchemaError
        The prose breaks schemas/card.schema.json.
    """
    metadata = read_metadata(model)
    source = model.parent / "cards" / f"{model.stem}.toml"
    try:
        prose = tomllib.loads(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            f"no card ({source}): expected TOML as in schemas/card.schema.json, got: {error}."
        ) from error
    validate(prose, "card", where=str(source))
    for picture in prose.get("picture", []):
        if not (model.parent / picture["file"]).is_file():
            raise InputError(
                f"picture is missing ({source}): expected {model.parent / picture['file']}."
            )
    sha256 = file_sha256(model)
    measurements = tuple(
        Measurement(row["data"], row["command"], _read_report(model.parent / row["report"], sha256))
        for row in prose["measurement"]
    )
    return Card(model, metadata, analyze(model), prose, measurements)


def _read_report(path: Path, sha256: str) -> dict[str, Any]:
    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        measured = report["sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"no report ({path}): expected the JSON of shiftzoo evaluate, got: {error!r}."
        ) from error
    if measured != sha256:
        raise InputError(
            f"report of another file ({path}): expected sha256 {sha256[:12]}…, got "
            f"{measured[:12]}…. Measure again."
        )
    return report


def card_text(card: Card) -> str:
    """The card as Markdown."""
    name, meta, prose = card.path.stem, card.metadata, card.prose
    sections = [
        f"# {name} {card.version}",
        f"{meta.description}.",
        _facts(card),
        f"## Use\n\n{prose['use'].strip()}\n\n```sh\nshiftrun segment {name} image.tif -o "
        "labels.tif\n```",
        f"## Training\n\n{prose['training'].strip()}\n\nData: {meta.data}.\n\nLicense: "
        f"{meta.license}.",
        f"## Measured\n\n{_measured(card.measurements)}",
        *(f"## Tiles\n\n{_tiles(one)}" for one in card.measurements if one.by_tile),
        f"## Where it fails\n\n{prose['limits'].strip()}",
        *(
            f"![{picture['caption']}]({picture['file']})\n\n{picture['caption']}"
            for picture in prose.get("picture", [])
        ),
    ]
    return "\n\n".join(sections) + "\n"


def _facts(card: Card) -> str:
    meta, output = card.metadata, card.contract.outputs[0]
    axes = [axis.name for axis in output.axes]
    sizes = [f"{a.sizes.min} + {a.sizes.modulus}·k" for a in output.axes if a.sizes is not None]
    rows = {
        "file": f"`{card.path.name}`, {card.path.stat().st_size} bytes",
        "sha256": f"`{file_sha256(card.path)}`",
        f"period ({', '.join(axes)})": ", ".join(str(axis.period) for axis in output.axes),
        "padding": str(meta.padding),
        "input sizes, px": ", ".join(sizes),
        "training window, px": ", ".join(map(str, meta.train_window or ())),
        "output functions (period product)": str(output.capacity),
        "upsampling": output.upsampling,
        "normalization": (
            f"percentiles {', '.join(f'{p:g}' for p in meta.percentiles or ())} of the image to 0 "
            "and 1"
        ),
        "mean shift": f"bandwidth {meta.bandwidth:g}",
        "objects": f"foreground logit > {meta.foreground_threshold:g}, at least {meta.min_size} px",
        "fragments": (
            "join the larger object if their border with it is longer than "
            f"{meta.fragment_border or 0:g}·√area"
        ),
    }
    return "| | |\n|---|---|\n" + "\n".join(f"| {key} | {value} |" for key, value in rows.items())


def _measured(measurements: tuple[Measurement, ...]) -> str:
    lines, commands = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)], []
    for one in measurements:
        if one.by_tile:
            continue
        row, report = one.report["evaluations"][0], one.report
        precision = " | ".join(f"{row['ap'][str(t)]:.3f}" for t in THRESHOLDS)
        watershed = f"{report['watershed']['ap']['0.5']:.3f}" if "watershed" in report else ""
        lines.append(
            f"| {one.data} | {report['images']} | {row['true']} | {precision} | "
            f"{row['ap_image_mean']['0.5']:.3f} | "
            f"{row['panoptic_quality']:.3f} | {row['false_splits']} | {row['false_merges']} | "
            f"{watershed} |"
        )
        commands.append(one.command)
    legend = (
        "AP is TP / (TP + FP + FN) over all objects; by image: its mean over the images. PQ: "
        "panoptic quality. Measured by"
    )
    return "\n".join(lines) + f"\n\n{legend}\n\n```sh\n" + "\n".join(commands) + "\n```"


def _tiles(one: Measurement) -> str:
    table = tile_rows(one.report["evaluations"])
    legend = "Parts along a seam: objects that clustering cuts there, before their parts join."
    return (
        f"{one.data}, stitched from tiles of several "
        f"sizes:\n\n{table}\n\n{legend}\n\n```sh\n{one.command}\n```"
    )
