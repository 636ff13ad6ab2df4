"""`--crop-output`: crop the output to a whole number of steps, to keep adjacent tiles on the grid.

Shape → Gather → Div(step) → Mul(step) → Slice[0 : n·step]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shiftlint.contract.values import AxisContract, Contract
from shiftlint.errors import InputError

if TYPE_CHECKING:
    import onnx

FIRST_OPSET = 10  # Slice takes its bounds as inputs


def crop_outputs(model: onnx.ModelProto, contract: Contract, *, where: str) -> list[str]:
    """Append the crop to every output that needs it; return their names.

    Raises
    ------
    InputError
        The opset is too old.
    """
    wanted = {o.name: [a for a in o.axes if needs_crop(a)] for o in contract.outputs}
    wanted = {name: axes for name, axes in wanted.items() if axes}
    version = dict(contract.model.opset).get("ai.onnx", 0)
    if wanted and version < FIRST_OPSET:
        raise InputError(
            f"opset too old ({where}, --crop-output): expected at least {FIRST_OPSET}, got "
            f"{version}. Export the model again."
        )
    for name, axes in wanted.items():
        _crop(model.graph, name, axes)
    return list(wanted)


def needs_crop(axis: AxisContract) -> bool:
    """Whether an output may end within a step at a legal size."""
    if axis.step is None or axis.step == 1 or axis.sizes is None or axis.output_size is None:
        return False
    first = axis.sizes.min
    legal = (n for n in range(first, first + axis.sizes.modulus) if axis.sizes.legal(n))
    return any(axis.output_size.of(n) % axis.step for n in legal)


def _crop(graph: onnx.GraphProto, name: str, axes: list[AxisContract]) -> None:
    from onnx import helper, numpy_helper

    whole = _unused(graph, f"{name}_whole")
    for node in graph.node:
        node.output[:] = [whole if o == name else o for o in node.output]
        node.input[:] = [whole if i == name else i for i in node.input]
    dims = [a.output_axis for a in axes]
    constants = {"axes": dims, "steps": [a.step or 1 for a in axes], "starts": [0] * len(axes)}
    names = {
        key: _unused(graph, f"{name}_crop_{key}")
        for key in (*constants, "shape", "sizes", "count", "ends")
    }
    for key, values in constants.items():
        graph.initializer.append(numpy_helper.from_array(np.array(values, np.int64), names[key]))
    for op, inputs, output in (
        ("Shape", [whole], names["shape"]),
        ("Gather", [names["shape"], names["axes"]], names["sizes"]),
        ("Div", [names["sizes"], names["steps"]], names["count"]),
        ("Mul", [names["count"], names["steps"]], names["ends"]),
        ("Slice", [whole, names["starts"], names["ends"], names["axes"]], name),
    ):
        graph.node.append(helper.make_node(op, inputs, [output], name=f"{output}_{op}"))
    for value in graph.output:
        if value.name == name:
            for axis in axes:
                dim = value.type.tensor_type.shape.dim[axis.output_axis]
                size = dim.dim_value - dim.dim_value % (axis.step or 1)
                dim.Clear()
                if size:
                    dim.dim_value = size
                else:
                    dim.dim_param = f"{name}_{axis.name}"


def _unused(graph: onnx.GraphProto, name: str) -> str:
    used = {n for node in graph.node for n in (*node.input, *node.output)} | {
        t.name for t in graph.initializer
    }
    while name in used:
        name += "_"
    return name
