"""`shiftrun segment` for one file: labels, a table of objects, a preview and the report."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftlint.errors import InputError
from shiftrun.arrays import Box, Reader, everything
from shiftrun.images import Image
from shiftrun.jobs import Job
from shiftrun.label_frame import label_frame
from shiftrun.labels import Clustering
from shiftrun.model import Model
from shiftrun.objects import Table, measure_objects, stack_tables, write_objects
from shiftrun.ome_zarr import is_zarr
from shiftrun.outputs import writing
from shiftrun.overlay import overlay
from shiftrun.progress import progress_bar
from shiftrun.report import Stopwatch, run_report, summary, write_report
from shiftrun.segmentation import INSTANCE_OUTPUTS, instances
from shiftrun.spool import Spool
from shiftrun.wishes import Wishes
from shiftrun.writing import check_axes, write_labels, write_png

PREVIEW_PX = 4096


def segment_file(
    model: Model, job: Job, clustering: Clustering, wishes: Wishes, watch: Stopwatch, overrides: dict[str, Any]
) -> str:
    """Label every image of a file and write what the job asks for; returns the summary line."""
    series = wishes.open(model, job.image, watch)
    axes, output = series.axes + series.layout.spatial, job.outputs["labels"]
    check_axes(output, axes)
    first = series.image((0,) * len(series.axes))
    edges = model.row_edges(first.shape[1:], wishes.pad)
    plan = wishes.plan(model, first, INSTANCE_OUTPUTS, watch, edges=edges)
    frame = label_frame(model, plan, wishes.region)
    if not frame.is_image and job.outputs.keys() & {"preview", "objects"}:
        raise InputError(f"network of another scale ({model.path}): expected labels of the image's size for --preview and --csv.")
    source_zarr = job.image if is_zarr(job.image) else None
    counts: list[int] = []
    tables: list[tuple[tuple[int, ...], Table]] = []

    def write(labels: Reader) -> None:
        place = frame.calibration(series.calibration)
        write_labels(output, labels, place, axes=axes, largest=max(counts), source=source_zarr)

    with ExitStack() as stack:
        with writing(output):
            spool = stack.enter_context(Spool(frame.shape, output.parent)) if series.axes else None
        for index, image in series.images():
            source = wishes.source(model, image, watch)
            with (
                progress_bar(f"predicting {image.place}".strip(), "tiles", quiet=wishes.quiet) as progress,
                instances(
                    model,
                    source,
                    plan,
                    clustering,
                    edges=edges,
                    region=frame.region,
                    progress=progress,
                    folder=output.parent,
                    stage=watch.stage,
                ) as found,
                watch.stage("write"),
            ):
                labels, under = frame.labels(found.labels), frame.image(image)
                counts.append(found.count)
                if spool is None:
                    write(labels)
                else:
                    spool.append(labels)
                if "preview" in job.outputs and not any(index):
                    write_png(job.outputs["preview"], overlay(*thumbnail(under, labels)))
                if "objects" in job.outputs:
                    tables.append(
                        (index, measure_objects(labels, under, found.count, frame.calibration(image.calibration), frame.box))
                    )
            plan = found.plan if frame.region is None else plan
        if spool is not None:
            with watch.stage("write"):
                write(_Unstacked(spool, series.shape))
    if "objects" in job.outputs:
        write_objects(job.outputs["objects"], stack_tables(series.axes, tables))
    report = run_report(
        "segment",
        model,
        found.plan,
        series=series,
        outputs=job.outputs,
        settings={**asdict(clustering), "normalize": wishes.normalize, "device": model.device},
        overrides=overrides | wishes.overrides,
        seconds=watch.seconds,
        objects=sum(counts),
        region=None if wishes.region is None else frame.box,
    )
    written = [*job.outputs.values(), write_report(output, report)]
    return summary(f"{sum(counts)} objects", series, found.plan, watch, written, report["warnings"])


@dataclass(frozen=True, slots=True)
class _Unstacked:
    """Images (N, *space) in a row, shown as (*series, *space)."""

    source: Spool
    series: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.series, *self.source.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.source.dtype

    def read(self, box: Box) -> NDArray[Any]:
        lead = len(self.series)
        result = np.empty([part.stop - part.start for part in box], dtype=self.dtype)
        numbers = np.arange(self.source.shape[0]).reshape(self.series)[box[:lead]]
        for place, number in np.ndenumerate(numbers):
            result[place] = self.source.read((slice(int(number), int(number) + 1), *box[lead:]))[0]
        return result


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
