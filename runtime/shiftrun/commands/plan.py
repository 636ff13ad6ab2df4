"""`shiftrun plan`: the tiles of an image, and the time and memory of running them."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from shiftrun.files.reading.images import read_series
from shiftrun.files.writing.output_path import check_output
from shiftrun.model.open_model import INSTANCE_OUTPUTS, Model, TileWish, open_model
from shiftrun.tiles.plan import Plan


def plan_image(
    *,
    model: Path,
    image: Path,
    tile: TileWish,
    pad: str,
    force: bool,
    memory: int | None,
    picture: Path | None,
    overwrite: bool,
    axes: str = "",
    channel: int | None = None,
) -> tuple[Plan, dict[str, Any]]:
    """The plan for the outputs of `segment`, or for a network's first output, and its `estimate`.

    For a series, the plan is that of one image.
    """
    if picture is not None:
        check_output(picture, (".png",), overwrite=overwrite, source=image)
    opened = open_model(model, force=force, memory=memory)
    names = {output.name for output in opened.contract.outputs}
    outputs = INSTANCE_OUTPUTS if names >= set(INSTANCE_OUTPUTS) else ()
    series = read_series(image, opened.dimensions, opened.channels, axes=axes, channel=channel)
    channels, *space = series.image((0,) * len(series.axes)).shape
    shape = tuple(space)
    edges = opened.row_edges(shape, pad) if outputs else ()
    plan = opened.plan(shape, tile=tile, pad=pad, outputs=outputs, edges=edges)
    if picture is not None:
        from shiftrun.commands.results.plan_picture import draw_plan

        draw_plan(picture, plan)
    return plan, estimate(opened, plan, channels, math.prod(series.shape))


def estimate(model: Model, plan: Plan, channels: int, images: int = 1) -> dict[str, Any]:
    """The run time for all images, from one tile run now, and peak memory (`network_need.py`)."""
    batch = np.zeros((1, channels, *plan.read_shape), dtype=np.float32)
    batch = np.moveaxis(batch, range(2, batch.ndim), model.input_axes)
    session = model.session
    start = time.perf_counter()
    session.run(batch)
    seconds = (time.perf_counter() - start) * plan.tile_count * images
    return {
        "images": images,
        "seconds": round(seconds, 2),
        "peak_memory_bytes": model.budget.peak_bytes(plan.read_shape),
    }


def print_plan(plan: Plan, estimate: dict[str, Any]) -> None:
    """Print a plan as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("axis", "image", "padding", "result", "tile", "read", "tiles"):
        table.add_column(title, justify="left" if title == "axis" else "right")
    for axis in plan.axes:
        sizes = (
            axis.image_px,
            f"{axis.before_px} + {axis.after_px}",
            axis.output_px,
            axis.tile_px,
            axis.read_px,
            len(axis.tiles),
        )
        table.add_row(axis.name, *map(str, sizes))
    console = Console()
    console.print(table)
    origin = ", ".join(str(axis.origin_px) for axis in plan.axes)
    promise = (
        "equals the whole image " + ("bit for bit" if plan.bitwise else "up to rounding")
        if plan.exact
        else "NOT exact"
    )
    tiles = f"{plan.tile_count} tile{'s' if plan.tile_count > 1 else ''}"
    console.print(
        f"{tiles} from image px ({origin}), {plan.halo_waste:.0%} of the px read are halo; "
        f"{promise}"
    )
    if estimate["images"] > 1:
        console.print(f"{estimate['images']} images, one by one")
    console.print(
        f"about {estimate['seconds']:.1f} s for the network, "
        f"{estimate['peak_memory_bytes'] / 1e6:.0f} MB at the peak"
    )
    for sentence in (*plan.rounding, *plan.findings):
        console.print(sentence, markup=False)
