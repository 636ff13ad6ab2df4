"""Evaluation of a model on labeled images: precision, splits and merges, and how they depend on the tile size.

The tile table is the experiment of the paper's Figure 6: every image is stitched from tiles of a given output size, naively where
the size is no multiple of the step, and everything behind the embedding stays the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shiftrun.models import INSTANCE_OUTPUTS, Model
from shiftzoo.datasets import Sample
from shiftzoo.metrics import THRESHOLDS, Counts, count, total
from shiftzoo.phases import outputs_by_tile


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The counts of every image, in order.

    Attributes
    ----------
    tile : int or None
        Output px per tile; None for whole images or the default tile.
    exact : bool
        Whether the tiles equal the whole image.
    names : tuple of str
    counts : tuple of Counts
    """

    tile: int | None
    exact: bool
    names: tuple[str, ...]
    counts: tuple[Counts, ...]

    @property
    def total(self) -> Counts:
        """The sum over the data set."""
        return total(self.counts)

    def mean_precision(self, threshold: float = 0.5) -> float:
        """Average precision, mean over the images."""
        return float(np.mean([c.average_precision(threshold) for c in self.counts]))


def evaluate(
    model: Model,
    samples: Sequence[Sample],
    *,
    tiles: tuple[int | None, ...] = (None,),
    progress: Callable[[int, int], None] | None = None,
) -> list[Evaluation]:
    """Segment every sample with the model's defaults, once per tile size, and compare with its labels.

    Parameters
    ----------
    tiles : tuple of int or None
        Output px per tile, None for the default; a size that is no multiple of the step needs a model opened with `force`.
    progress : callable (images done, images in all), optional

    Raises
    ------
    InputError
        As `Model.segment`.
    """
    counts: dict[int | None, list[Counts]] = {tile: [] for tile in tiles}
    exact = dict.fromkeys(tiles, True)
    for done, sample in enumerate(samples, start=1):
        for tile, outputs in outputs_by_tile(model, sample.image, tiles).items():
            counts[tile].append(count(sample.label, model.labels(outputs)))
            if tile is not None:
                exact[tile] &= model.plan(sample.image.shape, tile=tile, outputs=INSTANCE_OUTPUTS).exact
        if progress is not None:
            progress(done, len(samples))
    names = tuple(sample.name for sample in samples)
    return [Evaluation(tile, exact[tile], names, tuple(counts[tile])) for tile in tiles]


def precision_table(evaluation: Evaluation) -> str:
    """Markdown: precision by IoU threshold, over the data set and as mean over the images."""
    whole = evaluation.total
    lines = ["| IoU | AP over the data set | AP, mean over images |", "|---|---|---|"]
    lines += [f"| {t} | {whole.average_precision(t):.3f} | {evaluation.mean_precision(t):.3f} |" for t in THRESHOLDS]
    return "\n".join(lines)


def tile_table(evaluations: Sequence[Evaluation]) -> str:
    """Markdown: AP50, false splits and merges by tile size."""
    lines = ["| output tile, px | exact | AP50 | false splits | false merges |", "|---|---|---|---|---|"]
    for one in evaluations:
        whole = one.total
        size = "default" if one.tile is None else str(one.tile)
        exact = "yes" if one.exact else "**no**"
        lines.append(f"| {size} | {exact} | {whole.average_precision(0.5):.3f} | {whole.splits} | {whole.merges} |")
    return "\n".join(lines)


def to_json(evaluations: Sequence[Evaluation], model: Path) -> dict[str, object]:
    """The report of `shiftzoo evaluate --output-format json`."""
    return {
        "model": str(model),
        "images": len(evaluations[0].names),
        "evaluations": [
            {
                "tile": one.tile,
                "exact": one.exact,
                "ap": {str(t): round(one.total.average_precision(t), 4) for t in THRESHOLDS},
                "ap_image_mean": {str(t): round(one.mean_precision(t), 4) for t in THRESHOLDS},
                "panoptic_quality": round(one.total.panoptic_quality, 4),
                "true": one.total.true,
                "predicted": one.total.predicted,
                "false_splits": one.total.splits,
                "false_merges": one.total.merges,
            }
            for one in evaluations
        ],
    }
