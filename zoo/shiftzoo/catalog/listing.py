"""The zoo in the terminal: the table of `shiftzoo list`, and a card."""

from __future__ import annotations

from pathlib import Path

from shiftrun.fetch.index import Entry, Index, file_sha256, is_address


def models_table(index: Index) -> str:
    """One line per model: name, version, size, first measured precision, location, description."""
    rows = [("name", "version", "MB", "period", "AP50", "where", "description")]
    for entry in index.entries:
        metrics = entry.document["metrics"]
        precision = f"{metrics[0]['ap50']:.3f}" if metrics else ""
        period = ",".join(map(str, entry.document["contract"]["period"]))
        size = f"{entry.bytes / 1e6:.1f}"
        rows.append(
            (
                entry.name,
                entry.version,
                size,
                period,
                precision,
                whereabouts(index, entry),
                entry.description,
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def whereabouts(index: Index, entry: Entry) -> str:
    """`here` (next to the index or in a folder), `cached`, or `to be fetched`."""
    for place in index.places:
        path = Path(place) / entry.file
        if not is_address(place) and path.is_file() and file_sha256(path) == entry.sha256:
            return "here"
    from shiftrun.fetch.download import cached

    return "cached" if cached(entry) else "to be fetched"


def describe(index: Index, entry: Entry) -> None:
    """Print the card next to the index; if there is none, the entry of the index."""
    from rich.console import Console
    from rich.markdown import Markdown

    home = index.places[0]
    card = Path(home) / f"{entry.name}.md"
    if not is_address(home) and card.is_file():
        text = card.read_text(encoding="utf-8")
    else:
        metrics = [
            f"| {m['data']} | {m['images']} | {m['ap50']:.3f} | {m['ap70']:.3f} |"
            for m in entry.document["metrics"]
        ]
        text = "\n".join(
            [
                f"# {entry.name} {entry.version}",
                f"{entry.description}.\n\nLicense: {entry.license}.",
                f"\nFile: `{entry.file}`, {entry.bytes} bytes, `{entry.sha256}`\n",
                "| data | images | AP50 | AP70 |",
                "|---|---|---|---|",
                *metrics,
            ]
        )
    Console().print(Markdown(text))
