"""Padding that mirrors px into the border: a tile at an end must include these px at any size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shiftrun.model.open_model import open_model
from tests.shiftlint.graphs import Node, node, run, save, weights

NETWORKS: dict[str, list[Node]] = {
    "zeros, then reflected": [
        node("Pad", "x one", "t"),
        node("Pad", "t three", "y", mode="reflect"),
    ],
    "convolved, then reflected": [
        node("Conv", "x w", "t", pads=[3, 3]),
        node("Pad", "t causal", "y", mode="reflect"),
    ],
    "convolved, then repeated": [
        node("Conv", "x w", "t", pads=[3, 3]),
        node("Pad", "t three", "y", mode="edge"),
    ],
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
        node(
            "Resize",
            "c - twice",
            "y",
            mode="nearest",
            nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        ),
    ],
}
PADS = {"one": (1, 1), "three": (3, 3), "causal": (6, 0), "anticausal": (0, 6)}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_tile_at_the_end_of_the_image_holds_what_its_border_mirrors(
    name: str, tmp_path: Path
) -> None:
    constants = {
        key: np.asarray([0, 0, before, 0, 0, after]) for key, (before, after) in PADS.items()
    }
    constants |= {"w": weights(1, 1, 7), "twice": np.asarray([1, 1, 2], np.float32)}
    nodes = NETWORKS[name]
    used = {
        key: value
        for key, value in constants.items()
        if any(key in inputs for _, inputs, _, _ in nodes)
    }
    path = save(tmp_path / "net.onnx", nodes, used, shape=(1, 1, "w"))
    image = np.random.default_rng(0).normal(size=(1, 1, 80)).astype(np.float32)
    whole = run(path, image)
    assert whole is not None
    model = open_model(path, device="cpu")
    step = model.contract.outputs[0].axes[0].step or 0
    for steps in (1, 2, 3, 5, 8):
        found = model.predict(image[0], tile=step * steps, pad="none", normalize="none")["y"]
        np.testing.assert_allclose(found, whole[0], rtol=0, atol=1e-5)


LINKS: dict[
    str, tuple[str, str, dict[str, Any]]
] = {  # of a chain: operator, its other inputs, attributes
    "far": ("Pad", "far", {}),
    "mirrored": ("Pad", "mirrored", {"mode": "reflect"}),
    "convolution": ("Conv", "w", {}),
    "crop": ("Slice", "one minus_one axis", {}),
    "pooling": ("AveragePool", "", {"kernel_shape": [2], "strides": [2]}),
    "twice": (
        "Resize",
        "- scales",
        {
            "mode": "nearest",
            "nearest_mode": "floor",
            "coordinate_transformation_mode": "asymmetric",
        },
    ),
}
CHAINS = [
    "far mirrored",
    "far convolution mirrored",
    "far crop mirrored",
    "far pooling mirrored",
    "pooling far mirrored twice",
]
VALUES = {
    "w": weights(1, 1, 3),
    "one": [1],
    "minus_one": [-1],
    "axis": [2],
    "scales": np.asarray([1, 1, 2], np.float32),
}


def chain(names: str, far_mode: str) -> list[Node]:
    """The operators of `names`, one after the other, from `x` to `y`."""
    nodes, tensor = [], "x"
    for place, name in enumerate(names.split()):
        operator, inputs, attributes = LINKS[name]
        mode = {"mode": far_mode} if name == "far" else {}
        nodes.append(node(operator, f"{tensor} {inputs}", f"t{place}", **attributes, **mode))
        tensor = f"t{place}"
    return [*nodes, node("Identity", tensor, "y")]


@pytest.mark.parametrize("far_mode", ["reflect", "edge"])
@pytest.mark.parametrize("names", CHAINS)
@pytest.mark.parametrize("end", ["before", "after"])
def test_an_end_that_mirrors_farther_than_the_other_end_pads(
    end: str, names: str, far_mode: str, tmp_path: Path
) -> None:
    """Law (iv) at tiles of one step: only the mirror needs such a large read.

    The image is padded by `far` at one end, then reflected by `mirrored` at the other, whose output
    j is output 2 * mirrored - j counted from there. A tile that writes it must hold that px and
    what it reads, though the border at its other end is short.
    """
    for mirrored, far in ((1, 1), (2, 1), (5, 2)):
        pads = [[0, 0, 0, 0, 0, far], [0, 0, mirrored, 0, 0, 0]]
        if end == "after":
            pads = [[0, 0, far, 0, 0, 0], [0, 0, 0, 0, 0, mirrored]]
        nodes = chain(names, far_mode)
        values = {
            name: np.asarray(value)
            for name, value in (VALUES | dict(zip(("far", "mirrored"), pads, strict=True))).items()
        }
        used = {
            name: value
            for name, value in values.items()
            if any(name in inputs for _, inputs, _, _ in nodes)
        }
        path = save(tmp_path / "net.onnx", nodes, used, shape=(1, 1, "w"))
        model = open_model(path, device="cpu")
        axis = model.contract.outputs[0].axes[0]
        step, sizes = axis.step or 0, axis.sizes
        assert sizes is not None
        assert axis.border[end == "after"] == mirrored * step
        image = (
            np.random.default_rng(0)
            .normal(size=(1, 1, sizes.next_legal(16) or 0))
            .astype(np.float32)
        )
        whole = run(path, image)
        assert whole is not None
        found = model.predict(image[0], tile=step, pad="none", normalize="none")["y"]
        message = f"reflected by {mirrored} px, padded by {far} px at the other end"
        np.testing.assert_allclose(found, whole[0], rtol=0, atol=1e-5, err_msg=message)
