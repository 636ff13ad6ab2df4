"""What the commands do: check everything that can be refused, then run, write and report one image after the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from shiftrun.embedding import embed_file, paths_of
from shiftrun.jobs import Job, jobs_of
from shiftrun.memory import keep_heap_small
from shiftrun.models import INSTANCE_OUTPUTS, TileWish, open_model
from shiftrun.outputs import check_output
from shiftrun.regions import Region
from shiftrun.report import Stopwatch, check_report
from shiftrun.segmenting import segment_file
from shiftrun.wishes import Wishes, given
from shiftrun.writing import ARRAYS, LABELS

TYPES = {"labels": LABELS, "preview": (".png",), "objects": (".csv",)}
SUFFIX = {"labels": "", "array": "", "preview": ".png", "objects": ".csv"}
Say = Callable[[str], None]


def segment_images(
    *,
    model: Path,
    images: tuple[str, ...],
    output: Path,
    preview: Path | None = None,
    table: Path | None = None,
    bandwidth: float | None = None,
    threshold: float | None = None,
    min_size: int | None = None,
    tile: TileWish = "auto",
    memory: int | None = None,
    pad: str = "reflect",
    force: bool = False,
    device: str = "auto",
    normalize: str = "model",
    overwrite: bool = False,
    quiet: bool = False,
    workers: int = 1,
    axes: str = "",
    channel: int | None = None,
    region: Region | None = None,
    precision: str = "exact",
    check: int = 0,
    say: Say = print,
    complain: Say = print,
) -> None:
    """`shiftrun segment`: `say` takes a summary line per image, `complain` a line for one of several images that fails."""
    keep_heap_small()
    work = jobs_of(images, {"labels": output, "preview": preview, "objects": table}, SUFFIX)
    for job in work.jobs:
        for kind, path in job.outputs.items():
            check_output(path, TYPES[kind], overwrite=overwrite, source=job.image)
        check_report(job.outputs["labels"], overwrite=overwrite)
    opening = Stopwatch()
    with opening.stage("open"):
        how: dict[str, Any] = {"workers": workers, "memory": memory, "precision": precision, "check": check}
        opened = open_model(model, device=device, force=force, **how)
        opened.outputs(INSTANCE_OUTPUTS)
        settings = opened.clustering(bandwidth, threshold, min_size)
    overrides = given({"bandwidth": bandwidth, "threshold": threshold, "min_size": min_size})
    wishes = Wishes(axes, channel, region, tile, pad, normalize, quiet)

    def one(job: Job) -> None:
        watch = Stopwatch(dict(opening.seconds))
        opening.seconds.clear()  # the model is opened once, for the first image
        say(segment_file(opened, job, settings, wishes, watch, overrides))

    work.run(one, complain)


def embed_images(
    *,
    model: Path,
    images: tuple[str, ...],
    output: Path,
    names: tuple[str, ...] = (),
    image_input: str | None = None,
    tile: TileWish = "auto",
    memory: int | None = None,
    pad: str = "reflect",
    force: bool = False,
    device: str = "auto",
    normalize: str = "model",
    overwrite: bool = False,
    quiet: bool = False,
    workers: int = 1,
    axes: str = "",
    channel: int | None = None,
    region: Region | None = None,
    precision: str = "exact",
    check: int = 0,
    say: Say = print,
    complain: Say = print,
) -> None:
    """`shiftrun embed`: a summary line per run; outputs on one grid are computed together."""
    keep_heap_small()
    work = jobs_of(images, {"array": output}, SUFFIX)
    opening = Stopwatch()
    with opening.stage("open"):
        how: dict[str, Any] = {"workers": workers, "memory": memory, "precision": precision, "check": check}
        opened = open_model(model, device=device, force=force, image_input=image_input, **how)
        groups = opened.groups(names)
    chosen = [name for group in groups for name in group]
    for job in work.jobs:
        for path in paths_of(job.outputs["array"], chosen).values():
            check_output(path, ARRAYS, overwrite=overwrite, source=job.image)
            check_report(path, overwrite=overwrite)
    wishes = Wishes(axes, channel, region, tile, pad, normalize, quiet)

    def one(job: Job) -> None:
        watch = Stopwatch(dict(opening.seconds))
        opening.seconds.clear()
        for group in groups:
            say(embed_file(opened, job.image, paths_of(job.outputs["array"], chosen), group, wishes, watch))

    work.run(one, complain)
