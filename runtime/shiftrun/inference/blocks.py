"""Run a plan block by block, with smaller tiles if memory runs out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from shiftlint.contract.values import AxisContract
from shiftrun.arrays.box import Box, everything, shape_of, within
from shiftrun.arrays.readers import ArrayTarget, Target
from shiftrun.inference.network_input import Source
from shiftrun.inference.run_tiles import Network, Outputs, Values, run_tiles
from shiftrun.inference.session import OutOfMemory
from shiftrun.inference.window_check import Check, Watch
from shiftrun.progress import Progress
from shiftrun.tiles.plan import Edges, Plan

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Block:
    """A part of the result: its box, embeddings (E, *box) and foreground logits (*box)."""

    box: Box
    embedding: NDArray[np.float32]
    foreground: NDArray[np.float32]


@dataclass
class Run:
    """The run of one image; the only state is the plan, whose tiles may become smaller.

    Attributes
    ----------
    network : Network
    source : Source
    plan : Plan
    outputs : tuple of OutputContract
    halve : callable (Plan, edges) to Plan or None
        A plan of smaller tiles for the same result, with tiles that begin at the edges, or None.
    edges : tuple of tuple of int
        Per axis, where blocks of the result should begin; see `Plan.block_edges`.
    workers : int
    progress : callable (tiles done, tiles in all), optional
    check : Check, optional
        Checks some of the tiles.
    axes : tuple of AxisContract
        For all outputs; used by `check`.
    batch : int
        Tiles per batch; out of memory, tiles first run one by one, then become smaller.
    """

    network: Network
    source: Source
    plan: Plan
    outputs: Outputs
    halve: Callable[[Plan, Edges], Plan | None] = lambda *_: None
    edges: Edges = ()
    workers: int = 1
    progress: Progress | None = None
    check: Check | None = None
    axes: tuple[AxisContract, ...] = ()
    batch: int = 1
    _watched: Watch | None = field(default=None, init=False)

    def into(self, make_target: Callable[[str, int], Target]) -> None:
        """Write the whole result to targets, created for (name, channels) after the first tile."""
        targets: dict[str, Target] = {}
        self._fill(everything(self.plan.output_shape), make_target, targets, 0)
        self._end()

    def blocks(self) -> Iterator[Block]:
        """Yield the outputs `embedding` and `foreground` block by block."""
        done, edges = 0, self.plan.block_edges(self.edges)
        for box in list(self.plan.blocks(edges)):
            found: Values = {}
            targets: dict[str, Target] = {}

            def memory(name: str, channels: int, box: Box = box, found: Values = found) -> Target:
                found[name] = np.empty((channels, *shape_of(box)), dtype=np.float32)
                return ArrayTarget(found[name])

            done = self._fill(box, memory, targets, done, edges)
            yield Block(box, found["embedding"], found["foreground"][0])
        self._end()

    def _fill(
        self,
        box: Box,
        make_target: Callable[[str, int], Target],
        targets: dict[str, Target],
        done: int,
        edges: Edges = (),
    ) -> int:
        """Run one block's tiles; out of memory, restart with halved tiles. Returns tiles done."""
        while True:
            count = done
            try:
                watch = self._watch()
                settings: dict[str, Any] = {
                    "block": box,
                    "workers": self.workers,
                    "batch": self.batch,
                }
                for tile, found in run_tiles(
                    self.network, self.source, self.plan, self.outputs, **settings
                ):
                    if watch is not None:
                        watch.look(tile, found)
                    place = within(tile.write, box)
                    for name, values in found.items():
                        if name not in targets:
                            targets[name] = make_target(name, values.shape[0])
                        targets[name].write((slice(0, values.shape[0]), *place), values)
                    count += 1
                    if self.progress is not None:
                        self.progress(min(count, self.plan.tile_count), self.plan.tile_count)
                return count
            except (OutOfMemory, MemoryError):  # of onnxruntime, of an array
                if self.batch > 1:
                    self.batch = 1
                    continue
                smaller = self.halve(self.plan, edges)
                if smaller is None:
                    raise
                self.plan = smaller

    def _watch(self) -> Watch | None:
        """The check of the tiles of the current plan."""
        if self.check is not None and (
            self._watched is None or self._watched.plan is not self.plan
        ):
            self._watched = self.check.begin(
                self.network, self.source, self.plan, self.axes, self.outputs
            )
        return self._watched

    def _end(self) -> None:
        if self._watched is not None:
            self._watched.end()


def timed(
    items: Iterable[Item], stage: Callable[[], AbstractContextManager[None]]
) -> Iterator[Item]:
    """Yield the items, waiting for each inside `stage()`; keeps no reference to a yielded item."""
    iterator, waited = iter(items), list[Item]()
    while True:
        with stage():
            waited += itertools.islice(iterator, 1)
        if not waited:
            return
        yield waited.pop()


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Make the next item in another thread while the caller works; raise an error in its place.

    Two items exist at a time: the caller's, as long as the caller holds it, and the next one.
    """
    iterator = iter(items)

    def make() -> list[Item]:
        return list(itertools.islice(iterator, 1))

    with ThreadPoolExecutor(1, "ahead") as pool:
        made = pool.submit(make).result()
        while made:
            following = pool.submit(make)
            yield made.pop()
            made = following.result()
