"""The valid twin under construction: its nodes, and the part of the original each tensor is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from shiftlint.calculus.tensor import Tensor
from shiftlint.onnx_file.graph import Node

if TYPE_CHECKING:
    import onnx

FAR = np.iinfo(np.int64).max


class NotConvertible(ValueError):
    """A node without a valid form; the message names it and says why."""


@dataclass(frozen=True, slots=True)
class Part:
    """The part of the original tensor that a tensor of the twin is, per spatial axis."""

    near: tuple[int, ...]
    size: tuple[int, ...]


@dataclass(slots=True)
class Twin:
    """The twin under construction: nodes, constants, and the part of each tensor of the image."""

    original: Mapping[str, Tensor]
    protos: Mapping[str, onnx.NodeProto]
    rank: int
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    parts: dict[str, Part] = field(default_factory=dict)

    def sizes(self, name: str) -> tuple[int, ...]:
        """Spatial sizes in the original."""
        return self.original[name].shape[2:]

    def constant(
        self, values: Sequence[int] | np.ndarray[tuple[int, ...], np.dtype[np.float32]]
    ) -> str:
        """Add a constant; a list becomes int64. Return its name."""
        from onnx import numpy_helper

        name = f"to_valid_constant_{len(self.constants)}"
        array = values if isinstance(values, np.ndarray) else np.array(values, np.int64)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def add(self, op: str, inputs: Sequence[str], output: str | None = None) -> str:
        """Add a node; return the name of its output."""
        from onnx import helper

        name = output or f"to_valid_{op}_{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(op, list(inputs), [name], name=f"to_valid_{op}_{len(self.nodes)}")
        )
        return name

    def cropped(
        self, name: str, wanted: Part, part: Part | None = None, output: str | None = None
    ) -> str:
        """Crop the tensor `name`, which is `part`, to `wanted`; return the name of the result."""
        part = part or self.parts[name]
        first = [w - n for w, n in zip(wanted.near, part.near, strict=True)]
        last = [s - f - w for s, f, w in zip(part.size, first, wanted.size, strict=True)]
        if min(wanted.size) < 1:
            raise NotConvertible("nothing is left of the image")
        if not any(first) and not any(last):
            return self.add("Identity", [name], output) if output else name
        ends = [-n if n else FAR for n in last]
        axes = list(range(2, 2 + self.rank))
        return self.add(
            "Slice", [name, self.constant(first), self.constant(ends), self.constant(axes)], output
        )

    def keep(self, node: Node, inputs: Sequence[str], part: Part) -> onnx.NodeProto:
        """Copy a node with new inputs; its outputs are `part`."""
        import onnx

        proto = onnx.NodeProto()
        proto.CopyFrom(self.protos[node.outputs[0]])
        proto.input[:] = inputs
        self.nodes.append(proto)
        for output in node.outputs:
            if output:
                self.parts[output] = part
        return proto
