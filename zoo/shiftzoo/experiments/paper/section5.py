"""Section 5: a ResNet50 cut after its first stage has period 4.

One convolution and one pooling have stride 2.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from shiftrun.model.open_model import Model
from shiftzoo.experiments.outcome import Outcome, equal, opened

BLOCKS = 3  # bottlenecks of the first stage
WIDTH = 16  # channels in a bottleneck; the original has 64, with the same strides and windows


def truncated_resnet50(seed: int = 0) -> onnx.ModelProto:
    """Stem and first stage of a ResNet50 with random weights.

    Maps `image` (n, 3, h, w) to `features` (n, 4·WIDTH, h/4, w/4).
    """
    random = np.random.default_rng(seed)
    nodes: list[onnx.NodeProto] = []
    weights: list[onnx.TensorProto] = []

    def add(op: str, *inputs: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(op, inputs, [f"{op.lower()}_{len(nodes)}"], **attributes))
        return str(nodes[-1].output[0])

    def convolve(x: str, source: int, channels: int, kernel: int, stride: int = 1) -> str:
        values = random.normal(
            0, (2 / (source * kernel**2)) ** 0.5, (channels, source, kernel, kernel)
        ).astype(np.float32)
        weights.append(numpy_helper.from_array(values, f"weights_{len(weights)}"))
        return add("Conv", x, weights[-1].name, strides=[stride] * 2, pads=[kernel // 2] * 4)

    x = add("Relu", convolve("image", 3, WIDTH, 7, stride=2))
    x = add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    for block in range(BLOCKS):
        source = 4 * WIDTH if block else WIDTH
        inner = add("Relu", convolve(x, source, WIDTH, 1))
        inner = add("Relu", convolve(inner, WIDTH, WIDTH, 3))
        shortcut = x if block else convolve(x, source, 4 * WIDTH, 1)
        x = add("Relu", add("Add", convolve(inner, WIDTH, 4 * WIDTH, 1), shortcut))
    nodes.append(helper.make_node("Identity", [x], ["features"]))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "h", "w"])
    features = helper.make_tensor_value_info(
        "features", TensorProto.FLOAT, ["n", 4 * WIDTH, "oh", "ow"]
    )
    graph = helper.make_graph(nodes, "resnet50_stage1", [image], [features], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def smallest_shift(model: Model, most: int = 8) -> int:
    """The smallest shift of the image, px, that only moves the features by whole px.

    Borders are ignored. 0 if there is none up to `most`.
    """
    image = np.random.default_rng(1).normal(size=(1, 3, 128 + most, 128)).astype(np.float32)
    margin = max(axis.border[0] for axis in model.axes()) + 1

    def features(shift: int) -> NDArray[np.float32]:
        result: NDArray[np.float32] = model.session.run(
            image[:, :, shift : shift + 128], ("features",)
        )["features"]
        return result

    before = features(0)
    rows = before.shape[2]
    for shift in range(1, most + 1):
        after = features(shift)[:, :, margin : rows - 2 * margin, margin:-margin]
        moved = (
            before[:, :, margin + by : rows - 2 * margin + by, margin:-margin]
            for by in range(margin)
        )
        if any(np.array_equal(after, one) for one in moved):
            return shift
    return 0


def run(out: Path) -> list[Outcome]:
    """Compare the period by analysis and by measurement; no picture."""
    with TemporaryDirectory() as folder:
        model = opened(truncated_resnet50(), Path(folder))
        y, x = model.axes()
        return [
            equal("period by analysis, y", 4, y.period or 0),
            equal("period by analysis, x", 4, x.period or 0),
            equal(
                "smallest shift that only moves the features, measured", 4, smallest_shift(model)
            ),
        ]
