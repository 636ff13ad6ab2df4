"""Damaged models: bits flipped, files cut, attributes, sizes, names and nodes made invalid.

`python -m tests.shiftlint.mutation COUNT SEED FILES…` runs many and prints the seeds of failures.
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import onnx

from shiftlint import InputError, analyze

EXTREMES = [
    0,
    -1,
    1,
    2,
    3,
    -(2**63),
    2**63 - 1,
    2**31,
    2**31 - 1,
    -(2**31),
    1000003,
    65536,
    2**40,
    17,
]
FLOATS = [0.0, -1.0, float("nan"), float("inf"), 1e30, 1e-30]
OPERATORS = sorted({schema.name for schema in onnx.defs.get_all_schemas() if schema.domain == ""})
CHANGES = (
    *("attribute", "size", "constant", "rename", "operator", "leave_out", "drop"),
    *("extra_input", "opset", "domain", "twice", "extra_attribute", "extra_output"),
)


def mutate(seed: int, data: bytes) -> bytes:
    """One damaged copy."""
    rng = random.Random(seed)
    kind = rng.choice(["bits", "cut", "splice", "model", "model", "model"])
    if kind == "bits":
        damaged = bytearray(data)
        for _ in range(rng.choice([1, 1, 3, 10])):
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        return bytes(damaged)
    if kind == "cut":
        return data[: rng.randrange(len(data))]
    if kind == "splice":
        start = rng.randrange(len(data))
        return (
            data[:start]
            + rng.randbytes(rng.randrange(1, 64))
            + data[start + rng.randrange(1, 64) :]
        )
    model: onnx.ModelProto = onnx.ModelProto.FromString(data)
    for _ in range(rng.choice([1, 1, 2, 4])):
        if model.graph.node:
            _change(rng, model)
    result: bytes = model.SerializeToString()
    return result


def _change(rng: random.Random, model: onnx.ModelProto) -> None:
    graph = model.graph
    node = rng.choice(graph.node)
    names = [name for other in graph.node for name in other.output if name]
    match rng.choice(CHANGES):
        case "attribute" if node.attribute:
            _change_attribute(rng, rng.choice(node.attribute))
        case "size":
            dims = rng.choice([*graph.input, *graph.output]).type.tensor_type.shape.dim
            if dims:
                rng.choice(dims).dim_value = rng.choice(EXTREMES)
        case "constant" if graph.initializer:
            _change_tensor(rng, rng.choice(graph.initializer))
        case "rename" if node.input and names:
            node.input[rng.randrange(len(node.input))] = rng.choice(names)
        case "operator":
            node.op_type = rng.choice(OPERATORS)
        case "leave_out" if node.input:
            node.input[rng.randrange(len(node.input))] = ""
        case "drop":
            graph.node.remove(node)
        case "extra_input" if names:
            node.input.append(rng.choice(names))
        case "opset":
            model.opset_import[0].version = rng.choice([1, 6, 7, 9, 11, 13, 17, 18, 21, 28, 2**40])
        case "domain":
            node.domain = rng.choice(["com.microsoft", "com.microsoft.nchwc", "nowhere"])
        case "twice":
            graph.node.append(node)
        case "extra_attribute":
            value = rng.choice([rng.choice(EXTREMES), "text", 1.5, [1, 2]])
            node.attribute.append(
                onnx.helper.make_attribute(
                    rng.choice(["axis", "axes", "pads", "mode", "perm", "k"]), value
                )
            )
        case "extra_output":
            node.output.append(f"extra{rng.randrange(10**9)}")


def _change_attribute(rng: random.Random, attribute: onnx.AttributeProto) -> None:
    if attribute.ints:
        attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(EXTREMES)
    elif attribute.type == onnx.AttributeProto.INT:
        attribute.i = rng.choice(EXTREMES)
    elif attribute.type == onnx.AttributeProto.FLOAT:
        attribute.f = rng.choice(FLOATS)
    elif attribute.type == onnx.AttributeProto.TENSOR:
        _change_tensor(rng, attribute.t)
    else:
        attribute.type = rng.choice(onnx.AttributeProto.AttributeType.values())


def _change_tensor(rng: random.Random, tensor: onnx.TensorProto) -> None:
    if tensor.dims and rng.random() < 0.5:
        tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(EXTREMES)
    elif tensor.raw_data:
        data = bytearray(tensor.raw_data)
        data[rng.randrange(len(data))] = rng.randrange(256)
        tensor.raw_data = bytes(data)
    else:
        tensor.data_type = rng.randrange(25)


def main(count: int, seed: int, files: list[str]) -> int:
    rng = random.Random(seed)
    originals = [Path(file).read_bytes() for file in files]
    outcomes: Counter[str] = Counter()
    slowest: list[tuple[float, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.onnx"
        for _ in range(count):
            one, index = rng.randrange(2**60), rng.randrange(len(files))
            path.write_bytes(mutate(one, originals[index]))
            start = time.perf_counter()
            try:
                analyze(path)
                outcomes["analyzed"] += 1
            except InputError:
                outcomes["refused"] += 1
            except Exception as error:  # the point of this program is to find them
                where = traceback.extract_tb(error.__traceback__)[-1]
                name = f"{type(error).__name__} {Path(where.filename).name}:{where.lineno}"
                outcomes[name] += 1
                print(name, error, Path(files[index]).name, one)
            slowest = sorted([*slowest, (round(time.perf_counter() - start, 2), one)])[-3:]
    print(
        dict(outcomes),
        "slowest",
        slowest,
        "MB",
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    )
    return int(len(outcomes) > 2)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
