"""A graph in the making: nodes and constants with names of their own, and random numbers to make them of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

MOST_DOWN = 8  # the product of strides along a graph: larger periods only take longer
MOST_UP = 4


@dataclass(frozen=True)
class Feature:
    """A tensor of the graph: its name and channels."""

    name: str
    channels: int


@dataclass
class Builder:
    """A graph in the making."""

    random: np.random.Generator
    rank: int
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    down: int = 1
    up: int = 1

    def op(self, kind: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any) -> str:
        """Add a node; the name of its first output."""
        names = [f"t{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=f"{kind}_{len(self.nodes)}", **attributes))
        return names[0]

    def constant(self, array: NDArray[Any] | Sequence[int]) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def weights(self, *shape: int) -> str:
        """Weights away from zero, so that no px of a window goes unseen."""
        values = self.random.uniform(0.4, 1.0, shape) * self.random.choice([-1, 1], shape)
        return self.constant((values / np.sqrt(np.prod(shape[1:]) or 1)).astype(np.float32))

    def integer(self, low: int, high: int) -> int:
        """From low to high, both included."""
        return int(self.random.integers(low, high + 1))

    def integers(self, low: int, high: int) -> list[int]:
        """One per spatial axis."""
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
        """Upsampling factors within what is left of `MOST_UP`; one factor for all axes or one each."""
        factors = self.integers(1, max(min(most, MOST_UP // self.up), 1))
        self.up *= max(factors)
        return factors
