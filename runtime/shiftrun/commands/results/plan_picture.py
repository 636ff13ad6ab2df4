"""A picture of a plan: the image, the tiles written, and the area that one tile reads."""

from __future__ import annotations

from pathlib import Path

from shiftrun.files.writing.results import write_png
from shiftrun.tiles.axis_plan import AxisPlan
from shiftrun.tiles.plan import Plan

LARGEST_PX = 1024
MARGIN_PX = 8
PAPER, IMAGE, HALO, KEPT, LINE = (
    (255, 255, 255),
    (226, 232, 240),
    (253, 186, 116),
    (234, 88, 12),
    (51, 65, 85),
)


def draw_plan(path: Path, plan: Plan) -> None:
    """Write a PNG of the last two axes: gray image, outlined tiles, one tile's read and write.

    The read of the middle tile is light, its write dark.

    Boxes are drawn in px of the padded image; a network that changes the scale is drawn as if it
    did not.
    """
    import numpy as np
    from PIL import Image as Pillow
    from PIL import ImageDraw

    axes = plan.axes[-2:]
    padded = [axis.before_px + axis.image_px + axis.after_px for axis in axes]
    if len(axes) == 1:
        axes, padded = (axes[0], axes[0]), [max(1, padded[0] // 16), padded[0]]
    zoom = LARGEST_PX / max(padded)
    size = tuple(int(px * zoom) + 2 * MARGIN_PX for px in reversed(padded))
    picture = Pillow.new("RGB", (size[0], size[1]), PAPER)
    pen = ImageDraw.Draw(picture)

    def rectangle(intervals: list[tuple[float, float]], **style: object) -> None:
        (top, bottom), (left, right) = (
            (MARGIN_PX + start * zoom, MARGIN_PX + stop * zoom) for start, stop in intervals
        )
        pen.rectangle((left, top, max(left, right), max(top, bottom)), **style)  # type: ignore[arg-type]

    flat = len(plan.axes) == 1
    every = (0.0, float(padded[0]))
    rectangle(
        [
            every if flat and i == 0 else (a.before_px, a.before_px + a.image_px)
            for i, a in enumerate(axes)
        ],
        fill=IMAGE,
    )
    middle = [
        every if flat and i == 0 else axis.tiles[len(axis.tiles) // 2].read
        for i, axis in enumerate(axes)
    ]
    rectangle(middle, fill=HALO)
    written = [
        [every] if flat and i == 0 else [_in_image(a, tile.write) for tile in a.tiles]
        for i, a in enumerate(axes)
    ]
    rectangle([parts[len(parts) // 2] for parts in written], fill=KEPT)
    for rows in written[0]:
        for columns in written[1]:
            rectangle([rows, columns], outline=LINE)
    rectangle(middle, outline=KEPT)
    write_png(path, np.asarray(picture))


def _in_image(axis: AxisPlan, write: tuple[int, int]) -> tuple[float, float]:
    """A write box in px of the padded image."""
    scale = max(1, axis.image_px) / max(1, axis.output_px) if axis.origin_px == 0 else 1.0
    first = axis.before_px + axis.origin_px
    return first + write[0] * scale, first + write[1] * scale
