"""How much memory a network needs: the tensors alive at once.

onnxruntime computes node by node and frees a tensor after its last use; an elementwise operator
overwrites an input that is no longer needed. A window costs the most bytes alive at once, for the
sizes that the analyzer finds. On the CPU the measured peak is 2.2 to 2.4 times that (U-Net
of depth 4, windows of 700 to 1212 px): blocked layouts are copies, and the arena rounds up.
"""

from __future__ import annotations

from math import prod
from pathlib import Path

from shiftlint.analysis.image_layout import open_probe
from shiftlint.calculus.note import SizeError
from shiftlint.calculus.tensor import Tensor
from shiftlint.onnx_file.reader import read_graph

ITEM_BYTES = 4
OVERHEAD = 2.4
UNKNOWN_BYTES_PER_PX = 2000  # of a network with unknown sizes: more than most need
IN_PLACE = {
    "Relu",
    "LeakyRelu",
    "Sigmoid",
    "Add",
    "Sub",
    "Mul",
    "Div",
    "BatchNormalization",
    "Clip",
    "Elu",
    "PRelu",
    "Tanh",
}
FREE = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Shape", "Constant"}


def activation_bytes(path: Path, sizes: tuple[int, ...], input_name: str | None = None) -> int:
    """The peak memory of one run on an input of spatial `sizes`, bytes; weights not counted."""
    probe = open_probe(read_graph(path), where=str(path), input_name=input_name)
    try:
        values = probe.tensors(sizes)
    except SizeError:
        return UNKNOWN_BYTES_PER_PX * prod(sizes)
    nodes = [call.node for call in probe.calls]
    if any(values[name].opaque for node in nodes for name in node.outputs if name in values):
        return UNKNOWN_BYTES_PER_PX * prod(sizes)
    last = {name: number for number, node in enumerate(nodes) for name in node.inputs}
    last.update({value.name: len(nodes) for value in probe.graph.outputs})
    alive = peak = prod(values[probe.image.name].shape)
    for number, node in enumerate(nodes):
        made = sum(_size(values[name]) for name in node.outputs if name in values)
        freed = sum(
            _size(values[name])
            for name in set(node.inputs)
            if name in values and last[name] == number
        )
        in_place = node.op in IN_PLACE | FREE
        alive += made - (freed if in_place else 0)
        peak = max(peak, alive)
        alive -= 0 if in_place else freed
    return int(peak * ITEM_BYTES * OVERHEAD)


def _size(value: Tensor) -> int:
    """Elements of a tensor that depends on the image; constants are weights."""
    return prod(value.shape) if value.from_image and value.value is None else 0
