"""Run-time checks: tiles against other windows of the image, fast precision against exact.

The first run of a network in more than one tile proves itself: its tiles are compared with the
windows of `tiles.witnesses`. The proof is stored (`proofs`). With `--check N`, N tiles are instead
compared with larger windows in every run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from shiftlint.errors import InputError
from shiftrun.arrays.box import Box, intersection, shape_of, within
from shiftrun.inference.differences import Difference, Spread
from shiftrun.inference.network_input import Source, padding_index
from shiftrun.inference.proofs import Key, Proofs
from shiftrun.inference.run_tiles import Network, Outputs, Values, run_batch
from shiftrun.tiles.plan import Plan, Tile
from shiftrun.tiles.witnesses import Axes, Usable, Witness, larger, witnesses

# The largest allowed difference in standard deviations; for whole numbers, the share of px.
ROUNDING = 1e-3  # if the plan says "up to rounding"
FAST = {"tf32": 5e-2, "fp16": 1e-1}
# times the drift of an interpolation: later differences of neighbors reached five times
AMPLIFIED = 8

PROVED, REMEMBERED, NOT_PROVED = "proved", "remembered", "not proved"


@dataclass(frozen=True, slots=True)
class Proving:
    """How the runs of a model prove themselves.

    Attributes
    ----------
    key : callable (Plan, outputs) to Key
        The scope of a run's proof.
    usable : callable (Plan, outputs) to (callable (shape of a read) to bool)
        Which reads fit into memory and promise the same as the plan.
    proofs : Proofs
        The stored proofs.
    """

    key: Callable[[Plan, Outputs], Key]
    usable: Callable[[Plan, Outputs], Usable]
    proofs: Proofs


@dataclass
class Check:
    """Compares tiles with other windows during a run, and fast precision with exact.

    Attributes
    ----------
    windows : int or None
        Tiles of every run to compare with larger windows; None: as `proving` requires.
    precision : {"exact", "tf32", "fp16"}
    exact : callable () to Network
        The network in exact precision.
    where : str
        The network's name in messages.
    proving : Proving, optional
    cost : dict
        The error of the precision on the first tile of the run: size, largest difference and
        standard deviation per output.
    compared : int
        Windows so far.
    largest : dict
        The largest difference per output so far.
    told : list of str
        For every run that needed a proof: whether it was proved now, earlier, or not.
    """

    windows: int | None
    precision: str
    exact: Callable[[], Network]
    where: str = "network"
    proving: Proving | None = None
    cost: dict[str, Any] = field(default_factory=dict)
    compared: int = 0
    largest: dict[str, float] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def begin(
        self, network: Network, source: Source, plan: Plan, axes: Axes, outputs: Outputs
    ) -> Watch:
        """The check of a run with these parameters; `axes` are for all outputs.

        Raises
        ------
        InputError
            As for `Source.window` and `Network.run`.
        """
        watch = Watch(self, network, source, plan, outputs)
        if not plan.exact or plan.tile_count == 1:  # nothing is promised, or the run is one tile
            return watch
        if self.windows is not None:
            for tile in self._chosen(plan):
                watch.add_larger(axes, tile)
        elif self.proving is not None:
            proof = Proof(self.proving.key(plan, outputs), self.proving.proofs)
            if proof.key in proof.proofs:
                self.told.append(REMEMBERED)
            else:
                watch.add_proof(proof, witnesses(plan, axes, self.proving.usable(plan, outputs)))
        return watch

    def allowed(self, plan: Plan, *, exact: bool = True) -> float:
        """The largest allowed difference, in standard deviations; `exact` as in `Witness`."""
        if self.precision != "exact":
            return FAST[self.precision]
        return 0.0 if plan.bitwise and exact else max(ROUNDING, AMPLIFIED * plan.drift)

    def take(self, plan: Plan) -> dict[str, Any] | None:
        """The results for the run report, then reset; None if nothing was checked.

        Differences are in units of the output, `allowed` in its standard deviations.
        """
        if self.windows is None and not self.told and not self.cost:
            return None
        report = {
            "precision": self.precision,
            "cost": self.cost,
            "windows": self.compared,
            "max_abs": self.largest,
            "allowed": self.allowed(plan),
            "proof": next(
                (state for state in (NOT_PROVED, PROVED, REMEMBERED) if state in self.told), None
            ),
        }
        self.cost, self.compared, self.largest, self.told = {}, 0, {}, []
        return report

    def _chosen(self, plan: Plan) -> Iterator[Tile]:
        """Random tiles, the same ones for the same plan."""
        random = np.random.default_rng(0)
        count = min(self.windows or 0, plan.tile_count)
        numbers = set(random.choice(plan.tile_count, count, replace=False).tolist())
        return (tile for number, tile in enumerate(plan.tiles()) if number in numbers)


@dataclass
class _Window:
    """A window to compare with; `values` are its outputs, once known."""

    tiles: tuple[Tile, ...]  # the second if the first does not fit into memory
    exact: bool
    left_px: int
    values: Values | None = None

    @property
    def write(self) -> Box:
        return self.tiles[0].write


@dataclass
class Proof:
    """The proof of a run, where it is stored, and whether its windows are `complete`."""

    key: Key
    proofs: Proofs
    complete: bool = True


@dataclass
class Watch:
    """The check of one run, tile by tile."""

    check: Check
    network: Network
    source: Source
    plan: Plan
    outputs: Outputs
    windows: list[_Window] = field(default_factory=list)
    spread: dict[str, Spread] = field(default_factory=dict)
    worst: dict[tuple[str, bool], Difference] = field(
        default_factory=dict
    )  # by output and `Witness.exact`
    differing: Counter[tuple[str, bool]] = field(default_factory=Counter)  # elements
    counted: Counter[tuple[str, bool]] = field(default_factory=Counter)
    proof: Proof | None = None

    def add_larger(self, axes: Axes, tile: Tile) -> None:
        """Compare a tile with a window half a tile, or else a step, larger at every end."""
        found = tuple(larger(self.plan, axes, tile, halves=halves) for halves in (1, 0))
        if found[0].read != tile.read:  # else there is no other window
            self.windows.append(_Window(found, exact=True, left_px=_px(tile.write)))

    def add_proof(self, proof: Proof, found: Iterator[Witness]) -> None:
        """Run a proof's windows; no proof if one is missing, cannot run or has no contrast."""
        self.proof, small = proof, 0
        for witness in found:
            tile, contrast = self._with_contrast(witness)
            window = _Window((tile,), witness.exact, _px(tile.write))
            if self._run(window):
                self.windows.append(window)
            proof.complete &= contrast and window.values is not None
            small += witness.exact
        proof.complete &= small > 0

    def look(self, tile: Tile, values: Values) -> None:
        """Check a tile of the run and its outputs.

        Raises
        ------
        InputError
            SL902: another window's values differ more than the plan and the precision allow.
        """
        check = self.check
        if check.precision != "exact" and not check.cost:
            check.cost = self._cost(tile, values)
        if not self.windows:
            return
        for name, part in values.items():
            self.spread.setdefault(name, Spread()).add(part)
        for window in list(self.windows):
            shared = intersection(window.write, tile.write)
            if shared is not None:
                self._compare(window, shared, tile, values)

    def end(self) -> None:
        """End the run: judge the comparisons, and store a proof.

        Raises
        ------
        InputError
            As for `look`.
        """
        for (name, exact), difference in self.worst.items():
            limit = self.check.allowed(self.plan, exact=exact)
            if difference.whole_numbers:
                wrong = self.differing[name, exact] > limit * self.counted[name, exact]
            else:
                wrong = not difference.most <= limit * self.spread[name].scale
            if wrong:
                raise self._contradiction(name, difference, limit)
        if self.proof is not None:
            proved = self.proof.complete and not self.windows
            self.check.told.append(PROVED if proved else NOT_PROVED)
            if proved:
                self.proof.proofs.add(self.proof.key)

    def _with_contrast(self, witness: Witness) -> tuple[Tile, bool]:
        """The first place of a window where the image varies, and whether there is one."""
        index = padding_index(self.plan)
        for tile in witness.places:
            values = self.source.window(tile.read, index)
            if values.size and (values.min() != values.max()):
                return tile, True
        return witness.places[0], False

    def _run(self, window: _Window) -> bool:
        """Run a window; returns whether it fits into memory and the network takes it."""
        for tile in window.tiles:
            try:
                found = _values(self.network, self.source, self.plan, self.outputs, tile)
            except (InputError, MemoryError):
                continue
            window.tiles, window.values = (tile,), found
            self.check.compared += 1
            return True
        return False

    def _compare(self, window: _Window, shared: Box, tile: Tile, values: Values) -> None:
        if window.values is None and not self._run(window):
            self.windows.remove(window)
            return
        assert window.values is not None
        for name, part in window.values.items():
            expected, got = (
                v[(slice(None), *within(shared, box))]
                for v, box in ((part, window.write), (values[name], tile.write))
            )
            difference = Difference.between(expected, got, shared, tile, window.tiles[0])
            self.check.largest[name] = max(self.check.largest.get(name, 0.0), difference.most)
            limit = self.check.allowed(self.plan, exact=window.exact)
            if limit == 0 and difference.most > 0:
                raise self._contradiction(name, difference, limit)
            key = name, window.exact
            self.differing[key] += difference.differing
            self.counted[key] += got.size
            if key not in self.worst or difference.most > self.worst[key].most:
                self.worst[key] = difference
        window.left_px -= _px(shared)
        if window.left_px <= 0:
            self.windows.remove(window)

    def _cost(self, tile: Tile, values: Values) -> dict[str, Any]:
        """The differences of a fast precision in one tile."""
        exact = _values(self.check.exact(), self.source, self.plan, self.outputs, tile)
        return {
            "read": list(shape_of(tile.read)),
            "max_abs": {
                name: float(np.abs(part - values[name]).max()) for name, part in exact.items()
            },
            "std": {name: float(part.std(dtype=np.float64)) for name, part in exact.items()},
        }

    def _contradiction(self, name: str, difference: Difference, limit: float) -> InputError:
        whole, px = (
            ",".join(map(str, numbers)) for numbers in (self.plan.output_shape, difference.px)
        )
        spread = self.spread[name].scale
        allowed = (
            f"{limit * spread:.3g} ({limit:.3g} standard deviations of {spread:.3g}) is allowed"
        )
        if difference.whole_numbers:
            allowed = f"{limit:.3g} of the numbers may differ"
        return InputError(
            f"tiles differ from the whole image ({self.check.where}, output {name}, px {px}): "
            f"expected {difference.expected:.9g}, which a window of {_by(difference.window.read)} "
            "px at "
            f"{_at(difference.window.read)} gives, got {difference.got:.9g} from the tile of "
            f"{_by(difference.tile.read)} px at "
            f"{_at(difference.tile.read)}: a difference of {difference.most:.3g} where {allowed}. "
            f"Run the image as one tile (--tile {whole}), and please report this with the network.",
            code="SL902",
        )


def _values(network: Network, source: Source, plan: Plan, outputs: Outputs, tile: Tile) -> Values:
    return run_batch(
        network, plan, outputs, [(tile, source.window(tile.read, padding_index(plan)))]
    )[0][1]


def _px(box: Box) -> int:
    return prod(shape_of(box))


def _by(box: Box) -> str:
    return "x".join(map(str, shape_of(box)))


def _at(box: Box) -> str:
    return ", ".join(str(part.start) for part in box)
