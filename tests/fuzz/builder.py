"""A graph under construction: uniquely named nodes and constants, and random numbers for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

MOST_DOWN = 8  # the product of strides along a graph: larger periods only take longer
MOST_UP = 4


@dataclass(frozen=True)
class Feature:
    """A tensor of the graph: its name and channels."""

    name: str
    channels: int


@dataclass
class Builder:
    """A graph under construction."""

    random: np.random.Generator
    rank: int
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    made: int = 0
    down: int = 1
    up: int = 1
    alike: bool = False  # all axes are treated alike, most of the time
    opset: int = 17
    batch: int = 1  # -1: any
    functions: list[onnx.FunctionProto] = field(default_factory=list)
    bites: dict[int, list[int]] = field(
        default_factory=dict
    )  # by axis: px of the image where something may change
    jumps: bool = False  # a rounding error may become another value altogether

    def op(self, kind: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any) -> str:
        """Add a node; return the name of its first output."""
        names = [f"t{self.made}_{i}" for i in range(outputs)]
        self.nodes.append(
            helper.make_node(kind, list(inputs), names, name=f"{kind}_{self.made}", **attributes)
        )
        self.made += 1
        return names[0]

    def name(self, what: str) -> str:
        """A unique name for something that no node makes."""
        self.made += 1
        return f"{what}{self.made}"

    def ops(self, kind: str, inputs: Sequence[str], outputs: int, **attributes: Any) -> list[str]:
        """As `op`; the names of all outputs."""
        self.op(kind, inputs, outputs, **attributes)
        return list(self.nodes[-1].output)

    def reduced(self, kind: str, x: str, axes: Sequence[int], *, keepdims: int = 1) -> str:
        """A reduction over these axes, which are an attribute before opset 18."""
        if self.opset < 18 and kind != "ReduceSum":
            return self.op(kind, [x], axes=list(axes), keepdims=keepdims)
        return self.op(kind, [x, self.constant(list(axes))], keepdims=keepdims)

    def cast(self, x: str, to: int = TensorProto.FLOAT) -> str:
        return self.op("Cast", [x], to=to)

    def number(self, value: float) -> str:
        """A scalar float."""
        return self.constant(np.array(value, np.float32))

    def constant(self, array: NDArray[Any] | Sequence[int]) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def weights(self, *shape: int) -> str:
        """Weights away from zero, so that every px of a window counts."""
        values = self.random.uniform(0.4, 1.0, shape) * self.random.choice([-1, 1], shape)
        return self.constant((values / np.sqrt(np.prod(shape[1:]) or 1)).astype(np.float32))

    def integer(self, low: int, high: int) -> int:
        """A random integer from low to high, inclusive."""
        return int(self.random.integers(low, high + 1))

    def integers(self, low: int, high: int) -> list[int]:
        """One per spatial axis."""
        if self.alike:
            return [self.integer(low, high)] * self.rank
        return [self.integer(low, high) for _ in range(self.rank)]

    def choice(self, *options: Any) -> Any:
        return options[self.integer(0, len(options) - 1)]

    def chance(self, probability: float) -> bool:
        return bool(self.random.random() < probability)

    def strides(self, most: int) -> list[int]:
        """Strides along each axis within what is left of `MOST_DOWN`."""
        strides = self.integers(1, max(min(most, MOST_DOWN // self.down), 1))
        self.down *= max(strides)
        return strides

    def factors(self, most: int) -> list[int]:
        """Upsampling factors within what is left of `MOST_UP`; one factor for all axes or
        one each.
        """
        factors = self.integers(1, max(min(most, MOST_UP // self.up), 1))
        self.up *= max(factors)
        return factors
