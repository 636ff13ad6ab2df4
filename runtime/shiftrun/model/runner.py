"""TODO runtime/shiftrun/model/runner.py"""

from __future__ import annotations
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Protocol
from shiftrun.clustering.label_image import label_blocks
from shiftrun.clustering.label_region import label_region
from shiftrun.clustering.mean_shift.weighted_sums import Sums
from shiftrun.clustering.one_window.label_window import Clustering, Labeling, label_windows
from shiftrun.arrays.box import Box
from shiftrun.arrays.readers import Reader
from shiftrun.files.writing.output_path import writing
from shiftrun.arrays.views import Cropped
from shiftrun.inference.blocks import Block, Run, ahead, timed
from shiftrun.inference.network_input import Source
from shiftrun.inference.run_tiles import Progress
from shiftrun.model.model_file import INSTANCE_OUTPUTS
from shiftrun.tiles.plan import Edges, Plan
from shiftrun.tiles.regions import cut_edges, cut_plan
from shiftrun.tiles.label_grid import GRIDS, windows_of


class Runner(Protocol):
    """What runs a plan: a `Model`."""

    @property
    def dimensions(self) -> int:
        """The number of spatial axes."""
        ...

    @property
    def sums(self) -> Sums:
        """What computes the matrix products of mean shift."""
        ...

    def scales(self, outputs: tuple[str, ...] = ()) -> tuple[Fraction, ...]:
        """Px of the outputs per px of the image."""
        ...

    def run(
        self,
        source: Source,
        plan: Plan,
        outputs: tuple[str, ...] = (),
        *,
        edges: Edges = (),
        progress: Progress | None = None,
        region: Box | None = None,
    ) -> Run:
        """The run of `plan`, which is that of `region`."""
        ...
