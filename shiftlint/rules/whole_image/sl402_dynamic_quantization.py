"""SL402 · dynamic quantization: scales are taken from each tile.

`DynamicQuantizeLinear` and its fused forms compute scale and zero point from the smallest and
largest value of the tensor. These differ between tiles, so the same pixel gets different values in
different tiles. No halo repairs that.

Do: quantize statically (QuantizeLinear with stored scales), or run in float.

Bad:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,h,w] out) {
      q, scale, zero = DynamicQuantizeLinear(image)
      out = DequantizeLinear(q, scale, zero)
    }

Good:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,h,w] out)
    <float scale = {0.1}, uint8 zero = {128}> {
      q = QuantizeLinear(image, scale, zero)
      out = DequantizeLinear(q, scale, zero)
    }
"""

from __future__ import annotations

from collections.abc import Iterator

from shiftlint.rules.case import Case
from shiftlint.rules.finding import Finding, Level
from shiftlint.rules.note_codes import DYNAMIC_QUANTIZATION

CODE = "SL402"
LEVEL = Level.ERROR
TITLE = "dynamic quantization: scales are taken from each tile"


def check(case: Case) -> Iterator[Finding]:
    """One finding for all dynamically quantizing nodes."""
    nodes = [node for node in case.nodes if node.op in DYNAMIC_QUANTIZATION]
    if nodes:
        yield Finding(
            CODE,
            LEVEL,
            f"{nodes[0].op} {nodes[0].name!r} and {len(nodes) - 1} more node(s) take their scale "
            "from each tile.",
            "Quantize statically, with stored scales, or run in float.",
            nodes[0].name,
            fact=(("nodes", len(nodes)),),
        )
