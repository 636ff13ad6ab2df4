"""Draw the images of a data set on which a model is worst, with its mistakes.

python -m shiftzoo.evaluation.worst_images zoo/bbbc006.onnx data/dsb2018 --shape 520,696 -o
zoo/pictures/bbbc006_failures.png

Blue: found (IoU of at least 0.5). Red: missed true objects. Yellow: predictions that match no true
object. For a volume, the plane with the most mistakes is drawn.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from shiftlint.console.exit_codes import run
from shiftlint.console.option_types import SizesType
from shiftlint.console.whole_files import whole_file
from shiftrun.model.open_model import Model, open_model
from shiftzoo.data.labeled_images import Sample, of_shape, read_samples
from shiftzoo.evaluation.metrics import count, intersection_over_union

COLORS = {"found": "deepskyblue", "missed": "red", "wrong": "yellow"}


def mistakes(truth: NDArray[Any], prediction: NDArray[Any]) -> dict[str, NDArray[np.int32]]:
    """Label images of found, missed and wrong objects."""
    iou = intersection_over_union(truth, prediction) >= 0.5
    true_names, names = (np.unique(labels)[np.unique(labels) > 0] for labels in (truth, prediction))
    found = np.isin(truth, true_names[iou.any(1)])
    wrong = np.isin(prediction, names[~iou.any(0)])
    return {
        "found": np.where(found, truth, 0),
        "missed": np.where(found, 0, truth),
        "wrong": np.where(wrong, prediction, 0),
    }


def draw_mistakes(axes: Axes, sample: Sample, prediction: NDArray[np.int32]) -> None:
    """Draw the image (or the plane with the most mistakes) and the outlines."""
    kinds = mistakes(sample.label, prediction)
    image = sample.image
    if image.ndim == 3:
        bad = (kinds["missed"] > 0) | (kinds["wrong"] > 0)
        plane = int(np.argmax(bad.sum((1, 2))))
        image, kinds = image[plane], {kind: labels[plane] for kind, labels in kinds.items()}
    low, high = np.percentile(sample.image, (1, 99.8))
    axes.imshow(np.clip((image - low) / (high - low), 0, 1) ** 0.6, cmap="gray")
    for kind, labels in kinds.items():
        for name in np.unique(labels[labels > 0]):
            axes.contour(
                labels == name,
                [0.5],
                colors=COLORS[kind],
                linewidths=1.0 if kind == "found" else 1.4,
            )
    precision = count(sample.label, prediction).average_precision(0.5)
    axes.set_title(f"{sample.name[:14]}: AP50 {precision:.2f}", fontsize=9)
    axes.set_axis_off()


def worst(
    model: Model, samples: list[Sample], number: int
) -> list[tuple[Sample, NDArray[np.int32]]]:
    """The samples with the lowest precision, each with the model's labels."""
    pairs = [(sample, model.segment(sample.image)) for sample in samples]
    return sorted(pairs, key=lambda pair: count(pair[0].label, pair[1]).average_precision(0.5))[
        :number
    ]


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--split", default="val", show_default=True)
@click.option("--shape", type=SizesType(), help="Use only images of this shape, such as 520,696.")
@click.option(
    "--count",
    "number",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="Images to draw.",
)
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path))
def main(
    model: Path, data: Path, split: str, shape: tuple[int, ...] | None, number: int, out: Path
) -> None:
    """Draw the images on which the model is worst."""
    from matplotlib.figure import Figure

    chosen = worst(open_model(model), of_shape(read_samples(data, split), shape), number)
    height, width = chosen[0][0].image.shape[-2:]
    figure = Figure(figsize=(5.5 * len(chosen), 5.5 * height / width + 0.4), layout="constrained")
    for axes, (sample, prediction) in zip(
        figure.subplots(1, len(chosen), squeeze=False)[0], chosen, strict=True
    ):
        draw_mistakes(axes, sample, prediction)
    with whole_file(out) as draft:
        figure.savefig(draft, dpi=100, bbox_inches="tight")


if __name__ == "__main__":
    run(main, "python -m shiftzoo.evaluation.worst_images")
