"""shiftrun in tiles against onnxruntime on the whole image: equal, rounded or refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np

import shiftrun
from shiftlint.contract.values import AxisContract, Contract
from shiftlint.errors import InputError
from shiftlint.verification.subject import RunError
from shiftrun.inference.run_tiles import channels_first
from shiftrun.model.open_model import Model
from tests.fuzz.networks import Network
from tests.fuzz.standard_cases import Array

SMALL_PX, SHORT_PX, SHORT_TILE_PX = 50, 20, 16  # of outputs
LONG_PX, LONG_TILE_PX = 300, 128  # of outputs: tiles of that size promise equal bits
ROUNDING = 1e-4  # standard deviations of the output
# of them for each px along the longest axis, where the network interpolates at float32 coordinates
COORDINATE_ROUNDING = 1e-6
HALF_ROUNDING = 1e-2  # where the network computes in half precision
MOST_OUTPUTS = 2


@dataclass(frozen=True)
class Trial:
    """An image size and a tile, px per axis."""

    shape: tuple[int, ...]
    tile: tuple[int, ...]


@dataclass(frozen=True)
class Ending:
    """How a run ended: `honest` False for a difference that the plan does not admit, or an
    exception that is no InputError.
    """

    honest: bool
    how: str


def runs_in_tiles(
    path: Path, contract: Contract, network: Network, *, half: bool
) -> Iterator[Ending]:
    """Run some images in tiles and compare each with the whole."""
    try:
        model = shiftrun.open_model(path, device="cpu", image_input=contract.input.name)
        model.session  # noqa: B018  # loaded on first use
    except InputError as error:
        yield Ending(True, f"refused: {error}")
        return
    for output in contract.outputs[:MOST_OUTPUTS]:
        if len(output.axes) == len(network.axes):
            for trial in trials(output.axes):
                yield _run(model, output.name, trial, network, half=half)


def trials(axes: Sequence[AxisContract]) -> Iterator[Trial]:
    """Small tiles along all axes, of an image of a legal size and of another; tiles of usual size
    along one axis at a time.
    """
    small = [_legal(axis, SMALL_PX) for axis in axes]
    short = [_legal(axis, SHORT_PX) for axis in axes]
    if None in small or None in short:
        return
    few = tuple(_tile(axis, SHORT_TILE_PX) for axis in axes)
    yield Trial(tuple(n or 0 for n in small), few)
    yield Trial(tuple((n or 0) + i + 1 for i, n in enumerate(small)), few)
    for long in {0, len(axes) - 1}:
        size = _legal(axes[long], LONG_PX)
        if size is not None:
            shape = [size if i == long else n or 0 for i, n in enumerate(short)]
            yield Trial(
                tuple(shape),
                tuple(
                    _tile(a, LONG_TILE_PX if i == long else 10 * SMALL_PX)
                    for i, a in enumerate(axes)
                ),
            )


def _legal(axis: AxisContract, outputs: int) -> int | None:
    """The smallest legal size that gives so many outputs or more."""
    if axis.sizes is None or axis.output_size is None:
        return outputs
    if axis.sizes.min == axis.sizes.max:
        return axis.sizes.min
    return axis.sizes.next_legal(ceil((outputs + axis.output_size.offset) / axis.output_size.scale))


def _tile(axis: AxisContract, outputs: int) -> int:
    """The smallest tile of so many outputs or more."""
    step = axis.step or 1
    return ceil(outputs / step) * step


def _run(model: Model, output: str, trial: Trial, network: Network, *, half: bool) -> Ending:
    where = f"{output}, image {trial.shape}, tile {trial.tile}"
    axes = [axis.input_axis for axis in model.contract.output(output).axes]
    given = network.draw(trial.shape)
    try:
        whole = network.run(given)[output]
    except RunError:
        return Ending(True, "left out: onnxruntime does not run the whole image")
    image = np.moveaxis(
        given[0], [axis - 1 for axis in axes], range(1, given.ndim - 1)
    )  # (C, *space)
    try:
        plan = model.plan(trial.shape, tile=trial.tile, pad="none", outputs=(output,))
        found = model.predict(
            image, tile=trial.tile, pad="none", normalize="none", outputs=(output,)
        )[output]
    except InputError as error:
        return Ending(True, f"refused: {error}")
    except Exception as error:  # that is what is looked for
        return Ending(False, f"{where}: {type(error).__name__}: {error}")
    whole = whole.astype(np.float32)  # as shiftrun returns all results
    expected = channels_first(
        whole, [axis.output_axis for axis in model.contract.output(output).axes]
    )
    if (
        plan.padded_shape != trial.shape
    ):  # of no legal size: how many outputs the network gives at its end is not claimed
        shared = tuple(slice(min(sizes)) for sizes in zip(found.shape, expected.shape, strict=True))
        found, expected = found[shared], expected[shared]
    rounding = (
        0.0
        if plan.bitwise
        else (HALF_ROUNDING if half else ROUNDING) + COORDINATE_ROUNDING * max(trial.shape)
    )
    return _compared(found, expected, where, rounding)


def _compared(found: Array, expected: Array, where: str, rounding: float) -> Ending:
    """`rounding` is what the plan admits, in standard deviations of the output; 0 where it promises
    equal bits.
    """
    if found.shape != expected.shape:
        return Ending(False, f"{where}: shape {found.shape}, whole {expected.shape}")
    one, two = found.astype(float), expected.astype(float)
    with np.errstate(invalid="ignore"):
        off = np.where((one == two) | (np.isnan(one) & np.isnan(two)), 0.0, np.abs(one - two))
    if not off.any():
        return Ending(True, "equal")
    deviation = float(np.nanstd(two))
    largest = float(np.nan_to_num(off, nan=np.inf).max())
    said = (
        f"{(off > 0).mean():.1%} of the px differ by up to {largest:.3g} (standard deviation "
        f"{deviation:.2g})"
    )
    if largest <= rounding * deviation:
        return Ending(True, "rounding, as said")
    return Ending(False, f"{where}: {said}{'' if rounding else ', equal bits promised'}")
