"""How the images of a call are read and run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shiftrun.commands.results.run_report import Stopwatch
from shiftrun.files.reading.images import Image, Series, read_series
from shiftrun.inference.network_input import Source
from shiftrun.model.model import Model, TileWish
from shiftrun.tiles.plan import Edges, Plan
from shiftrun.tiles.regions import Region


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options of a call, the same for all its images.

    Attributes
    ----------
    axes : str
        The letters of the file's axes; "": as the file says.
    channel : int or None
        The one channel to take.
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
        """What is set against the model's metadata or the words of the file, for the report."""
        flags = {"normalize": None if self.normalize == "model" else self.normalize, "axes": self.axes or None}
        return given(flags | {"channel": self.channel})

    def read(self, model: Model, path: Path, watch: Stopwatch) -> Series:
        """Open the images of one file."""
        with watch.stage("read"):
            return read_series(path, model.dimensions, model.channels, axes=self.axes, channel=self.channel)

    def plan(self, model: Model, image: Image, names: tuple[str, ...], watch: Stopwatch, *, edges: Edges = ()) -> Plan:
        """Plan one image, whole."""
        with watch.stage("plan"):
            return model.plan(image.shape[1:], tile=self.tile, pad=self.pad, outputs=names, edges=edges)

    def source(self, model: Model, image: Image, watch: Stopwatch) -> Source:
        """Measure the normalization of one image, and load the network if it is not yet."""
        with watch.stage("normalize"):
            source = model.source(image, self.normalize, where=image.where)
        with watch.stage("load"):
            _ = model.session
        return source


def given(flags: dict[str, Any]) -> dict[str, Any]:
    """The flags that are given."""
    return {name: value for name, value in flags.items() if value is not None}
