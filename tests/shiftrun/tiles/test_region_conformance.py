"""Regions of every exactly tileable network: 1d to 3d, other scales, padded or not.

Needs ../shared.
"""

from __future__ import annotations

import numpy as np
import pytest

from shiftrun.arrays.box import Box
from tests.shiftrun.conformance import EXACT, open_certified, sizes, tiles

pytestmark = pytest.mark.shared("conformance/truth.json")


def third(shape: tuple[int, ...]) -> Box:
    """A box that does not begin at a multiple of anything."""
    return tuple(slice(size // 3 + 1, max(size // 3 + 2, 2 * size // 3 - 1)) for size in shape)


@pytest.mark.parametrize("name", EXACT)
def test_a_region_is_the_crop(name: str) -> None:
    model = open_certified(name)
    image_px, tile_px = {1: (1200, 144), 2: (300, 128), 3: (48, 24)}[model.dimensions]
    output = model.contract.outputs[0]
    shape = sizes(output.axes, image_px)
    image = np.random.default_rng(0).normal(size=(model.channels or 1, *shape)).astype(np.float32)
    tile = tiles(output.axes, tile_px)
    whole = model.predict(image, tile=tile, normalize="none", outputs=(output.name,))[output.name]
    box = third(whole.shape[1:])
    found = model.predict(image, tile=tile, normalize="none", outputs=(output.name,), region=box)[
        output.name
    ]
    np.testing.assert_array_equal(found, whole[(slice(None), *box)])
    plan = model.plan(shape, tile=tile, outputs=(output.name,), region=box)
    origins = [
        part.start / axis.output_size.scale
        for part, axis in zip(box, output.axes, strict=True)
        if axis.output_size
    ]
    assert [axis.origin_px for axis in plan.axes] == [int(origin) for origin in origins]
