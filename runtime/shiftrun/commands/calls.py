"""What the commands do: check everything that can be refused, then run, write and report one image after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shiftrun.commands.batch import Job, Jobs, jobs_of
from shiftrun.commands.embed import embed_file, paths_of
from shiftrun.commands.results.run_report import Stopwatch, check_report
from shiftrun.commands.run_options import Wishes, given
from shiftrun.commands.segment import segment_file
from shiftrun.files.writing.output_path import check_output
from shiftrun.files.writing.results import ARRAYS, LABELS
from shiftrun.memory.allocator import keep_heap_small
from shiftrun.model.open_model import INSTANCE_OUTPUTS, Model, open_model

TYPES = {"labels": LABELS, "preview": (".png",), "objects": (".csv",)}
SUFFIX = {"labels": "", "array": "", "preview": ".png", "objects": ".csv"}
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Call(Wishes):
    """What the commands have in common: the model and how it is opened, the images, and how these are read and run.

    Attributes
    ----------
    model : Path
    images : tuple of str
        As of `jobs_of`.
    device, force, workers, memory, precision, check
        As of `open_model`.
    overwrite : bool
        Replace outputs that exist.
    say : callable (str)
        Takes a summary line per image.
    complain : callable (str)
        Takes a line for one of several images that fails.
    """

    model: Path
    images: tuple[str, ...]
    device: str = "auto"
    force: bool = False
    workers: int = 1
    memory: int | None = None
    precision: str = "exact"
    check: int | None = None
    overwrite: bool = False
    say: Say = print
    complain: Say = print

    def jobs(self, **targets: Path | None) -> Jobs:
        """The images, and where the results of each kind go; InputError as `jobs_of`."""
        keep_heap_small()
        return jobs_of(self.images, targets, SUFFIX)

    def open_model(self, image_input: str | None = None) -> Model:
        """The opened model; InputError as `open_model`."""
        return open_model(
            self.model,
            device=self.device,
            force=self.force,
            workers=self.workers,
            memory=self.memory,
            image_input=image_input,
            precision=self.precision,
            check=self.check,
        )

    def check_free(self, path: Path, types: tuple[str, ...], job: Job) -> None:
        """Refuse a result that cannot be written; InputError."""
        check_output(path, types, overwrite=self.overwrite, source=job.image)

    def run(self, jobs: Jobs, work: Callable[[Job, Stopwatch], None], opening: Stopwatch) -> None:
        """Do the work of every image; opening the model counts as time of the first."""

        def one(job: Job) -> None:
            watch = Stopwatch(dict(opening.seconds))
            opening.seconds.clear()
            work(job, watch)

        jobs.run(one, self.complain)


def segment_images(
    *,
    output: Path,
    preview: Path | None = None,
    table: Path | None = None,
    bandwidth: float | None = None,
    threshold: float | None = None,
    min_size: int | None = None,
    **common: Any,
) -> None:
    """`shiftrun segment`; `common` are the fields of `Call`."""
    call = Call(**common)
    jobs = call.jobs(labels=output, preview=preview, objects=table)
    for job in jobs.jobs:
        for kind, path in job.outputs.items():
            call.check_free(path, TYPES[kind], job)
        check_report(job.outputs["labels"], overwrite=call.overwrite)
    opening = Stopwatch()
    with opening.stage("open"):
        model = call.open_model()
        model.outputs(INSTANCE_OUTPUTS)
        settings = model.clustering(bandwidth, threshold, min_size)
    overrides = given({"bandwidth": bandwidth, "threshold": threshold, "min_size": min_size})
    call.run(jobs, lambda job, watch: call.say(segment_file(model, job, settings, call, watch, overrides)), opening)


def embed_images(*, output: Path, names: tuple[str, ...] = (), image_input: str | None = None, **common: Any) -> None:
    """`shiftrun embed`: outputs on one grid are computed together; `common` are the fields of `Call`."""
    call = Call(**common)
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
            call.say(embed_file(model, job.image, paths_of(job.outputs["array"], chosen), group, call, watch))

    call.run(jobs, work, opening)
