"""`shiftrun segment`: write labels, an object table, a preview and the report."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from shiftlint.console.whole_files import writing
from shiftlint.errors import InputError
from shiftrun.arrays.readers import ArrayReader, Reader
from shiftrun.arrays.views import Unstacked
from shiftrun.clustering.one_window.label_window import Clustering, Labeling
from shiftrun.clustering.one_window.worker_processes import labeling_processes, process_count
from shiftrun.commands.batch import Job
from shiftrun.commands.results.label_frame import LabelFrame, label_frame
from shiftrun.commands.results.object_table import (
    Table,
    measure_objects,
    stack_tables,
    write_objects,
)
from shiftrun.commands.results.overlay import overlay, thumbnail
from shiftrun.commands.results.run_report import (
    Stopwatch,
    check_report,
    run_report,
    summary,
    write_report,
)
from shiftrun.commands.run_options import CommandLine, Wishes, given
from shiftrun.files.reading.images import Image, Series
from shiftrun.files.reading.ome_zarr import is_zarr
from shiftrun.files.writing import label_formats
from shiftrun.files.writing.label_spool import Spool
from shiftrun.files.writing.results import LABELS, write_labels, write_png
from shiftrun.inference.normalization import NoContrast
from shiftrun.inference.providers import CPU
from shiftrun.model.instances import instances
from shiftrun.model.model import Model
from shiftrun.model.model_file import INSTANCE_OUTPUTS
from shiftrun.progress import progress_bar
from shiftrun.tiles.label_grid import GRIDS, windows_of
from shiftrun.tiles.plan import Edges, Plan


def segment_file(
    model: Model,
    job: Job,
    clustering: Clustering,
    wishes: Wishes,
    watch: Stopwatch,
    overrides: dict[str, Any],
) -> str:
    """Label every image of a file and write the job's outputs; returns the summary line."""
    series = wishes.read(model, job.image, watch)
    label_formats.check_axes(job.outputs["labels"], series.axes + series.layout.spatial)
    first = series.image((0,) * len(series.axes))
    edges = model.row_edges(first.shape[1:], wishes.pad)
    plan = wishes.plan(model, first, INSTANCE_OUTPUTS, watch, edges=edges)
    frame = label_frame(model, plan, wishes.region)
    if not frame.is_image and job.outputs.keys() & {"preview", "objects"}:
        raise InputError(
            f"network changes the scale ({model.path}): expected labels of the image's size for "
            "--preview and --csv, got another size. Omit both options."
        )
    processes = _processes(model, plan, frame)
    with ExitStack() as stack:
        labeling = (
            stack.enter_context(labeling_processes(processes, watch.stage)) if processes else None
        )
        work = _Work(model, job, clustering, wishes, watch, series, frame, edges, plan, labeling)
        spool = None
        if series.axes:
            with writing(job.outputs["labels"]):
                spool = stack.enter_context(Spool(frame.shape, job.outputs["labels"].parent))
        for index, image in series.images():
            work.one(index, image, spool)
        if spool is not None:
            with watch.stage("write"):
                work.write(Unstacked(spool, series.shape))
    if "objects" in job.outputs:
        write_objects(job.outputs["objects"], stack_tables(series.axes, work.tables))
    objects = sum(work.counts)
    report = run_report(
        "segment",
        model,
        work.ran,
        series=series,
        outputs=job.outputs,
        settings={
            **asdict(clustering),
            "normalize": wishes.normalize,
            "device": model.device,
            "processes": processes,
        },
        overrides=overrides | wishes.overrides,
        seconds=watch.seconds,
        objects=objects,
        region=None if wishes.region is None else frame.box,
        scales=model.scales(INSTANCE_OUTPUTS),
        notes=[*series.stored.notes, *work.notes],
        processes=processes,
    )
    written = [*job.outputs.values(), write_report(job.outputs["labels"], report)]
    return summary(f"{objects} objects", series, work.ran, watch, written, report["warnings"])


def _processes(model: Model, plan: Plan, frame: LabelFrame) -> int:
    """The number of labeling processes; 0 for a region, one window, or host `--memory`."""
    on_device = model.provider != CPU
    if frame.region is not None or (model.memory is not None and not on_device):
        return 0
    return min(
        process_count(on_device), len(windows_of(plan.output_shape, GRIDS[model.dimensions])) - 1
    )


@dataclass
class _Work:
    """The images of one file; the state is their results so far and the plan (tiles may shrink)."""

    model: Model
    job: Job
    clustering: Clustering
    wishes: Wishes
    watch: Stopwatch
    series: Series
    frame: LabelFrame
    edges: Edges
    plan: Plan  # of a whole image
    labeling: Labeling | None
    counts: list[int] = field(default_factory=list)
    tables: list[tuple[tuple[int, ...], Table]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ran = self.plan

    def one(self, index: tuple[int, ...], image: Image, spool: Spool | None) -> None:
        """Label one image (of a series: into the spool); without contrast it has no labels."""
        try:
            source = self.wishes.source(self.model, image, self.watch)
        except NoContrast as error:
            if spool is None:
                raise
            self.notes.append(f"nothing labeled: {error}")
            self._take(
                index, image, ArrayReader(np.broadcast_to(np.int32(0), self.frame.shape)), 0, spool
            )
            return
        folder = self.job.outputs["labels"].parent
        with (
            progress_bar(
                f"predicting {image.place}".strip(), "tiles", quiet=self.wishes.quiet
            ) as progress,
            instances(
                self.model,
                source,
                self.plan,
                self.clustering,
                edges=self.edges,
                region=self.frame.region,
                progress=progress,
                folder=folder,
                stage=self.watch.stage,
                labeling=self.labeling,
            ) as found,
        ):
            self._take(index, image, self.frame.labels(found.labels), found.count, spool)
        self.ran = found.plan
        if self.frame.region is None:
            self.plan = found.plan

    def _take(
        self, index: tuple[int, ...], image: Image, labels: Reader, count: int, spool: Spool | None
    ) -> None:
        """Measure and keep the labels of one image while they are available."""
        under, outputs = self.frame.image(image), self.job.outputs
        with self.watch.stage("write"):
            self.counts.append(count)
            if spool is None:
                self.write(labels)
            else:
                spool.append(labels)
            if "preview" in outputs and not any(index):
                write_png(outputs["preview"], overlay(*thumbnail(under, labels)))
            if "objects" in outputs:
                place = self.frame.calibration(image.calibration)
                self.tables.append(
                    (index, measure_objects(labels, under, count, place, self.frame.box))
                )

    def write(self, labels: Reader) -> None:
        """Write the labels of all images."""
        axes, place = (
            self.series.axes + self.series.layout.spatial,
            self.frame.calibration(self.series.calibration),
        )
        image = self.job.image if is_zarr(self.job.image) else None
        write_labels(
            self.job.outputs["labels"],
            labels,
            place,
            axes=axes,
            largest=max(self.counts),
            source=image,
        )


TYPES = {"labels": LABELS, "preview": (".png",), "objects": (".csv",)}


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
    """`shiftrun segment`; `common` are the fields of `CommandLine`."""
    call = CommandLine(**common)
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
    call.run(
        jobs,
        lambda job, watch: call.say(segment_file(model, job, settings, call, watch, overrides)),
        opening,
    )
