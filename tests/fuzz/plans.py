"""The claims of plans: tiles equal the whole image, bit for bit where the plan promises it.

Images are large enough for the sizes that decide something in the graph: the sizes of a tile and of
the whole image are on different sides of such a size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from shiftlint.contract.metadata import Metadata
from shiftlint.contract.values import AxisContract, Contract, OutputContract
from shiftlint.errors import InputError
from shiftrun.inference.run_tiles import channels_first
from shiftrun.model.model import Model
from shiftrun.tiles.plan import Plan
from tests.fuzz.builder import Builder
from tests.honest import dishonest

LARGEST = {1: 20_000, 2: 500_000, 3: 120_000}  # px of an image
MOST_TILES = 150
SMALLEST_EXACT = 128  # px of a tile that may be called bitwise
USUAL = {
    1: (40, 700),
    2: (30, 330),
    3: (10, 60),
}  # px of an axis that nothing in the graph asks for
ROUNDED = 1e-3  # of a standard deviation: what the runner allows a plan that is not bitwise
# of the px: those that rounding takes to another value altogether, where the graph has such values
JUMPING = 1e-3


@dataclass(frozen=True)
class Claims:
    """What came of some plans of one graph: how many there were of each kind, and what was
    wrong.
    """

    counts: Counter[str]
    contradictions: tuple[str, ...]


def hold(
    path: Path, contract: Contract, b: Builder, random: np.random.Generator, trials: int
) -> Claims:
    """Try some images and tiles of every output that can be tiled."""
    model = Model(path, "", contract, "computed", Metadata(), device="cpu", check_windows=0)
    counts: Counter[str] = Counter()
    wrong = []
    for output in contract.outputs:
        if len(output.axes) != b.rank or any(
            axis.sizes is None or axis.sizes.max is not None for axis in output.axes
        ):
            continue
        for trial in range(trials):
            shape, tile = _wish(output.axes, b, random, exact=trial % 2 == 0)
            if not shape or prod(shape) > LARGEST[b.rank]:
                continue
            try:
                plan = model.plan(shape, tile=tile, pad="none", outputs=(output.name,))
            except InputError as error:
                counts[f"refused {error.code}"] += 1
                continue
            if not 1 < plan.tile_count <= MOST_TILES or plan.padded_shape != shape:
                continue
            counts.update(_kinds(model, plan, b))
            sentence = _held(model, plan, output, b, random)
            if sentence:
                wrong.append(
                    f"{output.name}: {'bitwise ' * plan.bitwise}tiles {tile} of {shape}, reads "
                    f"{plan.read_shape}: {sentence}"
                )
    return Claims(counts, tuple(wrong))


def _kinds(model: Model, plan: Plan, b: Builder) -> Iterator[str]:
    yield "tiled"
    if plan.bitwise:
        yield "tiled bitwise"
    if model.batch(plan) > 1:
        yield "tiled in batches"
    near = zip(range(2, 2 + b.rank), plan.read_shape, plan.padded_shape, strict=True)
    if any(read < px <= whole for axis, read, whole in near for px in b.bites.get(axis, ())):
        yield "tiled across a constant"


def _wish(
    axes: tuple[AxisContract, ...], b: Builder, random: np.random.Generator, *, exact: bool
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A legal image, near what the graph asks for, and a tile, of at least 128 px to be `exact`; ()
    where there is none.
    """
    asking = [
        i for i, axis in enumerate(axes) if max(b.bites.get(axis.input_axis, ()), default=0) > 0
    ]
    cut = set(
        random.choice(
            len(axes), int(random.integers(1, len(axes) + 1)) if b.rank < 3 else 1, replace=False
        ).tolist()
    )
    cut = {int(random.choice(asking))} if asking and random.random() < 0.8 else cut
    shape, tile = [], []
    for index, axis in enumerate(axes):
        assert axis.sizes is not None
        assert axis.output_size is not None
        step, scale = axis.step or 1, axis.output_size.scale
        asked = [px for px in b.bites.get(axis.input_axis, ()) if px > 0]
        low, high = USUAL[b.rank]
        wanted = int(random.integers(low, high))
        if asked and random.random() < 0.8:
            wanted = int(random.choice(asked)) + int(random.integers(0, 1 + (axis.period or 1)))
        px = -(-(SMALLEST_EXACT if exact else int(random.integers(1, 60))) // step) * step
        if index in cut and exact:
            more = 1 + int(wanted < px / scale) * int(random.integers(10, 150))
            wanted = max(wanted, int((px + axis.output_size.offset) / scale) + more)
        size = axis.sizes.next_legal(max(wanted, 1))
        if size is None:
            return (), ()
        shape.append(size)
        tile.append(px if index in cut else -(-axis.output_size.of(size) // step) * step)
    return tuple(shape), tuple(max(px, 1) for px in tile)


def _held(
    model: Model, plan: Plan, output: OutputContract, b: Builder, random: np.random.Generator
) -> str | None:
    """The contradictions of a plan."""
    shape = tuple(axis.image_px for axis in plan.axes)
    image = random.standard_normal((model.channels or 1, *shape)).astype(np.float32)
    try:
        whole = channels_first(
            model.session.run(image[None])[output.name], [axis.output_axis for axis in output.axes]
        )
    except InputError as error:
        return f"the whole image is not run: {error}"
    try:
        found = model.predict(
            image, tile=plan.tile_shape, pad="none", normalize="none", outputs=(output.name,)
        )[output.name]
    except InputError as error:
        return f"the plan does not run: {error}"
    return dishonest(plan, output.axes, found, whole, rounded=ROUNDED, jumping=JUMPING * b.jumps)
