"""The problem as one picture: the same image stitched from tiles off and on the grid (after Rumberger et al. 2021, Figure 4).

python -m shiftzoo.experiments.seams zoo/dsb2018.onnx zoo/samples/nuclei.tif -o zoo/pictures/seams.png
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from shiftlint.command_line import run
from shiftrun.images import read_pixels
from shiftrun.models import INSTANCE_OUTPUTS, Model, open_model
from shiftrun.plan import Plan


@dataclass(frozen=True, slots=True)
class Stitched:
    """One image run at one tile size: the plan, the outputs by name, the labels."""

    plan: Plan
    outputs: dict[str, NDArray[np.float32]]
    labels: NDArray[np.int32]

    @property
    def objects(self) -> int:
        """Number of objects."""
        return len(np.unique(self.labels[self.labels > 0]))


def stitch(model: Model, image: NDArray[Any], tile: int) -> Stitched:
    """Run `model` on `image` (Y, X) in tiles of `tile` px."""
    plan = model.plan(image.shape, tile=tile, outputs=INSTANCE_OUTPUTS)
    outputs = model.predict(image, tile=tile, outputs=INSTANCE_OUTPUTS)
    return Stitched(plan, outputs, model.labels(outputs))


def draw(model: Model, image: NDArray[Any], tiles: tuple[int, int], out: Path) -> None:
    """Draw image, embeddings and instances for both tile sizes, seams dotted, and what differs from the whole image."""
    from matplotlib.figure import Figure

    whole = stitch(model, image, max(image.shape) + 16 - max(image.shape) % 16)
    shown = [stitch(model, image, tile) for tile in tiles]
    colors = _projection(whole)
    figure = Figure(figsize=(10.5, 7.4), layout="constrained")
    grid = figure.subplots(2, 3)
    for row, one in zip(grid, shown, strict=True):
        differs = np.abs(one.outputs["embedding"] - whole.outputs["embedding"]).max(0)
        tile = one.plan.tile_shape[0]
        row[0].imshow(colors(one))
        row[0].set_title(f"tile {tile}: embeddings")
        row[1].imshow(_label_colors(one.labels))
        row[1].set_title(f"{one.objects} instances")
        row[2].imshow(differs, cmap="magma", vmin=0, vmax=1)
        row[2].set_title(f"{(differs > 0).mean():.0%} of the pixels differ")
        for axes in row:
            axes.set_axis_off()
            for seam in range(tile, image.shape[0], tile):
                axes.axhline(seam - 0.5, color="white", linewidth=0.8, linestyle=":")
            for seam in range(tile, image.shape[1], tile):
                axes.axvline(seam - 0.5, color="white", linewidth=0.8, linestyle=":")
    figure.savefig(out, dpi=110)


def _projection(reference: Stitched) -> Any:
    """Map embeddings to colors: the first three principal components of the reference's foreground."""
    foreground = reference.outputs["foreground"][0] > 0
    points = reference.outputs["embedding"][:, foreground].T
    center = points.mean(0)
    basis = np.linalg.svd(points - center, full_matrices=False)[2][:3].T
    low, high = np.percentile((points - center) @ basis, (1, 99), axis=0)

    def colors(one: Stitched) -> NDArray[np.float32]:
        projected = (np.moveaxis(one.outputs["embedding"], 0, -1) - center) @ basis
        rgb = np.clip((projected - low) / (high - low), 0, 1)
        return np.asarray(np.where(one.outputs["foreground"][0, ..., None] > 0, rgb, 0.0), np.float32)

    return colors


def _label_colors(labels: NDArray[np.int32]) -> NDArray[np.float32]:
    """A color per label, neighbors apart by the golden ratio; black background."""
    from matplotlib.colors import hsv_to_rgb

    hue = (labels * 0.618034) % 1.0
    hsv = np.stack([hue, np.full(hue.shape, 0.65), (labels > 0).astype(float)], -1)
    return np.asarray(hsv_to_rgb(hsv), np.float32)


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("image", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path))
@click.option("--tiles", nargs=2, type=int, default=(148, 144), show_default=True, help="Off and on the grid.")
def main(model: Path, image: Path, out: Path, tiles: tuple[int, int]) -> None:
    """Draw the same image stitched at two tile sizes."""
    draw(open_model(model, force=True), read_pixels(image), tiles, out)


if __name__ == "__main__":
    run(main, "python -m shiftzoo.experiments.seams")
