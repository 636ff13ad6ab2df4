"""What the commands do: check everything that can be refused, then read, plan, run, cluster, write and report."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftrun.arrays import FileArray, Framed, Reader, everything
from shiftrun.images import TIFF, Image, read_image, write_png
from shiftrun.labels import label_blocks
from shiftrun.models import INSTANCE_OUTPUTS, Model, TileWish, open_model
from shiftrun.objects import measure_objects, write_objects
from shiftrun.outputs import check_output
from shiftrun.overlay import overlay
from shiftrun.plan import Edges, Plan
from shiftrun.progress import progress_bar
from shiftrun.report import Stopwatch, check_report, run_report, write_report
from shiftrun.running import ahead, timed
from shiftrun.source import Source
from shiftrun.windows import GRIDS, windows_of
from shiftrun.writing import array_file, write_labels

PREVIEW_PX = 4096


def segment_image(
    *,
    model: Path,
    image: Path,
    output: Path,
    preview: Path | None,
    table: Path | None,
    bandwidth: float | None,
    threshold: float | None,
    min_size: int | None,
    tile: TileWish,
    memory: int | None,
    pad: str,
    force: bool,
    device: str,
    normalize: str,
    overwrite: bool,
    quiet: bool,
    workers: int,
) -> str:
    """`shiftrun segment`; returns the summary line."""
    check_output(output, TIFF, overwrite=overwrite, source=image)
    check_report(output, overwrite=overwrite)
    if preview is not None:
        check_output(preview, (".png",), overwrite=overwrite, source=image)
    if table is not None:
        check_output(table, (".csv",), overwrite=overwrite, source=image)
    watch = Stopwatch()
    with watch.stage("open"):
        opened = open_model(model, device=device, force=force, workers=workers, memory=memory)
        opened.outputs(INSTANCE_OUTPUTS)
        settings = opened.clustering(bandwidth, threshold, min_size)
    picture, edges, source, plan = _prepare(opened, image, INSTANCE_OUTPUTS, watch, tile=tile, pad=pad, normalize=normalize)
    windows = windows_of(plan.output_shape, GRIDS[opened.dimensions])
    paths = {"labels": output} | ({"preview": preview} if preview else {}) | ({"objects": table} if table else {})
    with progress_bar("predicting", "tiles", quiet=quiet) as progress:
        run = opened.run(source, plan, INSTANCE_OUTPUTS, edges=edges, progress=progress)
        blocks = timed(ahead(run.blocks()), lambda: watch.stage("predict"))
        stage = watch.stage
        with label_blocks(blocks, plan.output_shape, settings, windows, folder=output.parent, timed=stage) as store:
            labels = in_image_frame(store, plan)
            with watch.stage("write"):
                write_labels(output, labels, picture.resolution, largest=store.largest)
                if preview is not None:
                    write_png(preview, overlay(*thumbnail(picture, labels)))
                if table is not None:
                    write_objects(table, measure_objects(labels, picture, store.largest))
    objects, plan = store.largest, run.plan
    flags: dict[str, Any] = {"bandwidth": bandwidth, "threshold": threshold, "min_size": min_size}
    flags["normalize"] = None if normalize == "model" else normalize
    report = run_report(
        "segment",
        opened,
        plan,
        image=picture,
        outputs=paths,
        settings={**asdict(settings), "normalize": normalize, "device": device},
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
    names: tuple[str, ...],
    image_input: str | None,
    tile: TileWish,
    memory: int | None,
    pad: str,
    force: bool,
    device: str,
    normalize: str,
    overwrite: bool,
    quiet: bool,
    workers: int,
) -> str:
    """`shiftrun embed`; returns a summary line per run: outputs on one grid are computed together."""
    watch = Stopwatch()
    with watch.stage("open"):
        opened = open_model(model, device=device, force=force, workers=workers, memory=memory, image_input=image_input)
        groups = opened.groups(names)
    chosen = [name for group in groups for name in group]
    paths = {
        name: output if len(chosen) == 1 else output.with_name(f"{output.stem}.{_word(name)}{output.suffix}") for name in chosen
    }
    for path in paths.values():
        check_output(path, (".npy", *TIFF), overwrite=overwrite, source=image)
        check_report(path, overwrite=overwrite)
    run = partial(_embed, opened, image, paths, watch=watch, tile=tile, pad=pad, normalize=normalize, quiet=quiet)
    return "\n".join(run(group) for group in groups)


def _embed(
    model: Model,
    image: Path,
    paths: dict[str, Path],
    group: tuple[str, ...],
    *,
    watch: Stopwatch,
    tile: TileWish,
    pad: str,
    normalize: str,
    quiet: bool,
) -> str:
    """Compute the outputs of one group and write them; the report lies beside the first."""
    picture, _, source, plan = _prepare(model, image, group, watch, tile=tile, pad=pad, normalize=normalize)
    shapes: dict[str, tuple[int, ...]] = {}
    with ExitStack() as files, progress_bar("predicting", "tiles", quiet=quiet) as progress, watch.stage("predict"):

        def target(name: str, channels: int) -> FileArray:
            shapes[name] = (channels, *plan.output_shape)
            return files.enter_context(array_file(paths[name], shapes[name], picture.resolution))

        run = model.run(source, plan, group, progress=progress)
        run.into(target)
    report = run_report(
        "embed",
        model,
        run.plan,
        image=picture,
        outputs={"array" if len(paths) == 1 else name: paths[name] for name in group},
        settings={"output": ", ".join(group), "normalize": normalize, "device": model.device},
        overrides=_given({"normalize": None if normalize == "model" else normalize}),
        seconds=watch.seconds,
    )
    what = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items())
    written = [*(paths[name] for name in group), write_report(paths[group[0]], report)]
    return _summary(what, run.plan, watch, written, report["warnings"])


def _word(name: str) -> str:
    """The name of an output as part of a file name."""
    return re.sub(r"[^\w-]+", "_", name)


def in_image_frame(labels: Reader, plan: Plan) -> Reader:
    """Place labels that cover only the interior of the image (`--pad none`) where they belong; the rim is background."""
    shape = tuple(axis.image_px for axis in plan.axes)
    origins = tuple(axis.origin_px for axis in plan.axes)
    fits = all(origin + size <= full for origin, size, full in zip(origins, labels.shape, shape, strict=True))
    return labels if labels.shape == shape or not fits else Framed(labels, shape, origins)


def thumbnail(picture: Image, labels: Reader) -> tuple[NDArray[Any], NDArray[Any]]:
    """Px (C, *space) and labels (*space) for a preview, thinned out to at most `PREVIEW_PX` along y and x."""
    planar = picture.shape[-2:]
    if len(labels.shape) != 2 or max(planar) <= PREVIEW_PX:
        return picture.pixels, labels.read(everything(labels.shape))
    stride = -(-max(planar) // PREVIEW_PX)
    channels, across = slice(0, picture.shape[0]), slice(0, planar[1])
    rows = [slice(y, y + 1) for y in range(0, planar[0], stride)]
    pixels = np.concatenate([picture.read((channels, row, across))[..., ::stride] for row in rows], axis=1)
    bands = [labels.read((slice(y, min(y + stride, planar[0])), across))[:1, ::stride] for y in range(0, planar[0], stride)]
    return pixels, np.concatenate(bands)


def _prepare(
    model: Model, path: Path, names: tuple[str, ...], watch: Stopwatch, *, tile: TileWish, pad: str, normalize: str
) -> tuple[Image, Edges, Source, Plan]:
    """Open and plan one image, measure its normalization, load the network."""
    with watch.stage("read"):
        picture = read_image(path, model.dimensions, model.channels)
    with watch.stage("plan"):
        shape = picture.shape[1:]
        edges = model.row_edges(shape, pad) if names == INSTANCE_OUTPUTS else ()
        plan = model.plan(shape, tile=tile, pad=pad, outputs=names, edges=edges)
    with watch.stage("normalize"):
        source = model.source(picture, normalize, where=str(path))
    with watch.stage("load"):
        _ = model.session
    return picture, edges, source, plan


def _given(flags: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in flags.items() if value is not None}


def _summary(what: str, plan: Plan, watch: Stopwatch, paths: list[Path], warnings: list[str]) -> str:
    tiles = f"{plan.tile_count} tile{'s' if plan.tile_count > 1 else ''} of {'x'.join(map(str, plan.tile_shape))}"
    line = f"{what}, {tiles}, {sum(watch.seconds.values()):.1f} s: {', '.join(map(str, paths))}"
    return "\n".join([line, *(f"warning: {warning}" for warning in warnings)])
