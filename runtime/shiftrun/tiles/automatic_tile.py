"""`--tile auto`: the fastest tile that fits into memory.

All tiles of a run read R px, so a run costs

    time ∝ (number of tiles) · R · (1 + bytes(R) / CACHED_BYTES)
    memory = BASE + blocks + workers · bytes(R)

The first factors are the arithmetic including the halo; the last was measured for U-Nets on a CPU
(0.75 µs per px at 700 px, 1.0 at 1212, 2.1 at 2236): large tensors leave the caches, and their
pages are new to the process. CUDA does not have this factor, but each tile costs LAUNCH_PX more
(measured on an H200: 0.3 ms and 4.8 ns per px). bytes(R) is the peak of the network's tensors
(`network_need.py`), proportional to R. An image that is run block by block is large: it gets tiles
of a usual size if larger ones gain little, so memory does not grow with the image. Results do not
depend on the tile, so the choice may depend on the machine.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from math import prod
from pathlib import Path

from shiftlint.contract.values import AxisContract, Contract
from shiftlint.errors import InputError
from shiftrun.memory.cuda_device import cuda_available_bytes
from shiftrun.memory.free_memory import available_bytes
from shiftrun.memory.network_need import ITEM_BYTES, activation_bytes
from shiftrun.tiles.axis_plan import Refusal, exact_axis
from shiftrun.tiles.label_grid import GRIDS
from shiftrun.tiles.padded_axis import frame
from shiftrun.tiles.plan import SMALLEST_EXACT_TILE_PX, Edges

CACHED_BYTES = 0.9e9
LAUNCH_PX = 1 << 16
BASE_BYTES = 150_000_000  # the process with its libraries
SPACING = 0.97  # of two sizes closer than this, one is tried
LITTLE = 1.06  # the most that tiles of usual size may cost relative to larger ones
LARGEST_TILE_PX = 4096
MOST_IN_A_BATCH = 16
USUAL_READ_PX = {1: 1 << 19, 2: 724, 3: 128}  # per axis


@dataclass(frozen=True, slots=True)
class Budget:
    """The memory that a run may use, and its cost.

    Attributes
    ----------
    limit_bytes : int or None
        Memory of the whole process; None: no limit.
    bytes_per_px : float
        Of one read, at its peak.
    fixed_bytes : int
        Memory independent of the tile: weights, blocks of the result.
    workers : int
        Tiles run at a time.
    on_cuda : bool
        The memory is that of a CUDA device.
    """

    limit_bytes: int | None
    bytes_per_px: float
    fixed_bytes: int = 0
    workers: int = 1
    on_cuda: bool = False

    def peak_bytes(self, read: tuple[int, ...]) -> int:
        """The memory of a run with this read."""
        return int(BASE_BYTES + self.fixed_bytes + self.workers * self.bytes_per_px * prod(read))

    def batch(self, read: tuple[int, ...]) -> int:
        """How many such reads to run at a time: those that fit into the px of one usual read."""
        count = max(1, min(MOST_IN_A_BATCH, usual_px(len(read)) // prod(read)))
        while (
            self.limit_bytes is not None
            and count > 1
            and self.peak_bytes((*read, count)) > self.limit_bytes
        ):
            count -= 1
        return count

    def cost(self, tiles: int, read: tuple[int, ...]) -> float:
        """The time of a run, in px of arithmetic."""
        if self.on_cuda:
            return tiles * (LAUNCH_PX + prod(read))
        return tiles * prod(read) * (1 + self.bytes_per_px * prod(read) / CACHED_BYTES)


def usual_px(dimensions: int) -> int:
    """The px of a read of usual size."""
    return int(USUAL_READ_PX[dimensions] ** dimensions)


def budget_of(
    path: Path,
    contract: Contract,
    dimensions: int,
    *,
    workers: int,
    limit_bytes: int | None,
    on_cuda: bool = False,
) -> Budget:
    """The budget of a network; default limit: 80 % of free memory (`on_cuda`: of the device)."""
    axes, usual = (
        next((o.axes for o in contract.outputs if len(o.axes) == dimensions), ()),
        USUAL_READ_PX[dimensions],
    )
    sizes = [axis.sizes and (axis.sizes.max or axis.sizes.next_legal(usual)) for axis in axes] or [
        usual
    ] * dimensions
    read = tuple(size or usual for size in sizes)
    per_px = activation_bytes(path, read, contract.input.name) / prod(read)
    channels = sum(
        size for output in contract.outputs for size in output.shape[1:2] if isinstance(size, int)
    )
    block_bytes = ITEM_BYTES * channels * GRIDS[dimensions].single ** dimensions
    fixed, limit = path.stat().st_size, limit_bytes
    if limit is None:
        limit = cuda_available_bytes() if on_cuda else available_bytes()
    return Budget(
        limit, per_px, fixed + (0 if on_cuda else block_bytes), workers, on_cuda
    )  # blocks are on the host


@dataclass(frozen=True, slots=True)
class Choice:
    """One tile size along one axis: px written per tile, px read, number of tiles."""

    tile_px: int
    read_px: int
    count: int


def fastest_tile(
    shape: tuple[int, ...],
    axes: tuple[AxisContract, ...],
    budget: Budget,
    *,
    pad: str = "reflect",
    edges: Edges = (),
) -> tuple[int, ...] | None:
    """The cheapest tile within the budget, or a smaller one of nearly the same cost.

    None if the contract allows no tile.

    Raises
    ------
    InputError
        No exact tile fits.
    """
    cuts = edges or ((),) * len(axes)
    options = [
        choices(axis, size, pad, cut) for axis, size, cut in zip(axes, shape, cuts, strict=True)
    ]
    if not all(options):
        return None
    combined = [
        (tuple(c.tile_px for c in cs), tuple(c.read_px for c in cs), prod(c.count for c in cs))
        for cs in itertools.product(*options)
    ]
    fitting = [
        c
        for c in combined
        if budget.limit_bytes is None or budget.peak_bytes(c[1]) <= budget.limit_bytes
    ]
    if not fitting:
        needed = min(budget.peak_bytes(read) for _, read, _ in combined)
        raise InputError(
            f"not enough memory (--memory): expected at least {needed / 1e6:.0f} MB for the "
            "smallest exact tile, "
            f"got {(budget.limit_bytes or 0) / 1e6:.0f} MB. Free memory, or pass a smaller --tile."
        )
    fitting.sort(key=lambda c: (budget.cost(c[2], c[1]), c[0]))
    _, read, count = fitting[0]
    most = LITTLE * budget.cost(count, read) if any(cuts) else 0.0
    usual = [
        c for c in fitting if prod(c[1]) <= usual_px(len(shape)) and budget.cost(c[2], c[1]) <= most
    ]
    return (usual or fitting)[0][0]


def choices(
    axis: AxisContract, image_px: int, pad: str, edges: tuple[int, ...]
) -> tuple[Choice, ...]:
    """The candidate tile sizes: each stretch between two edges in 1, 2, 3, … equal parts.

    Tiles below 128 px are excluded: onnxruntime's CPU kernels may sum them in a different order.
    """
    output_px, step = frame(axis, image_px, pad).output_px, axis.step or 1
    if axis.reads is None or axis.period is None:
        return ()
    stretches = {stop - start for start, stop in itertools.pairwise((0, *edges, output_px))}
    longest = max(stretches)
    parts = {
        -(-stretch // (count * step)) * step
        for stretch in stretches
        for count in range(1, longest // SMALLEST_EXACT_TILE_PX + 1)
    }
    whole = -(-longest // step) * step
    found: list[Choice] = []
    for tile_px in sorted(
        (size for size in parts | {whole} if size >= min(whole, SMALLEST_EXACT_TILE_PX)),
        reverse=True,
    ):
        if tile_px > LARGEST_TILE_PX or (found and tile_px > SPACING * found[-1].tile_px):
            continue
        try:
            plan = exact_axis(axis, image_px, tile_px, pad, edges=edges)
        except Refusal:
            continue
        found.append(Choice(tile_px, plan.read_px, len(plan.tiles)))
    return tuple(found)
