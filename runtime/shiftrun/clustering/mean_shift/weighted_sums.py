"""The sums of a mean shift step: each cell's share within reach of each seed, times its content.

    sums = clip(left · right, 0, 1) · weighted

Two matrix products: numpy's on the CPU, onnxruntime's on a device.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import numpy as np

from shiftrun.clustering.mean_shift.cells import Floats
from shiftrun.inference.session import start_session

Sums = Callable[[Floats, Floats, Floats, Executor], Floats]
SEEDS_PER_TASK = 64  # followed by one thread


def sums_on_cpu(left: Floats, right: Floats, weighted: Floats, pool: Executor) -> Floats:
    """The sums (S, W) of `left` (S, K), `right` (K, B) and `weighted` (B, W).

    The parts do not depend on the number of cores: rounding may depend on a product's row count.
    """

    def part(rows: slice) -> Floats:
        share = left[rows] @ right
        np.clip(share, 0, 1, out=share)
        return np.asarray(share @ weighted)

    return np.concatenate(
        [
            *pool.map(
                part,
                [
                    slice(start, start + SEEDS_PER_TASK)
                    for start in range(0, len(left), SEEDS_PER_TASK)
                ],
            )
        ]
    )


class SumsOnDevice:
    """The same sums by onnxruntime on the network's device.

    Embeddings spread too far for float32 stay on the CPU. Sums differ from the CPU's in their last
    bits. Modes do not depend on that: the positions reached settle by the points themselves, on the
    CPU.

    Parameters
    ----------
    device : str
        As of `Session`.

    Raises
    ------
    InputError
        The device is missing or does not start.
    """

    def __init__(self, device: str) -> None:
        self._session = start_session(step_network(), device)

    def __call__(self, left: Floats, right: Floats, weighted: Floats, pool: Executor) -> Floats:
        """The sums (S, W)."""
        if left.dtype != np.float32:
            return sums_on_cpu(left, right, weighted, pool)
        feed = {"left": left, "right": right, "weighted": weighted}
        return np.asarray(self._session.run(["sums"], feed)[0])


def step_network() -> bytes:
    """One step as an ONNX network of float32: Clip(left · right, 0, 1) · weighted."""
    from onnx import TensorProto, helper

    def tensor(name: str, *shape: str) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    limits = [
        helper.make_tensor(name, TensorProto.FLOAT, (), [value])
        for name, value in (("zero", 0.0), ("one", 1.0))
    ]
    nodes = [
        helper.make_node("MatMul", ["left", "right"], ["distance"]),
        helper.make_node("Clip", ["distance", "zero", "one"], ["share"]),
        helper.make_node("MatMul", ["share", "weighted"], ["sums"]),
    ]
    inputs = [tensor("left", "S", "K"), tensor("right", "K", "B"), tensor("weighted", "B", "W")]
    graph = helper.make_graph(nodes, "mean_shift_step", inputs, [tensor("sums", "S", "W")], limits)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())
