"""`--to-valid`: the valid twin of a padded network, whose output is the interior of the original's.

Every tensor T' of the twin is part of a tensor T of the original: T'[i] = T[i + near]. A window of
stride s and pad p reads T[s·j - p + …] for output j, so the twin's output begins at (near + p) / s;
if that is not whole, its input is cropped first. Branches that meet are cropped to their common
part. A transposed convolution drops the px that some of its windows miss; an interpolation drops
the px that it clamps.

Crops are constants, found at one aligned size. The twin is analyzed and compared with the original
before it is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shiftlint.analysis.probe import Probe
from shiftlint.calculus.note import SizeError
from shiftlint.calculus.tensor import single_track
from shiftlint.errors import InputError
from shiftlint.fix.crop_output import FIRST_OPSET
from shiftlint.fix.valid_forms import FORMS, join
from shiftlint.fix.valid_twin import NotConvertible, Part, Twin
from shiftlint.onnx_file.graph import Graph, Node

if TYPE_CHECKING:
    import onnx


def valid_twin(
    model: onnx.ModelProto, graph: Graph, probe: Probe, sizes: tuple[int, ...]
) -> tuple[onnx.ModelProto, dict[str, Part]]:
    """The valid twin, and the part of the original output that each output is at these sizes.

    Raises
    ------
    NotConvertible
        A node has no valid form, or its output would not be the interior of the original output.
    """
    import onnx

    if graph.opset.get("", 0) < FIRST_OPSET:
        raise NotConvertible(f"opset {graph.opset.get('', 0)} is older than {FIRST_OPSET}")
    if probe.axes != tuple(range(2, 2 + len(sizes))):
        raise NotConvertible("an image of another shape than (batch, channels, space…)")
    protos = {o: node for node in model.graph.node for o in node.output}
    try:
        twin = Twin(probe.tensors(sizes), protos, len(sizes))
    except SizeError as error:
        raise NotConvertible(f"the network does not run at {sizes}: {error}") from error
    twin.parts[probe.image.name] = Part((0,) * len(sizes), sizes)
    for node in graph.nodes:
        try:
            _convert(twin, node)
        except NotConvertible as error:
            raise NotConvertible(f"{node.op} {node.name!r}: {error}") from error
    result = onnx.ModelProto()
    result.CopyFrom(model)
    names = [o.name for o in result.graph.output]
    del result.graph.node[:]
    result.graph.node.extend(_alive(twin.nodes, names))
    result.graph.initializer.extend(twin.constants)
    used = {i for node in result.graph.node for i in node.input}
    kept = [t for t in result.graph.initializer if t.name in used]
    del result.graph.initializer[:]
    result.graph.initializer.extend(kept)
    del result.graph.value_info[:]
    for value in result.graph.output:
        _resize_declared(value, twin.parts.get(value.name), model, probe)
    return result, {name: twin.parts[name] for name in names if name in twin.parts}


def _convert(twin: Twin, node: Node) -> None:
    images = [name for name in node.inputs if name in twin.parts]
    output = twin.original.get(node.outputs[0])
    if not images or output is None or output.elements is not None:
        twin.nodes.append(twin.protos[node.outputs[0]])
    elif output.opaque or any(note.axis in range(2, 2 + twin.rank) for note in output.notes):
        raise NotConvertible("it depends on the whole image or on the position, or is not analyzed")
    elif node.op in FORMS:
        FORMS[node.op](twin, node)
    elif _pointwise(twin, node, images):
        join(twin, node, images)
    else:
        raise NotConvertible("it has no known valid form")


def _pointwise(twin: Twin, node: Node, images: Sequence[str]) -> bool:
    """Whether output px j reads only px j of every input that follows the image."""
    output = twin.original[node.outputs[0]]
    if output.rank != twin.rank + 2:
        return False
    for axis in range(2, output.rank):
        track = single_track(output.dims[axis])
        for name in images:
            source = twin.original[name]
            if (
                source.rank != output.rank
                or source.shape[axis] != output.shape[axis]
                or track is None
            ):
                return False
            before = single_track(source.dims[axis])
            if before is None or before.relation.scale != track.relation.scale:
                return False
            if len(images) == 1 and (before.relation, before.border) != (
                track.relation,
                track.border,
            ):
                return False
    return True


def _alive(nodes: Sequence[onnx.NodeProto], outputs: Sequence[str]) -> list[onnx.NodeProto]:
    """The nodes that an output depends on; this drops the shape arithmetic of removed crops."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if not wanted.isdisjoint(node.output):
            kept.append(node)
            wanted.update(node.input)
    return kept[::-1]


def _resize_declared(
    value: onnx.ValueInfoProto, part: Part | None, model: onnx.ModelProto, probe: Probe
) -> None:
    """Declare the spatial sizes of an output: numbers if the input's are fixed, else names."""
    for axis, dim in enumerate(value.type.tensor_type.shape.dim):
        if axis >= 2 and part is not None and axis - 2 < len(part.size):
            dim.Clear()
            if isinstance(probe.image.shape[axis], int):
                dim.dim_value = part.size[axis - 2]
            else:
                dim.dim_param = f"{value.name}_{axis}"


def refuse(error: NotConvertible, where: str) -> InputError:
    """The one line that a user sees."""
    return InputError(
        f"no valid twin ({where}, --to-valid): expected padded convolutions, pools, crops and "
        f"joins, got {error}."
    )
