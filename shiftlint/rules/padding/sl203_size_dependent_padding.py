"""SL203 · padding depends on the size or on a flag: SAME, ceil_mode, count_include_pad.

`auto_pad` SAME with a stride pads one end or both, depending on the input size: the grid moves by a
pixel from one size to the next. `ceil_mode` lets the last window extend past the end at some sizes
only. `count_include_pad` decides whether the mean at a border includes the padding, and frameworks
differ in its default. All are border effects that change with the tile size.

Do: export with explicit pads, and use tile sizes that all strides divide.

Bad:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}> {
      out = Conv<auto_pad = "SAME_UPPER", strides = [2, 2]>(image, w)
    }

Good:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}> {
      out = Conv<pads = [1, 1, 1, 1], strides = [2, 2]>(image, w)
    }
"""

from __future__ import annotations

from collections.abc import Iterator

from shiftlint.onnx_file.graph import Node
from shiftlint.rules.case import Case
from shiftlint.rules.finding import Finding, Level

CODE = "SL203"
LEVEL = Level.WARNING
TITLE = "padding depends on the size or on a flag: SAME, ceil_mode, count_include_pad"


def check(case: Case) -> Iterator[Finding]:
    """One finding per kind of padding; it names the first node."""
    found: dict[str, list[Node]] = {}
    for node in case.nodes:
        if kind := _kind(node):
            found.setdefault(kind, []).append(node)
    for kind, nodes in sorted(found.items()):
        first = nodes[0]
        yield Finding(
            CODE,
            LEVEL,
            f"{kind} in {len(nodes)} node(s), first {first.op} {first.name!r}: its effect at a "
            "border changes with the size.",
            "Export with explicit pads, and use tiles whose sizes all strides divide.",
            first.name,
            fact=(("kind", kind), ("nodes", len(nodes))),
        )


def _kind(node: Node) -> str:
    """The attribute that makes this node's padding depend on the size; "" if none."""
    get = node.attributes.get
    strided = any(s > 1 for s in get("strides") or ())
    if str(get("auto_pad", "NOTSET")).startswith("SAME") and strided:
        return f"auto_pad {get('auto_pad')}"
    if get("ceil_mode") and strided:
        return "ceil_mode"
    if get("count_include_pad") and any(get("pads") or ()):
        return "count_include_pad"
    return ""
