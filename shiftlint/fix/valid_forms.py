"""The valid form of each operator: no padding, and the part of the original output it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from shiftlint.calculus.relation import Relation
from shiftlint.calculus.sliding_windows import Geometry, geometries
from shiftlint.calculus.tensor import Tensor, dim_of, single_track
from shiftlint.calculus.track import Track, border_of
from shiftlint.fix.valid_twin import NotConvertible, Part, Twin
from shiftlint.onnx_file.graph import Node
from shiftlint.ops.registry import arguments, find

if TYPE_CHECKING:
    import onnx


def join(twin: Twin, node: Node, images: Sequence[str]) -> None:
    """Crop all inputs to their common part."""
    parts = [twin.parts[name] for name in images]
    near = tuple(max(p.near[i] for p in parts) for i in range(twin.rank))
    far = tuple(min(p.near[i] + p.size[i] for p in parts) for i in range(twin.rank))
    shared = Part(near, tuple(f - n for n, f in zip(near, far, strict=True)))
    twin.keep(
        node,
        [twin.cropped(name, shared) if name in twin.parts else name for name in node.inputs],
        shared,
    )


def _geometry(twin: Twin, node: Node) -> list[Geometry]:
    get = node.attributes.get
    kernel = get("kernel_shape") or twin.original[node.inputs[1]].shape[2:]
    sizes = twin.sizes(node.inputs[0])
    return geometries(
        sizes, kernel, get("strides"), get("dilations"), get("pads"), get("auto_pad", "NOTSET")
    )


def _without(proto: onnx.NodeProto, *names: str) -> None:
    kept = [a for a in proto.attribute if a.name not in names]
    del proto.attribute[:]
    proto.attribute.extend(kept)


def _slide(twin: Twin, node: Node) -> None:
    """Convolution and pooling: no pads; the input is cropped to start on a whole stride."""
    part = twin.parts[node.inputs[0]]
    near, size, first, left = [], [], [], []
    for axis, one in enumerate(_geometry(twin, node)):
        cut = -(part.near[axis] + one.before) % one.stride
        remains = part.size[axis] - cut
        first.append(part.near[axis] + cut)
        left.append(remains)
        near.append((part.near[axis] + cut + one.before) // one.stride)
        size.append((remains - one.extent) // one.stride + 1)
    if min(size) < 1:
        raise NotConvertible("nothing is left of the image")
    source = twin.cropped(node.inputs[0], Part(tuple(first), tuple(left)))
    proto = twin.keep(node, [source, *node.inputs[1:]], Part(tuple(near), tuple(size)))
    _without(proto, "pads", "auto_pad", "ceil_mode", "count_include_pad")


def _slide_transposed(twin: Twin, node: Node) -> None:
    """Transposed convolution: its own pads cut off the px that lack a contribution."""
    from onnx import helper

    part = twin.parts[node.inputs[0]]
    near, size, pads = [], [], []
    if node.attributes.get("output_shape") or node.attributes.get("auto_pad", "NOTSET") not in {
        "NOTSET",
        "VALID",
    }:
        raise NotConvertible("output_shape or auto_pad is not converted")
    for axis, one in enumerate(_geometry(twin, node)):
        cut = max(one.extent - one.stride, 0)
        pads.append(cut)
        near.append(part.near[axis] * one.stride - one.before + cut)
        size.append(one.stride * (part.size[axis] - 1) + one.extent - 2 * cut)
    if min(size) < 1:
        raise NotConvertible("nothing is left of the image")
    made = Part(tuple(near), tuple(size))
    proto = twin.keep(node, [node.inputs[0], *node.inputs[1:]], made)
    _without(proto, "pads", "auto_pad", "output_padding")
    proto.attribute.append(helper.make_attribute("pads", pads * 2))
    _within(twin, node, proto, made)


def _within(twin: Twin, node: Node, proto: onnx.NodeProto, part: Part) -> None:
    """Cut off the px of a node's output that the original does not have."""
    name = node.outputs[0]
    near = tuple(max(n, 0) for n in part.near)
    ends = (
        min(n + s, whole)
        for n, s, whole in zip(part.near, part.size, twin.sizes(name), strict=True)
    )
    wanted = Part(near, tuple(e - n for e, n in zip(ends, near, strict=True)))
    if wanted != part:
        proto.output[0] = f"{name}_to_valid_whole"
        twin.cropped(proto.output[0], wanted, part, name)
    twin.parts[name] = wanted


def _shifted(twin: Twin, node: Node, amounts: Mapping[int, int]) -> None:
    """A crop or a pad: the same tensor, shifted and cut to the extent of the original."""
    part, name = twin.parts[node.inputs[0]], node.outputs[0]
    moved = Part(tuple(n + amounts.get(i + 2, 0) for i, n in enumerate(part.near)), part.size)
    near = tuple(max(n, 0) for n in moved.near)
    ends = (
        min(n + s, whole)
        for n, s, whole in zip(moved.near, moved.size, twin.sizes(name), strict=True)
    )
    wanted = Part(near, tuple(e - n for e, n in zip(ends, near, strict=True)))
    twin.cropped(node.inputs[0], wanted, moved, name)
    twin.parts[name] = wanted


def _integers(twin: Twin, node: Node, index: int, default: Sequence[int]) -> list[int]:
    """The known integers of an input."""
    if len(node.inputs) <= index or not node.inputs[index]:
        return list(default)
    elements = twin.original[node.inputs[index]].elements
    if elements is None:
        raise NotConvertible("bounds that are not constant")
    return [int(v) for v in elements.numbers()]


def _slice(twin: Twin, node: Node) -> None:
    starts = _integers(twin, node, 1, ())
    rank = twin.rank + 2
    axes = [axis % rank for axis in _integers(twin, node, 3, range(len(starts)))]
    steps = _integers(twin, node, 4, [1] * len(starts))
    if all(axis < 2 for axis in axes):
        join(twin, node, [node.inputs[0]])
        return
    if any(axis < 2 for axis in axes) or any(step != 1 for step in steps):
        raise NotConvertible("a slice with steps, or of channels and space at once")
    sizes = twin.original[node.inputs[0]].shape
    firsts = {
        axis: -range(sizes[axis])[start:][0]
        for axis, start in zip(axes, starts, strict=True)
        if sizes[axis]
    }
    _shifted(twin, node, firsts)


def _pad(twin: Twin, node: Node) -> None:
    pads = list(node.attributes.get("pads") or ()) or _integers(twin, node, 1, ())
    axes = [axis % (twin.rank + 2) for axis in _integers(twin, node, 3, range(len(pads) // 2))]
    if any(pads[i] or pads[i + len(axes)] for i, axis in enumerate(axes) if axis < 2):
        raise NotConvertible("it pads channels")
    _shifted(twin, node, {axis: pads[i] for i, axis in enumerate(axes) if axis >= 2})


def _resize(twin: Twin, node: Node) -> None:
    """Interpolation by a whole factor; the px that it clamps at a border are cut off."""
    part, name = twin.parts[node.inputs[0]], node.outputs[0]
    factors, near, size = [], [], []
    for axis in range(2, 2 + twin.rank):
        before, after = (single_track(twin.original[n].dims[axis]) for n in (node.inputs[0], name))
        factor = after.relation.scale / before.relation.scale if before and after else Fraction(0)
        old, new = twin.original[node.inputs[0]].shape[axis], twin.original[name].shape[axis]
        if factor.denominator != 1 or factor < 1 or factor * old != new:
            raise NotConvertible("it resizes by a factor that is not whole")
        near.append(part.near[axis - 2] * int(factor))
        size.append(part.size[axis - 2] * int(factor))
        factors.append(int(factor))
    clamped = [
        _clamped(twin, node, axis, s, f)
        for axis, (s, f) in enumerate(zip(part.size, factors, strict=True), 2)
    ]
    made = Part(tuple(near), tuple(size))
    wanted = Part(
        tuple(n + c[0] for n, c in zip(near, clamped, strict=True)),
        tuple(s - sum(c) for s, c in zip(size, clamped, strict=True)),
    )
    scales = twin.constant(np.array([1, 1, *factors], np.float32))
    roi = twin.constant(np.zeros(0, np.float32))  # opset 11 requires it
    inputs = (
        [node.inputs[0], scales]
        if node.op == "Upsample" or len(node.inputs) == 2
        else [node.inputs[0], roi, scales]
    )
    proto = twin.keep(node, inputs, made)
    _without(proto, "axes", "keep_aspect_ratio_policy", "scales")
    proto.output[0] = f"{name}_to_valid_whole"
    twin.cropped(proto.output[0], wanted, made, name)
    twin.parts[name] = wanted


def _clamped(twin: Twin, node: Node, axis: int, size: int, factor: int) -> tuple[int, int]:
    """The px at both ends whose interpolation leaves the input, from this node's relation alone."""
    source = twin.original[node.inputs[0]]
    alone = source.with_dim(axis, dim_of(source.shape[axis], Track(axis)))
    known = find(node.op, node.domain, 13 if node.op == "Resize" else 9)
    assert known is not None
    others = [twin.original[name] if name else None for name in node.inputs[1:]]
    result = known.function(alone, *others, **arguments(known, node.attributes, 1, None))
    track = single_track((result if isinstance(result, Tensor) else result[0]).dims[axis])
    relation: Relation | None = track.relation if track else None
    if relation is None:
        raise NotConvertible("its windows are not known")
    return border_of(relation, (0, 0), size, size * factor)


def _depth_to_space(twin: Twin, node: Node) -> None:
    part, block = twin.parts[node.inputs[0]], int(node.attributes["blocksize"])
    twin.keep(
        node,
        node.inputs,
        Part(tuple(n * block for n in part.near), tuple(s * block for s in part.size)),
    )


def _space_to_depth(twin: Twin, node: Node) -> None:
    part, block = twin.parts[node.inputs[0]], int(node.attributes["blocksize"])
    first = [-(-n // block) for n in part.near]
    count = [(n + s) // block - f for n, s, f in zip(part.near, part.size, first, strict=True)]
    source = twin.cropped(
        node.inputs[0], Part(tuple(f * block for f in first), tuple(c * block for c in count))
    )
    twin.keep(node, [source], Part(tuple(first), tuple(count)))


FORMS: dict[str, Callable[[Twin, Node], None]] = {
    **dict.fromkeys(("Conv", "FusedConv", "MaxPool", "AveragePool", "LpPool"), _slide),
    "ConvTranspose": _slide_transposed,
    "Slice": _slice,
    "Pad": _pad,
    **dict.fromkeys(("Resize", "Upsample"), _resize),
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
}
