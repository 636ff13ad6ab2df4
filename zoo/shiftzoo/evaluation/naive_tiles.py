"""Naive stitching of many tile sizes at once, from few runs of the network.

By equivariance, a tile that begins at px s of the image equals, px by px, the network's output on
the image without its first s modulo period px. So all naive tiles of an image are cut out of one
run per phase (s modulo period, per axis): tiles of 20, 36, 52, 84, 100 and 148 px of a network of
period 16 need the same 16 runs. Run tile by tile, 20 px alone would read each px of the image a
hundred times. Small tiles on the grid all have phase 0 and are also cut out of one run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftrun.arrays.readers import ArrayReader
from shiftrun.model.open_model import INSTANCE_OUTPUTS, Model
from shiftrun.tiles.plan import Plan

Outputs = dict[str, NDArray[np.float32]]
SMALL = 128  # px; larger tiles on the grid are run one by one


def outputs_by_tile(
    model: Model, image: NDArray[Any], tiles: tuple[int | None, ...]
) -> dict[int | None, Outputs]:
    """The outputs of one image for every tile size; None is the default tile.

    Parameters
    ----------
    model : Model
        Of scale 1; opened with `force` if a tile is not a multiple of the step.
    image : array (*space)
    tiles : tuple of int or None

    Raises
    ------
    InputError
        As `Model.predict`.
    """
    plans = {
        tile: model.plan(
            image.shape, tile="auto" if tile is None else tile, outputs=INSTANCE_OUTPUTS
        )
        for tile in tiles
    }
    cut = {
        tile: plan
        for tile, plan in plans.items()
        if tile is not None and (not plan.exact or tile < SMALL)
    }
    phases = Phases(model, image, tuple(cut.values())) if cut else None
    return {
        tile: phases.stitched(plan)
        if phases is not None and tile in cut
        else model.predict(image, tile="auto" if tile is None else tile, outputs=INSTANCE_OUTPUTS)
        for tile, plan in plans.items()
    }


class Phases:
    """One image, padded once for all `plans`, and the network's outputs on it by phase."""

    def __init__(self, model: Model, image: NDArray[Any], plans: tuple[Plan, ...]) -> None:
        self.model = model
        self.axes = model.outputs(INSTANCE_OUTPUTS)[0].axes
        padding = []
        for index, axis in enumerate(self.axes):
            before = plans[0].padding[index][0]
            stop = max(tile.read[index].stop for plan in plans for tile in plan.tiles())
            wanted = (axis.sizes.next_legal(stop) if axis.sizes else None) or stop
            padding.append((before, wanted + (axis.period or 1) - before - image.shape[index]))
        source = model.source(ArrayReader(image))
        self.padded = np.pad(source.normalized(image), padding, mode="reflect")
        self.known: dict[tuple[int, ...], Outputs] = {}

    def stitched(self, plan: Plan) -> Outputs:
        """The outputs of `plan`, cut out of the runs by phase."""
        result: Outputs = {}
        for tile in plan.tiles():
            phase = tuple(
                read.start % (axis.period or 1)
                for read, axis in zip(tile.read, self.axes, strict=True)
            )
            moved = [read.start - p for read, p in zip(tile.read, phase, strict=True)]
            keep = tuple(
                slice(k.start + m, k.stop + m) for k, m in zip(tile.keep, moved, strict=True)
            )
            for name, values in self._run(phase).items():
                if name not in result:
                    result[name] = np.empty((values.shape[0], *plan.output_shape), np.float32)
                result[name][(slice(None), *tile.write)] = values[(slice(None), *keep)]
        return result

    def _run(self, phase: tuple[int, ...]) -> Outputs:
        """The outputs (C', *space) on the padded image without its first `phase` px."""
        if phase not in self.known:
            sizes = [
                n - (axis.period or 1) for n, axis in zip(self.padded.shape, self.axes, strict=True)
            ]
            box = tuple(slice(p, p + size) for p, size in zip(phase, sizes, strict=True))
            found = self.model.session.run(self.padded[box][None, None], INSTANCE_OUTPUTS)
            self.known[phase] = {name: values[0] for name, values in found.items()}
        return self.known[phase]
