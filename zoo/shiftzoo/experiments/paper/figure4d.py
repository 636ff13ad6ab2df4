"""Figure 4d-f, Supplementary Figure 1: a real image in tiles off and on the 16-px grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftlint.console.whole_files import whole_file
from shiftlint.errors import InputError
from shiftrun.files.reading.images import read_pixels
from shiftrun.model.open_model import INSTANCE_OUTPUTS, Model, open_model
from shiftrun.tiles.plan import Plan
from shiftzoo.experiments.outcome import Outcome, at_least, equal

TILES = (148, 144)  # off and on the grid, px


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
    """Draw embeddings, instances and differences from the whole image for both tile sizes.

    Seams are dotted.
    """
    from matplotlib.figure import Figure

    whole = stitch(model, image, _whole(image))
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
    with whole_file(out) as draft:
        figure.savefig(draft, dpi=110)


def _whole(image: NDArray[Any]) -> int:
    """A tile that holds the whole image."""
    return int(max(image.shape) + 16 - max(image.shape) % 16)


def _projection(reference: Stitched) -> Any:
    """Map embeddings to colors by the first three principal components of the foreground."""
    foreground = reference.outputs["foreground"][0] > 0
    points = reference.outputs["embedding"][:, foreground].T
    center = points.mean(0)
    basis = np.linalg.svd(points - center, full_matrices=False)[2][:3].T
    low, high = np.percentile((points - center) @ basis, (1, 99), axis=0)

    def colors(one: Stitched) -> NDArray[np.float32]:
        projected = (np.moveaxis(one.outputs["embedding"], 0, -1) - center) @ basis
        rgb = np.clip((projected - low) / (high - low), 0, 1)
        return np.asarray(
            np.where(one.outputs["foreground"][0, ..., None] > 0, rgb, 0.0), np.float32
        )

    return colors


def _label_colors(labels: NDArray[np.int32]) -> NDArray[np.float32]:
    """A color per label, hues spaced by the golden ratio; black background."""
    from matplotlib.colors import hsv_to_rgb

    hue = (labels * 0.618034) % 1.0
    hsv = np.stack([hue, np.full(hue.shape, 0.65), (labels > 0).astype(float)], -1)
    return np.asarray(hsv_to_rgb(hsv), np.float32)


def run(out: Path) -> list[Outcome]:
    """Count the px that stitching changes in the zoo's sample; draw figure4d.png."""
    model, sample = (_of_the_clone(name) for name in ("dsb2018.onnx", "samples/nuclei.tif"))
    opened, image = open_model(model, force=True), read_pixels(sample)
    draw(opened, image, TILES, out / "figure4d.png")
    whole, naive, cropped = (stitch(opened, image, tile) for tile in (_whole(image), *TILES))
    off, on = (
        (one.outputs["embedding"] != whole.outputs["embedding"]).any(0).sum()
        for one in (naive, cropped)
    )
    return [
        at_least(f"px of the embedding that tiles of {TILES[0]} px change", 1, int(off)),
        equal(f"px of the embedding that tiles of {TILES[1]} px change", 0, int(on)),
        equal(
            f"px of the labels that tiles of {TILES[1]} px change",
            0,
            int((cropped.labels != whole.labels).sum()),
        ),
    ]


def _of_the_clone(name: str) -> Path:
    path = Path(__file__).parents[3] / name
    if not path.is_file():
        raise InputError(
            f"no such file ({path}): expected the zoo of a clone of the repository. Run pip "
            "install -e there."
        )
    return path
