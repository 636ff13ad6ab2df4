"""Measuring at run time what is promised: windows against larger ones, and a fast precision against the exact one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shiftlint.contract import AxisContract
from shiftlint.errors import InputError
from shiftrun.files.arrays import within
from shiftrun.inference.session import OutOfMemory
from shiftrun.inference.source import Source, padding_index
from shiftrun.inference.stitch import Network, Outputs, Values, run_batch
from shiftrun.tiles.axis_plan import AxisTile, larger_tile
from shiftrun.tiles.plan import Plan, Tile

# The largest difference that is no error, in standard deviations of the output.
ROUNDING = 1e-3  # where the plan says "up to rounding"
FAST = {"tf32": 5e-2, "fp16": 1e-1}

Axes = tuple[AxisContract, ...]


@dataclass
class Check:
    """Looks at some tiles while a model runs: are they those of larger windows, and what does a fast precision cost?

    Attributes
    ----------
    windows : int
        How many tiles of a run to compare; chosen at random, but the same ones for the same plan.
    precision : {"exact", "tf32", "fp16"}
    exact : callable () to Network
        The network in exact precision.
    found : list of dict
        The comparisons so far: sizes, largest difference and standard deviation per output.
    cost : dict
        What the precision costs on the first tile of the run: the same figures.
    """

    windows: int
    precision: str
    exact: Callable[[], Network]
    found: list[dict[str, Any]] = field(default_factory=list)
    cost: dict[str, Any] = field(default_factory=dict)

    def look(
        self,
        network: Network,
        source: Source,
        plan: Plan,
        axes: Axes,
        outputs: Outputs,
        tile: Tile,
        values: Values,
        *,
        compare: bool,
    ) -> None:
        """Take a tile of a run and what it gave.

        Parameters
        ----------
        network, source, plan, outputs
            Those of the run.
        axes : tuple of AxisContract
            That serve all outputs.
        tile : Tile
        values : dict of name to array
        compare : bool
            Whether it is one of those to compare with larger windows.

        Raises
        ------
        InputError
            A larger window gives other values than the plan and the precision allow.
        """
        if self.precision != "exact" and not self.cost:
            self.cost = _difference(tile, self._run(self.exact(), source, plan, outputs, tile), values)
        if compare and plan.exact:  # of a plan that is not exact nothing is promised
            self._compare(network, source, plan, axes, outputs, tile, values)

    def chosen(self, plan: Plan) -> frozenset[int]:
        """The numbers of the tiles to compare, in the order in which they are run."""
        random = np.random.default_rng(0)
        return frozenset(random.choice(plan.tile_count, min(self.windows, plan.tile_count), replace=False).tolist())

    def _compare(
        self, network: Network, source: Source, plan: Plan, axes: Axes, outputs: Outputs, tile: Tile, values: Values
    ) -> None:
        larger = _larger(axes, plan, tile, halves=1)
        if larger.write == tile.write:  # the whole image, or the only size that the network takes
            return
        try:
            again = self._run(network, source, plan, outputs, larger)
        except OutOfMemory:
            larger = _larger(axes, plan, tile, halves=0)
            again = self._run(network, source, plan, outputs, larger)
        place = (slice(None), *within(tile.write, larger.write))
        difference = _difference(larger, {name: part[place] for name, part in again.items()}, values)
        self.found.append(difference)
        for name, most in difference["max_abs"].items():
            limit = self.allowed(plan) * difference["std"][name]
            if not most <= limit:
                at = ", ".join(str(part.start) for part in tile.write)
                raise InputError(
                    f"check failed (output {name}, tile at {at}): expected the values of a window of "
                    f"{'x'.join(map(str, difference['read']))} px, got a difference of {most:.3g} where {limit:.3g} is allowed. "
                    "Run shiftlint verify on the network."
                )

    def allowed(self, plan: Plan) -> float:
        """The largest difference that is no error, in standard deviations of the output."""
        if self.precision != "exact":
            return FAST[self.precision]
        return 0.0 if plan.bitwise else ROUNDING

    def take(self, plan: Plan) -> dict[str, Any]:
        """The form of the run report, and begin anew; differences in units of the output, `allowed` in its standard deviations."""
        found, cost = self.found, self.cost
        self.found, self.cost = [], {}
        names = found[0]["max_abs"] if found else ()
        largest = {name: max(entry["max_abs"][name] for entry in found) for name in names}
        return {
            "precision": self.precision,
            "cost": cost,
            "windows": len(found),
            "max_abs": largest,
            "allowed": self.allowed(plan),
        }

    def _run(self, network: Network, source: Source, plan: Plan, outputs: Outputs, tile: Tile) -> Values:
        return run_batch(network, plan, outputs, [(tile, source.window(tile.read, padding_index(plan)))])[0][1]


def _larger(axes: Axes, plan: Plan, tile: Tile, *, halves: int) -> Tile:
    """A tile that writes half a tile, or one step, more at every end."""
    parts = []
    for axis, planned, read, keep, write in zip(axes, plan.axes, tile.read, tile.keep, tile.write, strict=True):
        step = axis.step or 1
        grow_px = max(step, halves * planned.tile_px // 2 // step * step)
        own = AxisTile(*((box.start, box.stop) for box in (read, keep, write)))
        parts.append(larger_tile(axis, planned, own, plan.pad, grow_px))
    return Tile(*(tuple(slice(*getattr(part, box)) for part in parts) for box in ("read", "keep", "write")))


def _difference(tile: Tile, expected: Values, found: Values) -> dict[str, Any]:
    return {
        "read": [part.stop - part.start for part in tile.read],
        "max_abs": {name: float(np.abs(values - found[name]).max()) for name, values in expected.items()},
        "std": {name: float(values.std()) for name, values in expected.items()},
    }
