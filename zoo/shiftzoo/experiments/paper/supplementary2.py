"""Supplementary Figure 2: with zero padding a network knows its position, in every tile anew.

On a constant image the output of a network of valid convolutions and fixed upsampling is constant.
With zero padding it differs near the border, as far as the windows reach. Tiles that are run by
themselves add this border to every seam; tiles that are read with the full halo do not.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from shiftlint.console.whole_files import whole_file
from shiftrun.model.open_model import Model
from shiftzoo.experiments.networks_by_hand import Frame, random_network
from shiftzoo.experiments.outcome import Outcome, at_least, equal, opened

FRAME = Frame(3, 2, 2, padding=1)
IMAGE_PX = 256
TILE_PX = 128


def run(out: Path) -> list[Outcome]:
    """Count px that differ from the center or between tilings; draw supplementary2.png."""
    image = np.ones((IMAGE_PX, IMAGE_PX), np.float32)
    with TemporaryDirectory() as folder:
        model = opened(random_network(FRAME, "fixed"), Path(folder))
        whole = model.session.run(image[None, None], ("embedding",))["embedding"][0]
        halo = model.predict(image, tile=TILE_PX, pad="none", normalize="none")["embedding"]
        naive = _tiles_by_themselves(model, image)
        reach = max(axis.border[0] for axis in model.axes())
    aware = (whole != whole[:, IMAGE_PX // 2, IMAGE_PX // 2, None, None]).any(0)
    changed = (naive != whole).any(0)
    inside = aware[reach:-reach, reach:-reach]
    center = whole[:, IMAGE_PX // 2, IMAGE_PX // 2, None, None]
    _draw(
        out / "supplementary2.png",
        np.abs(whole - center).max(0),
        np.abs(naive - center).max(0),
        changed,
    )
    return [
        at_least("px of a constant image that differ from the center", 1, int(aware.sum())),
        equal(
            f"of these farther than the border of {reach} px that the contract states",
            0,
            int(inside.sum()),
        ),
        at_least(
            f"px that tiles of {TILE_PX} px, each run by itself, change", 1, int(changed.sum())
        ),
        equal(
            f"px that tiles of {TILE_PX} px with the full halo change",
            0,
            int((halo != whole).any(0).sum()),
        ),
    ]


def _tiles_by_themselves(model: Model, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run every tile as a separate image; join the outputs side by side."""
    rows = []
    for y in range(0, IMAGE_PX, TILE_PX):
        tiles = np.stack(
            [image[y : y + TILE_PX, x : x + TILE_PX] for x in range(0, IMAGE_PX, TILE_PX)]
        )[:, None]
        rows.append(
            np.concatenate(list(model.session.run(tiles, ("embedding",))["embedding"]), axis=-1)
        )
    return np.asarray(np.concatenate(rows, axis=-2), np.float32)


def _draw(
    path: Path, whole: NDArray[np.float32], naive: NDArray[np.float32], changed: NDArray[np.bool_]
) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.7), layout="constrained")
    figure.suptitle("Distance of the embedding from that of the central px, on a constant image")
    pictures = {
        "whole image": whole,
        f"tiles of {TILE_PX} px, no halo": naive,
        f"{changed.mean():.0%} of the px differ": changed.astype(np.float32),
    }
    for axes, (title, picture) in zip(figure.subplots(1, 3), pictures.items(), strict=True):
        axes.imshow(picture, cmap="magma", vmax=float(np.percentile(picture, 98)))
        axes.set_title(title)
        axes.set_axis_off()
    with whole_file(path) as draft:
        figure.savefig(draft, dpi=110)
