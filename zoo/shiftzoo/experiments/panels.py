"""Pictures of disks as networks see them: embeddings at the top, clusters at the bottom."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shiftlint.console.whole_files import whole_file
from shiftzoo.experiments.counting import Seen

FLAT = 1e-2  # largest spread of the embedding that is drawn gray; means are pushed 6 apart


@dataclass(frozen=True, slots=True)
class Panel:
    """A column of a picture.

    Attributes
    ----------
    title, count : str
        Titles of the embedding and of the clusters.
    seen : Seen
    reference : Seen
        Its embeddings set the range of the colors.
    seams_px : int
        Distance of the dotted lines; 0 for none.
    framed : array of int32, optional
        Disks to draw a frame around.
    """

    title: str
    count: str
    seen: Seen
    reference: Seen
    seams_px: int = 0
    framed: NDArray[np.int32] | None = None


def draw(path: Path, panels: list[Panel], *, shown_px: int | None = None) -> None:
    """Draw the panels side by side, or only the first `shown_px` px of both axes of each."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.4 * len(panels), 7.2), layout="constrained")
    for (above, below), panel in zip(figure.subplots(2, len(panels)).T, panels, strict=True):
        above.imshow(_embedding_colors(panel.seen, panel.reference))
        above.set_title(panel.title)
        below.imshow(_cluster_colors(panel.seen.clusters))
        below.set_title(panel.count)
        for axes in (above, below):
            axes.set_axis_off()
            for seam in range(
                panel.seams_px, len(panel.seen.truth) if panel.seams_px else 0, panel.seams_px or 1
            ):
                axes.axhline(seam - 0.5, color="white", linewidth=0.5, linestyle=":")
                axes.axvline(seam - 0.5, color="white", linewidth=0.5, linestyle=":")
            if panel.framed is not None:
                y, x = np.isin(panel.seen.truth, panel.framed).nonzero()
                left, right, top, bottom = x.min() - 3, x.max() + 3, y.min() - 3, y.max() + 3
                axes.plot(
                    [left, right, right, left, left],
                    [top, top, bottom, bottom, top],
                    color="white",
                    linewidth=1,
                )
            if shown_px is not None:
                axes.set(xlim=(-0.5, shown_px - 0.5), ylim=(shown_px - 0.5, -0.5))
    with whole_file(path) as draft:
        figure.savefig(draft, dpi=90)


def _embedding_colors(seen: Seen, reference: Seen) -> NDArray[np.float32]:
    """The principal components of the reference's embedding as red, green, blue.

    Components that vary by less than FLAT are gray.
    """
    points = reference.embedding[:, reference.truth > 0].T
    center = points.mean(0)
    basis = np.linalg.svd(points - center, full_matrices=False)[2].T
    low, high = np.percentile((points - center) @ basis, (1, 99), axis=0)
    stretched = ((np.moveaxis(seen.embedding, 0, -1) - center) @ basis - low) / np.maximum(
        high - low, FLAT
    )
    colors = np.where(high - low > FLAT, np.clip(stretched, 0, 1), 0.5)
    return np.asarray(np.where(seen.truth[..., None] > 0, 0.15 + 0.85 * colors, 0.0), np.float32)


def _cluster_colors(clusters: NDArray[np.int32]) -> NDArray[np.float32]:
    """A color per cluster, hues spaced by the golden ratio; black background."""
    from matplotlib.colors import hsv_to_rgb

    hue, value = (clusters * 0.618034) % 1.0, 0.6 + 0.4 * ((clusters * 0.754878) % 1.0)
    hsv = np.stack([hue, np.full(hue.shape, 0.7), value * (clusters > 0)], -1)
    return np.asarray(hsv_to_rgb(hsv), np.float32)
