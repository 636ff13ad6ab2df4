"""Padding that mirrors px into the border: a tile at an end of the image must hold them, however small it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shiftrun.models import open_model
from tests.shiftlint.graphs import Node, node, run, save, weights

NETWORKS: dict[str, list[Node]] = {
    "zeros, then reflected": [node("Pad", "x one", "t"), node("Pad", "t three", "y", mode="reflect")],
    "convolved, then reflected": [node("Conv", "x w", "t", pads=[3, 3]), node("Pad", "t causal", "y", mode="reflect")],
    "convolved, then repeated": [node("Conv", "x w", "t", pads=[3, 3]), node("Pad", "t three", "y", mode="edge")],
    "causal after anticausal": [
        node("Pad", "x anticausal", "a", mode="reflect"),
        node("Conv", "a w", "b"),
        node("Pad", "b causal", "c", mode="reflect"),
        node("Conv", "c w", "y"),
    ],
    "one level down": [
        node("MaxPool", "x", "a", kernel_shape=[2], strides=[2]),
        node("Conv", "a w", "b", pads=[3, 3]),
        node("Pad", "b three", "c", mode="reflect"),
        node("Resize", "c - twice", "y", mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric"),
    ],
}
PADS = {"one": (1, 1), "three": (3, 3), "causal": (6, 0), "anticausal": (0, 6)}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_tile_at_the_end_of_the_image_holds_what_its_border_mirrors(name: str, tmp_path: Path) -> None:
    constants = {key: np.asarray([0, 0, before, 0, 0, after]) for key, (before, after) in PADS.items()}
    constants |= {"w": weights(1, 1, 7), "twice": np.asarray([1, 1, 2], np.float32)}
    nodes = NETWORKS[name]
    used = {key: value for key, value in constants.items() if any(key in inputs for _, inputs, _, _ in nodes)}
    path = save(tmp_path / "net.onnx", nodes, used, shape=(1, 1, "w"))
    image = np.random.default_rng(0).normal(size=(1, 1, 80)).astype(np.float32)
    whole = run(path, image)
    assert whole is not None
    model = open_model(path, device="cpu")
    step = model.contract.outputs[0].axes[0].step or 0
    for steps in (1, 2, 3, 5, 8):
        found = model.predict(image[0], tile=step * steps, pad="none", normalize="none")["y"]
        np.testing.assert_allclose(found, whole[0], rtol=0, atol=1e-5)
