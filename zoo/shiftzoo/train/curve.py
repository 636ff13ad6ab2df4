"""The training curve of a run: `curve.csv`, drawn as `curve.png`."""

from __future__ import annotations

import csv
from pathlib import Path

from shiftlint.console.whole_files import whole_file

TABLE = "curve.csv"
TERMS = ("pull", "push", "length", "foreground")
COLUMNS = ("step", "seconds", "learning_rate", "loss", *TERMS)


def append(folder: Path, row: tuple[object, ...], *, start: bool = False) -> None:
    """Add a row of `COLUMNS` to the curve, or start it with their names."""
    with (folder / TABLE).open("w" if start else "a", newline="") as file:
        csv.writer(file).writerow(row)


def go_back(folder: Path, step: int) -> None:
    """Drop the rows after `step`, from a session that ended before its next checkpoint."""
    with (folder / TABLE).open(newline="") as file:
        header, *rows = csv.reader(file)
    with whole_file(folder / TABLE) as draft, draft.open("w", newline="") as file:
        csv.writer(file).writerows([header, *(row for row in rows if int(row[0]) <= step)])


def draw(folder: Path) -> None:
    """Draw the curve: every term by step."""
    from matplotlib.figure import Figure  # takes 0.3 s: imported only to draw

    with (folder / TABLE).open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name in COLUMNS[3:]:
        axes.plot(
            [r["step"] for r in rows], [max(r[name], 1e-6) for r in rows], label=name, linewidth=1
        )
    axes.set(
        xlabel="step",
        ylabel="loss term (unweighted)",
        yscale="log",
        title=f"{folder.name}: training curve",
    )
    axes.legend()
    with whole_file(folder / "curve.png") as draft:
        figure.savefig(draft, dpi=120)
