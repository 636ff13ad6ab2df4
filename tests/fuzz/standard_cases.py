"""The test cases of the ONNX standard: small models with inputs, not written for this project.

Cases of single operators come from Python modules of `onnx.backend.test.case.node`; the others are
files next to them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

NODE_CASES = "onnx.backend.test.case.node"
KINDS_ON_DISK = ("simple", "pytorch-operator", "pytorch-converted")
# a case whose operator is written out as the function that the standard defines it by
EXPANDED = "_expanded"

Array = NDArray[Any]


@dataclass(frozen=True)
class Case:
    """A model of the standard and its inputs.

    Attributes
    ----------
    name : str
    operator : str
        The operator under test; with "(expanded)" where it is written out as a function.
    model : onnx.ModelProto
    arrays : dict of name to array, or to list of arrays
        One for each input; a list for a sequence.
    """

    name: str
    operator: str
    model: onnx.ModelProto
    arrays: dict[str, Array | list[Array]]


def node_cases(modules: Sequence[str] | None = None) -> list[Case]:
    """The cases of single operators: of all modules, which takes half a minute, or of those named
    and what is loaded already.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # overflows are meant
        if modules is None:
            found = import_module("onnx.backend.test.loader").load_model_tests(kind="node")
        else:
            for module in modules:
                import_module(f"{NODE_CASES}.{module}")
            found = import_module(NODE_CASES)._NodeTestCases
    operators = {
        case.name: case.model.graph.node[0].op_type for case in found if EXPANDED not in case.name
    }
    return [_node_case(case, operators) for case in found]


def _node_case(case: Any, operators: dict[str, str]) -> Case:
    plain, expanded, _ = case.name.partition(EXPANDED)
    operator = operators.get(case.name) or operators.get(plain, "unknown")
    names = [value.name for value in case.model.graph.input]
    arrays = {name: _array(given) for name, given in zip(names, case.data_sets[0][0], strict=True)}
    return Case(case.name, f"{operator} (expanded)" if expanded else operator, case.model, arrays)


def _array(given: Any) -> Any:
    if isinstance(given, onnx.TensorProto):
        return numpy_helper.to_array(given)
    if isinstance(given, list):
        return [_array(one) for one in given]
    return None if given is None else np.asarray(given)


def stored_cases() -> Iterator[Case]:
    """The cases that lie as files beside the Python modules: small exports of PyTorch, and graphs
    of a few nodes.
    """
    data = Path(onnx.__file__).parent / "backend" / "test" / "data"
    for kind in KINDS_ON_DISK:
        for folder in sorted((data / kind).iterdir()):
            if (folder / "model.onnx").is_file():
                yield _stored_case(folder)


def _stored_case(folder: Path) -> Case:
    model = onnx.load(folder / "model.onnx")
    given = {tensor.name for tensor in model.graph.initializer}
    values = [value for value in model.graph.input if value.name not in given]
    arrays: dict[str, Array | list[Array]] = {}
    for index, value in enumerate(values):
        file = folder / "test_data_set_0" / f"input_{index}.pb"
        if value.type.HasField("tensor_type") and file.is_file():
            arrays[value.name] = numpy_helper.to_array(onnx.load_tensor(file))
    return Case(folder.name, main_operator(model), model, arrays)


def main_operator(model: onnx.ModelProto) -> str:
    """The operator of a graph that is not a single node: that of the node with most inputs,
    "network" where there are many.
    """
    nodes = [node for node in model.graph.node if node.op_type != "Constant"]
    if len(nodes) > 3:
        return "network"
    return str(max(nodes, key=lambda node: len(node.input)).op_type) if nodes else "Constant"


def standard_cases() -> list[Case]:
    """All cases."""
    return [*node_cases(), *stored_cases()]
