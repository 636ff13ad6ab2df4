"""`shiftrun embed`: write the outputs of any network to files, tile by tile."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from shiftrun.arrays.box import Box
from shiftrun.arrays.calibration import Calibration
from shiftrun.arrays.readers import Target
from shiftrun.commands.batch import Job
from shiftrun.commands.results.run_report import (
    Stopwatch,
    check_report,
    run_report,
    summary,
    write_report,
)
from shiftrun.commands.run_options import CommandLine, Wishes
from shiftrun.files.reading.image_axes import SPATIAL
from shiftrun.files.reading.images import Series
from shiftrun.files.writing.output_path import split_name
from shiftrun.files.writing.results import ARRAYS, array_file, check_axes
from shiftrun.model.model import Model
from shiftrun.progress import progress_bar
from shiftrun.tiles.plan import Plan
from shiftrun.tiles.regions import cut_plan, resolve_region


def paths_of(output: Path, names: Sequence[str]) -> dict[str, Path]:
    """The file of each output: OUTPUT, or OUTPUT.NAME if there are several."""
    if len(names) == 1:
        return {names[0]: output}
    stem, suffix = split_name(output)
    return {name: output.with_name(f"{stem}.{_word(name)}{suffix}") for name in names}


@dataclass(frozen=True, slots=True)
class _At:
    """One image (C, *space) of a series: its index along the axes before and after the channel."""

    target: Target
    before: tuple[int, ...]
    between: tuple[int, ...]

    def write(self, box: Box, values: NDArray[Any]) -> None:
        before, between = (
            tuple(slice(number, number + 1) for number in index)
            for index in (self.before, self.between)
        )
        ones = (1,) * len(before), (1,) * len(between)
        self.target.write(
            (*before, box[0], *between, *box[1:]),
            values.reshape(*ones[0], len(values), *ones[1], *values.shape[1:]),
        )


def embed_file(
    model: Model,
    path: Path,
    paths: dict[str, Path],
    group: tuple[str, ...],
    wishes: Wishes,
    watch: Stopwatch,
) -> str:
    """Write the outputs of one group for all images of a file; returns the summary line.

    The report is written next to the first output.
    """
    series = wishes.read(model, path, watch)
    first = sum(
        name not in SPATIAL for name in series.axes
    )  # the order of OME-Zarr: time, channel, space
    axes = series.axes[:first] + "C" + series.axes[first:] + series.layout.spatial
    for name in group:
        check_axes(paths[name], axes)
    whole = wishes.plan(model, series.image((0,) * len(series.axes)), group, watch)
    box = None if wishes.region is None else resolve_region(wishes.region, whole.output_shape)
    plan = whole if box is None else cut_plan(whole, box, model.scales(group))
    place = output_calibration(series, plan, model, group)
    shape, tile = plan.output_shape, plan.tile_shape
    made: dict[str, Target] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    with ExitStack() as files:
        for index, image in series.images():
            source = wishes.source(model, image, watch)

            def target(name: str, channels: int, index: tuple[int, ...] = index) -> Target:
                if name not in made:
                    shapes[name] = (*series.shape[:first], channels, *series.shape[first:], *shape)
                    file = array_file(paths[name], shapes[name], place, axes=axes, tile=tile)
                    made[name] = files.enter_context(file)
                return _At(made[name], index[:first], index[first:])

            with (
                progress_bar(
                    f"predicting {image.place}".strip(), "tiles", quiet=wishes.quiet
                ) as progress,
                watch.stage("predict"),
            ):
                run = model.run(source, plan, group, progress=progress, region=box)
                run.into(target)
            plan = run.plan
    report = run_report(
        "embed",
        model,
        plan,
        series=series,
        outputs={"array" if len(paths) == 1 else name: paths[name] for name in group},
        settings={
            "output": ", ".join(group),
            "normalize": wishes.normalize,
            "device": model.device,
        },
        overrides=wishes.overrides,
        seconds=watch.seconds,
        region=box,
        scales=model.scales(group),
        notes=series.stored.notes,
    )
    what = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items())
    written = [*(paths[name] for name in group), write_report(paths[group[0]], report)]
    return summary(what, series, plan, watch, written, report["warnings"])


def output_calibration(
    series: Series, plan: Plan, model: Model, group: tuple[str, ...]
) -> Calibration:
    """The calibration of a result: its px size (a network may change the scale) and origin."""
    others = len(series.calibration.axes) - len(
        plan.axes
    )  # spatial axes along which the series runs
    moved = series.calibration.cropped((*(0,) * others, *(axis.origin_px for axis in plan.axes)))
    return moved.resampled((*(1,) * others, *model.scales(group)))


def _word(name: str) -> str:
    """The name of an output as part of a file name."""
    return re.sub(r"[^\w-]+", "_", name)


def embed_images(
    *, output: Path, names: tuple[str, ...] = (), image_input: str | None = None, **common: Any
) -> None:
    """`shiftrun embed`: run outputs on one grid together; `common` are fields of `CommandLine`."""
    call = CommandLine(**common)
    jobs = call.jobs(array=output)
    opening = Stopwatch()
    with opening.stage("open"):
        model = call.open_model(image_input)
        groups = model.groups(names)
    chosen = [name for group in groups for name in group]
    for job in jobs.jobs:
        for path in paths_of(job.outputs["array"], chosen).values():
            call.check_free(path, ARRAYS, job)
            check_report(path, overwrite=call.overwrite)

    def work(job: Job, watch: Stopwatch) -> None:
        for group in groups:
            call.say(
                embed_file(
                    model, job.image, paths_of(job.outputs["array"], chosen), group, call, watch
                )
            )

    call.run(jobs, work, opening)
