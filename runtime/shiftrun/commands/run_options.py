"""The options that commands share, and how they read and run images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shiftrun.commands.batch import Job, Jobs, jobs_of
from shiftrun.commands.results.run_report import Stopwatch
from shiftrun.files.reading.images import Image, Series, read_series
from shiftrun.files.writing.output_path import check_output
from shiftrun.inference.network_input import Source
from shiftrun.memory.allocator import keep_heap_small
from shiftrun.model.model import Model, TileWish
from shiftrun.model.open_model import open_model
from shiftrun.tiles.plan import Edges, Plan
from shiftrun.tiles.regions import Region


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options of a call, the same for all its images.

    Attributes
    ----------
    axes : str
        The letters of the file's axes; "": those in the file.
    channel : int or None
        The channel to use.
    region : tuple of slice or None
    tile, pad, normalize
        As of `Model.predict`.
    quiet : bool
    """

    axes: str = ""
    channel: int | None = None
    region: Region | None = None
    tile: TileWish = "auto"
    pad: str = "reflect"
    normalize: str = "model"
    quiet: bool = False

    @property
    def overrides(self) -> dict[str, Any]:
        """The options that override the model's metadata or the file's, for the report."""
        flags = {
            "normalize": None if self.normalize == "model" else self.normalize,
            "axes": self.axes or None,
        }
        return given(flags | {"channel": self.channel})

    def read(self, model: Model, path: Path, watch: Stopwatch) -> Series:
        """Open the images of one file."""
        with watch.stage("read"):
            return read_series(
                path, model.dimensions, model.channels, axes=self.axes, channel=self.channel
            )

    def plan(
        self,
        model: Model,
        image: Image,
        names: tuple[str, ...],
        watch: Stopwatch,
        *,
        edges: Edges = (),
    ) -> Plan:
        """Plan one whole image."""
        with watch.stage("plan"):
            return model.plan(
                image.shape[1:], tile=self.tile, pad=self.pad, outputs=names, edges=edges
            )

    def source(self, model: Model, image: Image, watch: Stopwatch) -> Source:
        """Measure the normalization of one image, and load the network if needed."""
        with watch.stage("normalize"):
            source = model.source(image, self.normalize, where=image.where)
        with watch.stage("load"):
            _ = model.session
        return source


def given(flags: dict[str, Any]) -> dict[str, Any]:
    """The flags that are not None."""
    return {name: value for name, value in flags.items() if value is not None}


SUFFIX = {"labels": "", "array": "", "preview": ".png", "objects": ".csv"}


Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandLine(Wishes):
    """What the commands share: the model, the images, and how to open, read and run them.

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
        Receives a summary line per image.
    complain : callable (str)
        Receives an error line for each image that fails, if there are several.
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
        """The images and where their results go; InputError as for `jobs_of`."""
        keep_heap_small()
        return jobs_of(self.images, targets, SUFFIX)

    def open_model(self, image_input: str | None = None) -> Model:
        """The opened model; InputError as for `open_model`."""
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
        """Process every image; the time to open the model counts for the first."""

        def one(job: Job) -> None:
            watch = Stopwatch(dict(opening.seconds))
            opening.seconds.clear()
            work(job, watch)

        jobs.run(one, self.complain)
