"""Random networks, stitched from small tiles, against onnxruntime on the whole image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shiftlint.contract import OutputContract
from shiftlint.errors import InputError
from shiftrun.inference.session import Session
from shiftrun.inference.stitch import channels_first
from shiftrun.models import Model, open_model
from tests.fuzz.campaign import random_model

IMAGE_PX = {1: 200, 2: 64, 3: 24}
ROUNDED = 1e-3  # of a standard deviation: interpolation by a factor of 3 finds other weights at other places


@pytest.mark.parametrize("seed", [*range(40), 171, 331])
def test_stitched_equals_the_whole(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "network.onnx"
    path.write_bytes(random_model(seed)[0].SerializeToString())
    try:
        model = open_model(path, device="cpu")
    except InputError as error:
        assert error.code == "SL302"  # noqa: PT017  # branches that never meet in one size
        return
    for output in model.contract.outputs:
        _stitch(model, output)


def _stitch(model: Model, output: OutputContract) -> None:
    random = np.random.default_rng(0)
    sizes = [axis.sizes.next_legal(IMAGE_PX[model.dimensions]) for axis in output.axes if axis.sizes]
    shape = [size for size in sizes if size]
    if len(shape) < model.dimensions:
        return  # an axis of which nothing is known
    image = random.normal(size=(model.channels or 1, *shape)).astype(np.float32)
    whole = channels_first(Session(model.path, "cpu").run(image[None])[output.name], [axis.output_axis for axis in output.axes])
    for steps in (1, 3):
        tile = tuple((axis.step or 1) * steps for axis in output.axes)
        try:
            found = model.predict(image, tile=tile, pad="none", normalize="none", outputs=(output.name,))[output.name]
        except InputError as error:
            assert error.code in {"SL002", "SL003", "SL102", "SL202", "SL401"}  # noqa: PT017
            continue
        np.testing.assert_allclose(found, whole, rtol=0, atol=ROUNDED * float(whole.std()))
