"""Random networks, stitched from small tiles, against onnxruntime on the whole image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shiftlint.contract.values import OutputContract
from shiftlint.errors import InputError
from shiftrun.inference.run_tiles import channels_first
from shiftrun.inference.session import Session
from shiftrun.model.open_model import Model, open_model
from tests.fuzz.campaign import random_model

IMAGE_PX = {1: 200, 2: 64, 3: 24}
# of a standard deviation: interpolation by a factor of 3 finds other weights at other places
ROUNDED = 1e-3
REFUSED = {
    "SL002",
    "SL003",
    "SL102",
    "SL202",
    "SL302",
    "SL401",
}  # of networks that cannot be tiled, or run at no size
ONCE_WRONG = (171, 331)  # border tiles that did not hold what padding mirrors into them
DRAWS = 5  # networks of a seed, of which about one in four cannot be tiled


@pytest.mark.parametrize("seed", [*range(40), *ONCE_WRONG])
def test_stitched_equals_the_whole(seed: int, tmp_path: Path) -> None:
    """Of every seed the first network that can be tiled is compared, by each of its outputs that
    can be.
    """
    tried = [seed + 1000 * draw for draw in range(1 if seed in ONCE_WRONG else DRAWS)]
    assert any(_compared(network, tmp_path / "network.onnx") for network in tried), (
        f"none of the networks {tried} can be tiled"
    )


def _compared(number: int, path: Path) -> int:
    """Compare the outputs of one network by tiles of one and of three steps; how many of them can
    be tiled.
    """
    path.write_bytes(random_model(number, tricks=False)[0].SerializeToString())
    try:
        model = open_model(path, device="cpu")
        shapes = {output.name: _image_shape(model, output) for output in model.contract.outputs}
    except InputError as error:
        assert error.code in REFUSED, error  # noqa: PT017
        return 0
    outputs = [output for output in model.contract.outputs if shapes[output.name]]
    for output in outputs:
        _stitch(model, output, shapes[output.name])
    return len(outputs)


def _image_shape(model: Model, output: OutputContract) -> tuple[int, ...]:
    """A legal image for tiles of one step, () where this output cannot be tiled."""
    sizes = [
        axis.sizes.next_legal(IMAGE_PX[model.dimensions]) for axis in output.axes if axis.sizes
    ]
    shape = tuple(size for size in sizes if size)
    if len(shape) < model.dimensions:
        return ()  # an axis of which nothing is known
    try:
        model.plan(shape, tile=_tile(output, 1), pad="none", outputs=(output.name,))
    except InputError as error:
        assert error.code in REFUSED, error  # noqa: PT017
        return ()
    return shape


def _tile(output: OutputContract, steps: int) -> tuple[int, ...]:
    return tuple((axis.step or 1) * steps for axis in output.axes)


def _stitch(model: Model, output: OutputContract, shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).normal(size=(model.channels or 1, *shape)).astype(np.float32)
    whole = channels_first(
        Session(model.path, "cpu").run(image[None])[output.name],
        [axis.output_axis for axis in output.axes],
    )
    for steps in (1, 3):
        done: list[tuple[int, int]] = []
        found = model.predict(
            image,
            tile=_tile(output, steps),
            pad="none",
            normalize="none",
            outputs=(output.name,),
            progress=lambda *at, done=done: done.append(at),
        )[output.name]
        assert done[-1][0] == done[-1][1] > 1, "tiles that were run"
        np.testing.assert_allclose(found, whole, rtol=0, atol=ROUNDED * float(whole.std()))
