"""SL403 · the network is in training mode, or random.

Batch normalization in training mode takes its statistics from the current batch, that is, from each
tile. Dropout in training mode and random operators give a different result in every run. Even the
same tile then differs between runs.

Do: export in evaluation mode (`model.eval()`).

Bad:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,h,w] out)
    <float[1] scale = {1}, float[1] b = {0}, float[1] mean = {0}, float[1] var = {1}> {
      out, running_mean, running_var = BatchNormalization<training_mode = 1>(image, scale, b, mean,
      var)
    }

Good:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,h,w] out)
    <float[1] scale = {1}, float[1] b = {0}, float[1] mean = {0}, float[1] var = {1}> {
      out = BatchNormalization(image, scale, b, mean, var)
    }

Bad:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,h,w] out) {
      noise = RandomNormalLike(image)
      out = Add(image, noise)
    }
"""

from __future__ import annotations

from collections.abc import Iterator

from shiftlint.calculus.note import Kind
from shiftlint.onnx_file.graph import Node
from shiftlint.rules.case import Case
from shiftlint.rules.finding import Finding, Level

CODE = "SL403"
LEVEL = Level.ERROR
TITLE = "the network is in training mode, or random"
RANDOM = {
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
    "Bernoulli",
    "Multinomial",
}


def check(case: Case) -> Iterator[Finding]:
    """One finding per node in training mode or with random results."""
    dropped = {note.node for note in case.noted(Kind.RANDOM) if note.op == "Dropout"}
    for node in case.nodes:
        what = (
            "is in training mode"
            if node.op == "Dropout" and node.name in dropped
            else _training(node)
        )
        if what:
            yield Finding(
                CODE,
                LEVEL,
                f"{node.op} {node.name!r} {what}.",
                "Export the network in evaluation mode.",
                node.name,
                fact=(("op", node.op),),
            )


def _training(node: Node) -> str:
    if node.op in RANDOM:
        return "is random"
    if node.op == "BatchNormalization" and node.attributes.get("training_mode"):
        return "takes its statistics from each tile"
    return ""
