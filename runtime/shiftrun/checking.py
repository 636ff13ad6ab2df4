"""Measuring at run time what is promised: windows against larger ones, and a fast precision against the exact one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shiftlint.contract import AxisContract
from shiftlint.errors import InputError
from shiftrun.axis_plan import AxisTile, larger_tile
from shiftrun.plan import SMALLEST_EXACT_TILE_PX, Plan, Tile
from shiftrun.session import OutOfMemory
from shiftrun.source import Source, padding_index
from shiftrun.stitch import Network, Outputs, Values, run_tile
from shiftrun.windows import within

# The largest difference that is no error, in standard deviations of the output.
ROUNDING = 1e-3  # where the contract or the size of the tile says "up to rounding"
FAST = {"tf32": 5e-2, "fp16": 1e-1}


@dataclass
class Check:
    """Compares some of the tiles of a run with larger windows while it runs.

    Attributes
    ----------
    axes : tuple of AxisContract
        Of the outputs that are run.
    windows : int
        How many tiles to compare; chosen at random, but the same ones for the same plan.
    precision : {"exact", "tf32", "fp16"}
    found : list of dict
        The comparisons so far: read sizes, largest difference and standard deviation per output.
    """

    axes: tuple[AxisContract, ...]
    windows: int
    precision: str = "exact"
    found: list[dict[str, Any]] = field(default_factory=list)

    def chosen(self, plan: Plan) -> frozenset[int]:
        """The numbers of the tiles to compare, in the order in which they are run."""
        random = np.random.default_rng(0)
        return frozenset(random.choice(plan.tile_count, min(self.windows, plan.tile_count), replace=False).tolist())

    def compare(self, network: Network, source: Source, plan: Plan, outputs: Outputs, tile: Tile, values: Values) -> None:
        """Run a window of up to twice the size around `tile`, and compare what it gives with `values`.

        Raises
        ------
        InputError
            They differ by more than the plan and the precision allow.
        OutOfMemory
            Not even a window that is larger by one step fits.
        """
        if not plan.exact:  # nothing is promised of it
            return
        larger = self._larger(plan, tile, halves=1)
        if larger.write == tile.write:  # the whole image, or the only size that the network takes
            return
        try:
            again = self._run(network, source, plan, outputs, larger)
        except OutOfMemory:
            larger = self._larger(plan, tile, halves=0)
            again = self._run(network, source, plan, outputs, larger)
        place = (slice(None), *within(tile.write, larger.write))
        difference = {name: float(np.abs(again[name][place] - kept).max()) for name, kept in values.items()}
        deviation = {name: float(again[name].std()) for name in values}
        sizes = {"read": _sizes(tile.read), "larger_read": _sizes(larger.read), "write": [part.start for part in tile.write]}
        self.found.append({**sizes, "max_abs": difference, "std": deviation})
        allowed = self.allowed(plan)
        for name, most in difference.items():
            if not most <= allowed * deviation[name]:
                raise InputError(
                    f"check failed (output {name}, tile at {sizes['write']}): expected the values of a window of "
                    f"{'x'.join(map(str, sizes['larger_read']))} px, got a difference of {most:.3g} where "
                    f"{allowed * deviation[name]:.3g} is allowed. Nothing was kept. Run shiftlint verify on the network."
                )

    def allowed(self, plan: Plan) -> float:
        """The largest difference that is no error, in standard deviations of the output."""
        if self.precision != "exact":
            return FAST[self.precision]
        return 0.0 if plan.bitwise and min(plan.tile_shape) >= SMALLEST_EXACT_TILE_PX else ROUNDING

    def to_json(self, plan: Plan) -> dict[str, Any]:
        """The form of the run report; differences in units of the output, `allowed` in its standard deviations."""
        names = self.found[0]["max_abs"] if self.found else ()
        largest = {name: max(entry["max_abs"][name] for entry in self.found) for name in names}
        return {"windows": len(self.found), "max_abs": largest, "allowed": self.allowed(plan)}

    def _larger(self, plan: Plan, tile: Tile, *, halves: int) -> Tile:
        parts = []
        for axis, planned, read, keep, write in zip(self.axes, plan.axes, tile.read, tile.keep, tile.write, strict=True):
            step = axis.step or 1
            grow_px = max(step, halves * planned.tile_px // 2 // step * step)
            own = AxisTile(*((box.start, box.stop) for box in (read, keep, write)))
            parts.append(larger_tile(axis, planned, own, plan.pad, grow_px))
        return Tile(*(tuple(slice(*getattr(part, box)) for part in parts) for box in ("read", "keep", "write")))

    def _run(self, network: Network, source: Source, plan: Plan, outputs: Outputs, tile: Tile) -> Values:
        return run_tile(network, plan, outputs, (tile, source.window(tile.read, padding_index(plan))))[1]


def precision_difference(exact: Network, fast: Network, source: Source, plan: Plan, outputs: Outputs) -> dict[str, Any]:
    """What a fast precision costs on the tile in the middle of the image: largest difference and standard deviation per output."""
    tiles = list(plan.tiles())
    tile = tiles[len(tiles) // 2]
    window = source.window(tile.read, padding_index(plan))
    expected, found = (run_tile(network, plan, outputs, (tile, window))[1] for network in (exact, fast))
    return {
        "read": _sizes(tile.read),
        "max_abs": {name: float(np.abs(found[name] - values).max()) for name, values in expected.items()},
        "std": {name: float(values.std()) for name, values in expected.items()},
    }


def _sizes(box: tuple[slice, ...]) -> list[int]:
    return [part.stop - part.start for part in box]
