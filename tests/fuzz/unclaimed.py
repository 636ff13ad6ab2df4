"""Periods that hold in onnxruntime but are not claimed: what the analyzer could know."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from shiftlint.verification.subject import RunError, difference, part
from tests.fuzz.networks import Network
from tests.fuzz.standard_cases import Array

SIZE = 48  # px of all axes
OTHER_SIZE = 96  # px; a network that runs at one size alone is no network of images
PERIODS = (1, 2, 3, 4, 6, 8)
ROUNDING = 1e-3


def seen_periods(network: Network, claimed: Collection[int]) -> Iterator[str]:
    """Shifts of the image along axes without a claim that shift the middle of an output and nothing
    else.
    """
    for axis in network.axes:
        if axis not in claimed:
            yield from _along(network, axis)


def _along(network: Network, axis: int) -> Iterator[str]:
    sizes = [SIZE for _ in network.axes]
    try:
        larger = network.run(
            network.draw([OTHER_SIZE if a == axis else SIZE for a in network.axes])
        )
        for period in PERIODS:
            image = network.draw(
                [
                    SIZE + period if a == axis else n
                    for a, n in zip(network.axes, sizes, strict=True)
                ]
            )
            before = network.run(part(image, axis, 0, SIZE))
            after = network.run(part(image, axis, period, period + SIZE))
            for name, one in before.items():
                moved = _moved(one, after[name], larger[name], period)
                if moved is not None:
                    yield (
                        f"{name}: a shift by {period} px along axis {axis} shifts axis {moved[0]} "
                        f"by {moved[1]}"
                    )
                    return
    except RunError:
        return


def _moved(one: Array, two: Array, larger: Array, period: int) -> tuple[int, int] | None:
    """The axis of an output, and by how much it moved; None where it did not, or is the same
    everywhere.
    """
    if one.shape != two.shape or one.ndim != larger.ndim:
        return None
    for axis, (length, other) in enumerate(zip(one.shape, larger.shape, strict=True)):
        shift, rest = divmod(period * (other - length), OTHER_SIZE - SIZE)
        low, high = length // 3, 2 * length // 3 - shift
        if other <= length or rest or shift < 1 or high - low < 2:
            continue
        middle = part(one, axis, low, high).astype(float)
        varied = np.nanmax(np.nanstd(middle, axis=axis), initial=0) > 0
        gap = difference(
            part(one, axis, low + shift, high + shift),
            part(two, axis, low, high),
            float(np.nanstd(middle)),
        )
        if varied and gap <= ROUNDING:
            return axis, shift
    return None
