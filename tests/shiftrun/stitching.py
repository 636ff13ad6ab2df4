"""Run a hand-made plan through the loop used by `Model.predict` and the commands."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftrun.arrays.readers import ArrayReader, ArrayTarget
from shiftrun.inference.blocks import Run
from shiftrun.inference.network_input import Source
from shiftrun.inference.run_tiles import Network, Outputs
from shiftrun.tiles.plan import Plan


def stitched(
    network: Network, pixels: NDArray[np.float32], plan: Plan, outputs: Outputs, **settings: Any
) -> dict[str, NDArray[np.float32]]:
    """The outputs (C', *plan.output_shape) of normalized `pixels` (C, *space) by `plan`; `settings`
    as of `Run`.
    """
    found: dict[str, NDArray[np.float32]] = {}

    def target(name: str, channels: int) -> ArrayTarget:
        found[name] = np.full((channels, *plan.output_shape), np.nan, dtype=np.float32)
        return ArrayTarget(found[name])

    Run(network, Source(ArrayReader(pixels)), plan, outputs, **settings).into(target)
    for name, values in found.items():
        assert not np.isnan(values).any(), f"px of {name} that no tile wrote"
    return found
