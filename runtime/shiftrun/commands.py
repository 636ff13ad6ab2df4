"""What the commands do: check everything that can be refused, then read, plan, run, cluster, write and report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftrun.images import TIFF, Image, read_image, write_array, write_labels, write_png
from shiftrun.models import INSTANCE_OUTPUTS, Model, TileWish, open_model
from shiftrun.outputs import check_output
from shiftrun.overlay import overlay
from shiftrun.plan import Plan
from shiftrun.progress import progress_bar
from shiftrun.report import Stopwatch, check_report, run_report, write_report
from shiftrun.stitch import predict


def segment_image(
    *,
    model: Path,
    image: Path,
    output: Path,
    preview: Path | None,
    bandwidth: float | None,
    threshold: float | None,
    min_size: int | None,
    tile: TileWish,
    pad: str,
    force: bool,
    device: str,
    normalize: str,
    overwrite: bool,
    quiet: bool,
) -> str:
    """`shiftrun segment`; returns the summary line."""
    check_output(output, TIFF, overwrite=overwrite, source=image)
    check_report(output, overwrite=overwrite)
    if preview is not None:
        check_output(preview, (".png",), overwrite=overwrite, source=image)
    watch = Stopwatch()
    with watch.stage("open"):
        opened = open_model(model, device=device, force=force)
        opened.outputs(INSTANCE_OUTPUTS)
        settings = opened.clustering(bandwidth, threshold, min_size)
    picture, plan, found = _run(opened, image, INSTANCE_OUTPUTS, watch, tile=tile, pad=pad, normalize=normalize, quiet=quiet)
    with watch.stage("cluster"), progress_bar("clustering", "windows", quiet=quiet) as progress:
        labels = in_image_frame(opened.labels(found, **settings, progress=progress), plan)
    objects = int(labels.max(initial=0))
    paths = {"labels": output} | ({"preview": preview} if preview else {})
    with watch.stage("write"):
        write_labels(output, labels, picture.resolution)
        if preview is not None:
            write_png(preview, overlay(picture.pixels, labels))
    flags = {
        "bandwidth": bandwidth,
        "threshold": threshold,
        "min_size": min_size,
        "normalize": None if normalize == "model" else normalize,
    }
    report = run_report(
        "segment",
        opened,
        plan,
        image=picture,
        outputs=paths,
        settings={**settings, "normalize": normalize, "device": device},
        overrides=_given(flags),
        seconds=watch.seconds,
        objects=objects,
    )
    return _summary(f"{objects} objects", plan, watch, [*paths.values(), write_report(output, report)], report["warnings"])


def embed_image(
    *,
    model: Path,
    image: Path,
    output: Path,
    name: str | None,
    tile: TileWish,
    pad: str,
    force: bool,
    device: str,
    normalize: str,
    overwrite: bool,
    quiet: bool,
) -> str:
    """`shiftrun embed`; returns the summary line."""
    check_output(output, (".npy", *TIFF), overwrite=overwrite, source=image)
    check_report(output, overwrite=overwrite)
    watch = Stopwatch()
    with watch.stage("open"):
        opened = open_model(model, device=device, force=force)
        chosen = opened.outputs((name,) if name else ())[0].name
    picture, plan, found = _run(opened, image, (chosen,), watch, tile=tile, pad=pad, normalize=normalize, quiet=quiet)
    with watch.stage("write"):
        write_array(output, found[chosen], picture.resolution)
    report = run_report(
        "embed",
        opened,
        plan,
        image=picture,
        outputs={"array": output},
        settings={"output": chosen, "normalize": normalize, "device": device},
        overrides=_given({"normalize": None if normalize == "model" else normalize}),
        seconds=watch.seconds,
    )
    shape = "x".join(map(str, found[chosen].shape))
    return _summary(f"{chosen} {shape}", plan, watch, [output, write_report(output, report)], report["warnings"])


def plan_image(model: Path, image: Path, *, tile: TileWish, pad: str, force: bool) -> Plan:
    """`shiftrun plan`: the plan for the outputs that `segment` runs, or of the first output of any other network."""
    opened = open_model(model, force=force)
    names = {output.name for output in opened.contract.outputs}
    picture = read_image(image, opened.dimensions, opened.channels)
    outputs = INSTANCE_OUTPUTS if names >= set(INSTANCE_OUTPUTS) else ()
    return opened.plan(picture.pixels.shape[1:], tile=tile, pad=pad, outputs=outputs)


def print_plan(plan: Plan) -> None:
    """Print a plan as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("axis", "image", "padding", "result", "tile", "read", "tiles"):
        table.add_column(title, justify="left" if title == "axis" else "right")
    for axis in plan.axes:
        sizes = (axis.image_px, f"{axis.before_px} + {axis.after_px}", axis.output_px, axis.tile_px, axis.read_px, len(axis.tiles))
        table.add_row(axis.name, *map(str, sizes))
    console = Console()
    console.print(table)
    origin = ", ".join(str(axis.origin_px) for axis in plan.axes)
    promise = "equals the whole image" + (" bit for bit" if plan.bitwise else " up to rounding") if plan.exact else "NOT exact"
    console.print(f"{plan.tile_count} tiles from image px ({origin}), {plan.halo_waste:.0%} of the px read are halo; {promise}")
    for finding in plan.findings:
        console.print(finding, markup=False)


def in_image_frame(labels: NDArray[np.int32], plan: Plan) -> NDArray[np.int32]:
    """Place labels that cover only the interior of the image (`--pad none`) where they belong; the rim is background."""
    shape = tuple(axis.image_px for axis in plan.axes)
    origins = [axis.origin_px for axis in plan.axes]
    fits = all(origin + size <= full for origin, size, full in zip(origins, labels.shape, shape, strict=True))
    if labels.shape == shape or not fits:
        return labels
    result = np.zeros(shape, dtype=np.int32)
    result[tuple(slice(origin, origin + size) for origin, size in zip(origins, labels.shape, strict=True))] = labels
    return result


def _run(
    model: Model, path: Path, names: tuple[str, ...], watch: Stopwatch, *, tile: TileWish, pad: str, normalize: str, quiet: bool
) -> tuple[Image, Plan, dict[str, NDArray[np.float32]]]:
    """Read, normalize, plan and run one image."""
    with watch.stage("read"):
        picture = read_image(path, model.dimensions, model.channels)
    with watch.stage("plan"):
        plan = model.plan(picture.pixels.shape[1:], tile=tile, pad=pad, outputs=names)
    with watch.stage("normalize"):
        pixels = model.normalized(picture.pixels, normalize, where=str(path))
    with watch.stage("load"):
        session = model.session
    with watch.stage("predict"), progress_bar("predicting", "tiles", quiet=quiet) as progress:
        return picture, plan, predict(session, pixels, plan, model.outputs(names), progress)


def _given(flags: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in flags.items() if value is not None}


def _summary(what: str, plan: Plan, watch: Stopwatch, paths: list[Path], warnings: list[str]) -> str:
    tiles = f"{plan.tile_count} tile{'s' if plan.tile_count > 1 else ''} of {'x'.join(map(str, plan.tile_shape))}"
    line = f"{what}, {tiles}, {sum(watch.seconds.values()):.1f} s: {', '.join(map(str, paths))}"
    return "\n".join([line, *(f"warning: {warning}" for warning in warnings)])
