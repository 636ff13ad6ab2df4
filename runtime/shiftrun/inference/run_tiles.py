"""Execute a plan tile by tile: read, run, keep. No blending: each px is kept once.

Reading and normalizing the next tiles, running the network and the caller's work overlap; queues
are short, so memory does not grow with the image.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from shiftlint.contract.values import OutputContract
from shiftlint.errors import InputError
from shiftrun.arrays.box import Box
from shiftrun.inference.network_input import Source, padding_index
from shiftrun.tiles.plan import Plan, Tile

Outputs = tuple[OutputContract, ...]
Values = dict[str, NDArray[np.float32]]
Item = TypeVar("Item")
Result = TypeVar("Result")


class Network(Protocol):
    """Runs a batch: `session.Session`, or a test double."""

    def run(
        self, batch: NDArray[np.float32], outputs: tuple[str, ...] | None = None
    ) -> Mapping[str, NDArray[Any]]:
        """Return the named outputs of one batch; thread-safe."""
        ...


def run_tiles(
    network: Network,
    source: Source,
    plan: Plan,
    outputs: Outputs,
    *,
    block: Box | None = None,
    workers: int = 1,
    batch: int = 1,
) -> Iterator[tuple[Tile, Values]]:
    """Yield the tiles of `plan`, or of one block, in order, with their kept outputs (C', *space).

    The network runs `batch` tiles at a time.
    """
    index = padding_index(plan)
    run = partial(run_batch, network, plan, outputs)
    tiles = plan.tiles(block)
    groups = iter(lambda: list(itertools.islice(tiles, batch)), [])
    reader, runner = ThreadPoolExecutor(1, "read"), ThreadPoolExecutor(workers, "run")
    try:
        read = in_order(
            reader,
            lambda group: [(tile, source.window(tile.read, index)) for tile in group],
            groups,
            1,
        )
        yield from itertools.chain.from_iterable(in_order(runner, run, read, workers))
    finally:
        for pool in (reader, runner):
            pool.shutdown(cancel_futures=True)


def in_order(
    pool: Executor,
    function: Callable[[Item], Result],
    items: Iterable[Item],
    ahead: int,
    wait: Callable[[Future[Result]], Result] = Future.result,
) -> Iterator[Result]:
    """Map in `pool`, in order, with at most `ahead` results beyond the one that `wait` awaits."""
    waiting: deque[Future[Result]] = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        del item  # the pool holds it until it is done
        if len(waiting) > ahead:
            yield wait(waiting.popleft())
    while waiting:
        yield wait(waiting.popleft())


def run_batch(
    network: Network,
    plan: Plan,
    outputs: Outputs,
    tiles_and_windows: list[tuple[Tile, NDArray[np.float32]]],
) -> list[tuple[Tile, Values]]:
    """Run windows (C, *space) of one size at once; tiles and their kept outputs (C', *space)."""
    input_axes = [axis.input_axis for axis in outputs[0].axes]
    batch = np.stack([window for _, window in tiles_and_windows])  # (N, C, *space)
    found = network.run(
        np.moveaxis(batch, range(2, batch.ndim), input_axes),
        tuple(output.name for output in outputs),
    )
    for name, values in found.items():
        if len(values) != len(batch):
            raise InputError(
                f"batch size ({name}): expected {len(batch)} results for {len(batch)} windows, "
                f"got {len(values)}."
            )
    singly = [
        {name: values[number : number + 1] for name, values in found.items()}
        for number in range(len(batch))
    ]
    return [
        (tile, _kept(plan, outputs, tile, values))
        for (tile, _), values in zip(tiles_and_windows, singly, strict=True)
    ]


def _kept(plan: Plan, outputs: Outputs, tile: Tile, found: Mapping[str, NDArray[Any]]) -> Values:
    """The part of the network's outputs that a tile keeps."""
    kept: Values = {}
    for output in outputs:
        values = channels_first(found[output.name], [axis.output_axis for axis in output.axes])
        if any(size < box.stop for size, box in zip(values.shape[1:], tile.keep, strict=True)):
            got = "x".join(map(str, values.shape[1:]))
            raise InputError(
                f"output size ({output.name}): expected "
                f"{'x'.join(str(box.stop) for box in tile.keep)} px or more from a read "
                f"of {'x'.join(map(str, plan.read_shape))}, got {got}. The contract does not match "
                "the network. Run shiftlint verify."
            )
        kept[output.name] = values[(slice(None), *tile.keep)]
    return kept


def channels_first(values: NDArray[Any], output_axes: list[int]) -> NDArray[Any]:
    """Transpose an output of batch size 1 to (C', *space); without a channel axis, C' is 1."""
    space = len(output_axes)
    moved = np.moveaxis(values, output_axes, range(values.ndim - space, values.ndim))
    return moved.reshape(-1, *moved.shape[values.ndim - space :])
