"""Evaluations as text, JSON and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shiftlint.console.whole_files import whole_file
from shiftrun.model.open_model import Model
from shiftzoo.evaluation.evaluate import Evaluation
from shiftzoo.evaluation.metrics import THRESHOLDS, Counts, total

TILE_COLUMNS = (
    "output tile, px",
    "exact",
    "AP50",
    "false splits",
    "parts along a seam",
    "same lines, no seams",
    "false merges",
    "distant merges",
)


def precision_table(evaluation: Evaluation, baseline: Sequence[Counts] | None = None) -> str:
    """Markdown: precision by IoU threshold, over the data set and as mean over the images.

    The watershed's columns follow if `baseline` is given.
    """
    columns = {"": evaluation.counts} | (
        {"watershed: ": tuple(baseline)} if baseline is not None else {}
    )
    header = [
        f"{prefix}{kind}"
        for prefix in columns
        for kind in ("AP over the data set", "AP, mean over images")
    ]
    lines = [f"| IoU | {' | '.join(header)} |", "|---|" + "---|" * len(header)]
    for t in THRESHOLDS:
        cells = [
            f"{value:.3f}"
            for counts in columns.values()
            for value in (
                total(counts).average_precision(t),
                np.mean([c.average_precision(t) for c in counts]),
            )
        ]
        lines.append(f"| {t} | {' | '.join(cells)} |")
    return "\n".join(lines)


def tile_table(evaluations: Sequence[Evaluation]) -> str:
    """Markdown: AP50 and mistakes by tile size."""
    return tile_rows([_row(one) for one in evaluations])


def tile_rows(rows: Sequence[dict[str, Any]]) -> str:
    """The same table from the `evaluations` of a report."""
    lines = [f"| {' | '.join(TILE_COLUMNS)} |", "|---" * len(TILE_COLUMNS) + "|"]
    for row in rows:
        size = "default" if row["tile"] is None else str(row["tile"])
        seams = (
            " | | "
            if row["tile"] is None
            else f" | {row['seam_splits']} | {row['seamless_splits']} "
        )
        lines.append(
            f"| {size} | {'yes' if row['exact'] else '**no**'} | {row['ap']['0.5']:.3f} | "
            f"{row['false_splits']}{seams}| "
            f"{row['false_merges']} | {row['distant_merges']} |"
        )
    return "\n".join(lines)


def to_json(
    evaluations: Sequence[Evaluation], model: Model, baseline: Sequence[Counts] | None = None
) -> dict[str, Any]:
    """The report of `shiftzoo evaluate --output-format json`."""
    report = {
        "model": model.path.name,
        "sha256": model.sha256,
        "images": len(evaluations[0].names),
        "evaluations": [_row(one) for one in evaluations],
    }
    return report | ({"watershed": measures(baseline)} if baseline is not None else {})


def _row(one: Evaluation) -> dict[str, Any]:
    return {
        "tile": one.tile,
        "exact": one.exact,
        **measures(one.counts),
        "seam_splits": sum(one.seam_splits),
        "seamless_splits": sum(one.seamless_splits),
        "distant_merges": sum(one.distant_merges),
    }


def measures(counts: Sequence[Counts]) -> dict[str, Any]:
    """The figures of a data set, rounded to 4 digits."""
    whole = total(counts)
    return {
        "ap": {str(t): round(whole.average_precision(t), 4) for t in THRESHOLDS},
        "ap_image_mean": {
            str(t): round(float(np.mean([c.average_precision(t) for c in counts])), 4)
            for t in THRESHOLDS
        },
        "panoptic_quality": round(whole.panoptic_quality, 4),
        "true": whole.true,
        "predicted": whole.predicted,
        "false_splits": whole.splits,
        "false_merges": whole.merges,
    }


def draw_tile_figure(evaluations: Sequence[Evaluation], title: str, out: Path) -> None:
    """Draw AP50 and false splits by tile size, naive and cropped to n·f^l.

    Rumberger et al. 2021, Figure 6.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    quality, splits = figure.subplots(1, 2)
    styles = {
        False: ("naive", "tab:red", "o", "--"),
        True: ("cropped to n·f^l", "tab:blue", "s", "-"),
    }
    for exact, (label, color, marker, line) in styles.items():
        chosen = sorted(
            (e for e in evaluations if e.exact is exact and e.tile is not None),
            key=lambda e: e.tile or 0,
        )
        tiles = [e.tile for e in chosen]
        style = {"color": color, "marker": marker, "linestyle": line, "markersize": 4}
        quality.plot(tiles, [e.total.average_precision(0.5) for e in chosen], label=label, **style)
        splits.plot(tiles, [e.total.splits for e in chosen], label=label, **style)
        if not exact:
            seams = [sum(e.seam_splits) for e in chosen]
            label = "naive, parts along a seam"
            splits.plot(
                tiles,
                seams,
                label=label,
                color="tab:orange",
                marker="^",
                linestyle=":",
                markersize=4,
            )
    quality.set(xlabel="output tile, px", ylabel="AP50 over the data set", ylim=(0, 1))
    splits.set(xlabel="output tile, px", ylabel="false splits", ylim=(0, None))
    splits.yaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (quality, splits):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    figure.suptitle(title, fontsize=10)
    with whole_file(out) as draft:
        figure.savefig(draft, dpi=120)
