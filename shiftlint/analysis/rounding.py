"""Operators whose last bits depend on more than their inputs, measured for onnxruntime on the CPU.

Most kernels give the same bits at every position. The exceptions, measured with onnxruntime 1.32 on
x86-64 (tests/shiftlint/analysis/test_rounding.py measures that there are no others):

- by place: the vectorized body and the scalar tail of each thread's part compute differently, so
  results depend on the position, the size and the number of threads;
- by batch: several images at a time are summed in a different order than one;
- by few px: a product over more than 128 summands is summed in longer blocks if a thread gets at
  most 64 px.

Differences are 1e-7 to 1e-5 standard deviations. This table makes no claim about other machines:
each run checks itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from shiftlint.calculus.tensor import Rounding, Tensor, follows
from shiftlint.onnx_file.graph import Node

FEWEST_SUMMED = 6  # channels; from here on, the batch size sets the order of a sum over them
# numbers; for more channels, except multiples, a sum over the last axis depends on its address
PACKETS = {"float32": 4, "float64": 2}
PACKET = PACKETS["float32"]
LONGEST_BLOCK = 128  # summands
FEWEST_PX = 64  # per thread; up to here, blocks are longer
GRAIN_PX = 16  # threads get px in multiples of this

OF_BOTH = frozenset({"Log", "Softplus", "Mish", "Elu", "Selu", "Celu", "Sin", "Cos"})
BY_PLACE: Mapping[str, frozenset[str]] = {  # by type of the numbers
    "float32": OF_BOTH
    | {"LRN", "Asin", "Acos", "Atan", "Einsum", "DeformConv", "MeanVarianceNormalization"},
    "float64": OF_BOTH
    | {"Exp", "Sigmoid", "Tanh", "Gelu", "QuickGelu", "FastGelu", "Softmax", "LogSoftmax", "Swish"},
}
SUMS = frozenset({"ReduceSum", "ReduceMean"})
# in float16 these are expanded into sums
SUMS_OF_HALVES = frozenset({"Softmax", "LogSoftmax", "ReduceSumSquare", "ReduceLogSum"})

ROUNDED = SUMS.union(SUMS_OF_HALVES, *BY_PLACE.values())


def rounding_of(
    op: str, types: frozenset[str], inputs: Sequence[Tensor | None], attributes: Mapping[str, Any]
) -> Rounding | None:
    """What the last bits of a node depend on, besides its values; None if nothing else.

    Parameters
    ----------
    op : str
    types : frozenset of str
        Number types of the network.
    inputs : sequence of Tensor or None
    attributes : mapping
    """
    wide = types if types & {"float64"} else types | {"float32"}  # float16 is computed in float32
    if any(op in ops for dtype, ops in BY_PLACE.items() if dtype in wide):
        return Rounding.PLACE
    if op in SUMS or (op in SUMS_OF_HALVES and "float16" in types):
        return _of_a_sum(op, wide, inputs, attributes)
    return None


def _of_a_sum(
    op: str, types: frozenset[str], inputs: Sequence[Tensor | None], attributes: Mapping[str, Any]
) -> Rounding | None:
    x = inputs[0]
    if x is None:
        return None
    axes = attributes.get("axes", attributes.get("axis", -1 if op.endswith("Softmax") else None))
    if len(inputs) > 1 and inputs[1] is not None and inputs[1].elements is not None:
        axes = inputs[1].elements.numbers()
    axes = [axes] if isinstance(axes, int) else axes if axes is not None else range(x.rank)
    chosen = {axis % x.rank for axis in axes} if x.rank else set()
    channels = prod(x.shape[axis] for axis in chosen if not follows(x.dims[axis]))
    packets = [packet for dtype, packet in PACKETS.items() if dtype in types]
    if x.rank - 1 in chosen and any(channels > packet and channels % packet for packet in packets):
        return Rounding.PLACE
    return Rounding.BATCH if channels >= FEWEST_SUMMED else None


def fewest_px(threads: int) -> int:
    """Px of a layer above which each of `threads` gets more than `FEWEST_PX`: one order of sums."""
    return threads * (FEWEST_PX + GRAIN_PX * (threads - 1))


def long_product_px(node: Node, inputs: Sequence[Tensor | None], output: Tensor) -> int | None:
    """The px of a node whose sums are so long that their order depends on the px; else None."""
    x, w = (*inputs, None, None)[:2]
    if x is None or w is None or not output.from_image:
        return None
    if node.op == "ConvTranspose" and w.rank > 2:
        group = max(int(node.attributes.get("group", 1)), 1)
        return prod(x.shape[2:]) if w.shape[0] // group > LONGEST_BLOCK else None
    if node.op in {"Conv", "FusedConv"} and w.rank > 2 and w.shape[0] > 1:
        # onnxruntime's NCHWc kernels sum in one order
        blocked = w.rank == 4 and (x.shape[1] < 8 or x.shape[1] % PACKET == 0)
        return prod(output.shape[2:]) if not blocked and prod(w.shape[1:]) > LONGEST_BLOCK else None
    if node.op in {"MatMul", "Gemm"} and w.from_image and w.rank > 1:
        return w.shape[-1] if w.shape[-2] > LONGEST_BLOCK else None
    return None
