"""Tiny U-Nets as ONNX files, 1d to 3d, valid or zero-padded, with contracts derived by hand.

With l poolings by 2 and two 3-convolutions per block: period = step = 2^l. Valid: every level adds
4 px before and 4 after the level below, in its own px; deepest 4. Output 2^l·k + φ reads from 2^l·k
on; zero padding shifts all windows to the left.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from shiftlint.contract.metadata import Metadata
from shiftlint.contract.values import (
    AxisContract,
    Contract,
    InputContract,
    ModelIdentity,
    OutputContract,
    OutputSize,
    Padding,
    Sizes,
)

NAMES = "zyx"
PROPS = Metadata(
    percentiles=(1.0, 99.8), bandwidth=0.05, foreground_threshold=0.035, min_size=5
).to_props()
WIDTH = 3


def unet(
    path: Path,
    *,
    dimensions: int = 2,
    depth: int = 2,
    padded: bool = False,
    seed: int = 0,
    props: dict[str, str] | None = None,
    batch: int | str = 1,
) -> Path:
    """Write a U-Net with outputs `embedding` (2 channels) and `foreground` (1) and random
    weights.
    """
    builder = _Builder(dimensions, padded, np.random.default_rng(seed))
    x = builder.block("image", 1, WIDTH)
    skips = []
    for _ in range(depth):
        skips.append(x)
        x = builder.block(
            builder.node("MaxPool", [x], kernel_shape=[2] * dimensions, strides=[2] * dimensions),
            WIDTH,
            WIDTH,
        )
    for level in reversed(range(depth)):
        up = builder.convolution(x, WIDTH, WIDTH, 2, op="ConvTranspose", strides=[2] * dimensions)
        skip = skips[level] if padded else builder.crop(skips[level], skip_crop(depth - level))
        x = builder.block(builder.node("Concat", [skip, up], axis=1), 2 * WIDTH, WIDTH)
    builder.convolution(x, WIDTH, 2, 1, output="embedding")
    builder.convolution(x, WIDTH, 1, 1, output="foreground")
    space: list[str | int] = [f"n{i}" for i in range(dimensions)]
    image = helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, [batch, 1, *space])
    outputs = [
        helper.make_tensor_value_info(
            name, onnx.TensorProto.FLOAT, [batch, c, *[f"{n}_{name}" for n in space]]
        )
        for name, c in (("embedding", 2), ("foreground", 1))
    ]
    graph = helper.make_graph(builder.nodes, "unet", [image], outputs, builder.weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, props or {})
    onnx.save(model, path)
    return path


class _Builder:
    def __init__(self, dimensions: int, padded: bool, random: np.random.Generator) -> None:
        self.dimensions, self.padded, self.random = dimensions, padded, random
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def node(self, op: str, inputs: list[str], *, output: str = "", **attributes: Any) -> str:
        output = output or f"t{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(op, inputs, [output], name=f"{op}_{len(self.nodes)}", **attributes)
        )
        return output

    def constant(self, values: NDArray[Any]) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def convolution(
        self,
        x: str,
        cin: int,
        cout: int,
        kernel: int,
        *,
        op: str = "Conv",
        output: str = "",
        **attributes: Any,
    ) -> str:
        shape = (cin, cout) if op == "ConvTranspose" else (cout, cin)
        scale = (2 / (cin * kernel**self.dimensions)) ** 0.5
        weight = self.random.normal(0, scale, (*shape, *[kernel] * self.dimensions)).astype(
            np.float32
        )
        bias = self.random.normal(0, 0.1, cout).astype(np.float32)
        return self.node(
            op, [x, self.constant(weight), self.constant(bias)], output=output, **attributes
        )

    def block(self, x: str, cin: int, cout: int) -> str:
        pads = [1 if self.padded else 0] * (2 * self.dimensions)
        for channels in (cin, cout):
            x = self.node("Relu", [self.convolution(x, channels, cout, 3, pads=pads)])
        return x

    def crop(self, x: str, px: int) -> str:
        ends = [
            self.constant(np.full(self.dimensions, value, dtype=np.int64)) for value in (px, -px)
        ]
        return self.node(
            "Slice", [x, *ends, self.constant(np.arange(2, 2 + self.dimensions, dtype=np.int64))]
        )


def skip_crop(below: int) -> int:
    """Px cut from either side of a skip that spans `below` poolings."""
    return 2 * (2 if below == 1 else skip_crop(below - 1) + 4) if below else 0


def valid_axis(name: str, depth: int, input_axis: int) -> AxisContract:
    """One axis of the valid U-Net."""
    period, offset = 2**depth, 8 * (2**depth - 1) + 4 * 2**depth
    windows = []
    for phase in range(period):
        first, last = _walk(phase, phase + 4, depth)
        windows.append((first, last))
    minimum = next(n for n in range(offset + 1, offset + period + 1) if _runs(n, depth))
    sizes = Sizes(minimum, None, period, (minimum % period,))
    return AxisContract(
        name,
        input_axis,
        input_axis,
        period,
        period,
        tuple(windows),
        (0, 0),
        (),
        False,
        True,
        sizes,
        OutputSize(Fraction(1), Fraction(offset)),
        offset // 2,
    )


def padded_axis(name: str, depth: int, input_axis: int) -> AxisContract:
    """One axis of the zero-padded U-Net: windows and border are wide enough, if not tight."""
    period = 2**depth
    reach = (
        4 * (2**depth - 1) + 2 * 2**depth + period
    )  # half the valid offset, and a period for the phases
    reads = tuple((phase - reach, phase + reach) for phase in range(period))
    sizes = Sizes(period, None, period, (0,))
    padding = (Padding("Conv_0", "Conv", "zeros"),)
    return AxisContract(
        name,
        input_axis,
        input_axis,
        period,
        period,
        reads,
        (reach, reach),
        padding,
        False,
        True,
        sizes,
        OutputSize(Fraction(1), Fraction(0)),
        0,
    )


def _walk(first: int, last: int, depth: int) -> tuple[int, int]:
    """The input px that the px [first, last] after the last concatenation of a U-Net of `depth`
    read.
    """
    if depth == 0:
        return first, last
    crop = skip_crop(depth)
    skip = (first + crop, last + crop + 4)
    below = _walk(first // 2, last // 2 + 4, depth - 1)
    return min(skip[0], 2 * below[0]), max(skip[1], 2 * below[1] + 1 + 4)


def _runs(size: int, depth: int) -> bool:
    for _ in range(depth):
        if (size - 4) % 2:
            return False
        size = (size - 4) // 2
    return size > 4


def axes(kind: str, dimensions: int, depth: int) -> tuple[AxisContract, ...]:
    """The axes of a "valid" or "padded" U-Net."""
    make = {"valid": valid_axis, "padded": padded_axis}[kind]
    return tuple(make(name, depth, i) for i, name in enumerate(NAMES[3 - dimensions :], start=2))


def contract(
    kind: str,
    dimensions: int = 2,
    depth: int = 2,
    outputs: Iterable[str] = ("embedding", "foreground"),
) -> Contract:
    """The whole contract."""
    found = tuple(
        OutputContract(
            name,
            (1, 2 if name == "embedding" else 1, *"ab"[:dimensions]),
            axes(kind, dimensions, depth),
            None,
            "learned",
            True,
            (),
        )
        for name in outputs
    )
    return Contract(
        ModelIdentity("0" * 64, (("ai.onnx", 17),), ""),
        InputContract("image", (1, 1, *"abc"[:dimensions]), "float32", "independent"),
        found,
    )
