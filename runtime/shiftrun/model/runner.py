"""The protocol for running a plan."""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

from shiftrun.arrays.box import Box
from shiftrun.clustering.mean_shift.weighted_sums import Sums
from shiftrun.inference.blocks import Run
from shiftrun.inference.network_input import Source
from shiftrun.progress import Progress
from shiftrun.tiles.plan import Edges, Plan


class Runner(Protocol):
    """Runs a plan: a `Model`."""

    @property
    def dimensions(self) -> int:
        """The number of spatial axes."""
        ...

    @property
    def sums(self) -> Sums:
        """The matrix products of mean shift."""
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
        """The run of `plan`, the plan of `region`."""
        ...
