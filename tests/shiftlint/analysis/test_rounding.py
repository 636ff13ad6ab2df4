"""Values not declared as rounded have equal bits at other places, sizes, batches and thread counts.

Only this direction holds on every machine: declared values may be exact on some.
`shiftlint.analysis.rounding` has the facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnxruntime import InferenceSession, SessionOptions, set_default_logger_severity
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, NotImplemented

from shiftlint.analysis.image_layout import open_probe
from shiftlint.analysis.rounding import ROUNDED, fewest_px
from shiftlint.onnx_file.reader import read_graph
from shiftlint.ops.elementwise import UNARY
from shiftlint.ops.registry import registry

DTYPES = ("float32", "float64", "float16")
WHOLE = (149, 163)  # px, so that neither rows nor images fill whole packets
CROPS = 4
THREADS = {"float32": (1, 3), "float64": (3,), "float16": (3,)}
OPSET = 22


@dataclass(frozen=True)
class Case:
    """A network of one operator on an image (N, C, Y, X), or (N, Y, X, C) channels `last`.

    Attributes
    ----------
    op : str
    inputs : tuple of str
        "x" is the image.
    attributes : mapping
    constants : mapping
    channels : int
    last : bool
    low, high : float
        Of the px.
    domain : str
    """

    op: str
    inputs: tuple[str, ...] = ("x",)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    channels: int = 3
    last: bool = False
    low: float = -2.5
    high: float = 2.5
    domain: str = ""

    @property
    def axes(self) -> tuple[int, int]:
        return (1, 2) if self.last else (2, 3)

    def save(self, path: Path, dtype: str) -> None:
        """Write the network; constants of real numbers are of the image's type."""
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        shape: list[int | str | None] = (
            ["n", "h", "w", self.channels] if self.last else ["n", self.channels, "h", "w"]
        )
        graph = helper.make_graph(
            [helper.make_node(self.op, self.inputs, ["y"], domain=self.domain, **self.attributes)],
            "g",
            [helper.make_tensor_value_info("x", kind, shape)],
            [helper.make_tensor_value_info("y", kind, None)],
            [
                numpy_helper.from_array(
                    np.asarray(value, dtype if np.asarray(value).dtype.kind == "f" else None), name
                )
                for name, value in self.constants.items()
            ],
        )
        opset = 24 if self.op == "Swish" else 23 if self.op == "RMSNormalization" else OPSET
        imports = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
        onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=10), path)

    def image(self, dtype: str, batch: int = 1) -> NDArray[Any]:
        random = np.random.default_rng(len(self.op))
        px = random.uniform(self.low, self.high, (batch, self.channels, *WHOLE)).astype(dtype)
        return np.ascontiguousarray(np.moveaxis(px, 1, 3)) if self.last else px

    def crop(self, array: NDArray[Any], box: tuple[slice, slice]) -> NDArray[Any]:
        index: list[slice] = [slice(None)] * 4
        for axis, part in zip(self.axes, box, strict=True):
            index[axis] = part
        return np.ascontiguousarray(array[tuple(index)])


RANGES = {
    "Log": (0.1, 5),
    "Sqrt": (0.1, 5),
    "Asin": (-0.9, 0.9),
    "Acos": (-0.9, 0.9),
    "Atanh": (-0.9, 0.9),
    "Acosh": (1.1, 5),
}
NO_REAL_NUMBERS = {"Not", "BitwiseNot", "IsNaN", "IsInf", "BitCast"}  # but truth values, or bits
REDUCTIONS = sorted(name for domain, name in registry() if not domain and name.startswith("Reduce"))


def cases() -> dict[str, Case]:
    found = {
        op: Case(op, low=RANGES.get(op, (-2.5, 2.5))[0], high=RANGES.get(op, (-2.5, 2.5))[1])
        for op in UNARY
        if op not in NO_REAL_NUMBERS
    }
    found |= {op: Case(op, domain="com.microsoft") for op in ("QuickGelu", "FastGelu")}
    found |= {op: Case(op, ("x", "x")) for op in ("Add", "Sub", "Mul", "Min", "Max", "Mean", "Sum")}
    found |= {
        f"{op} a constant": Case(op, ("x", "c"), {}, {"c": [1.7]})
        for op in ("Add", "Mul", "Div", "PRelu")
    }
    found |= {
        f"{op} a channel": Case(op, ("x", "c"), {}, {"c": np.full((3, 1, 1), 0.3)})
        for op in ("Add", "Mul", "Div", "PRelu")
    }
    found["Mod"] = Case("Mod", ("x", "c"), {"fmod": 1}, {"c": [0.7]})
    found["Clip"] = Case("Clip", ("x", "low", "high"), {}, {"low": -0.7, "high": 1.1})
    found["Where"] = Case("Where", ("b", "x", "c"), {}, {"b": [True], "c": [1.0]})
    found |= {
        f"Pow {power}": Case("Pow", ("x", "c"), {}, {"c": [power]}, low=0.1)
        for power in (0.5, 1.7, 2.0, 3.0)
    }
    for channels in (3, 5, 8):
        for axis, last in ((1, False), (3, True)):
            where = f"{channels} channels {'last' if last else 'first'}"
            kwargs: dict[str, Any] = {"channels": channels, "last": last}
            found |= {
                f"{op} over {where}": Case(op, ("x", "a"), {}, {"a": [axis]}, low=0.1, **kwargs)
                for op in REDUCTIONS
            }
            found |= {
                f"{op} over {where}": Case(op, attributes={"axis": axis}, **kwargs) for op in SOFT
            }
            found[f"LpNormalization over {where}"] = Case(
                "LpNormalization", attributes={"axis": axis, "p": 2}, **kwargs
            )
        scale = {
            "s": np.full(channels, 1.3),
            "b": np.full(channels, 0.1),
            "m": np.full(channels, 0.2),
            "v": np.full(channels, 0.9),
        }
        found[f"BatchNormalization of {channels}"] = Case(
            "BatchNormalization", ("x", *"sbmv"), {}, scale, channels
        )
        found[f"LRN of {channels}"] = Case("LRN", attributes={"size": 3}, channels=channels)
        found[f"MeanVarianceNormalization of {channels}"] = Case(
            "MeanVarianceNormalization", attributes={"axes": [1]}, channels=channels
        )
        for op in ("LayerNormalization", "RMSNormalization"):
            found[f"{op} of {channels}"] = Case(
                op, ("x", "s"), {"axis": -1}, {"s": scale["s"]}, channels, last=True
            )
    weights = np.random.default_rng(0).normal(size=(5, 8, 3, 3))
    found["Conv"] = Case("Conv", ("x", "w"), {}, {"w": weights}, 8)
    found["Conv by 1"] = Case("Conv", ("x", "w"), {}, {"w": weights[:, :, :1, :1]}, 8)
    found["Conv of each channel"] = Case("Conv", ("x", "w"), {"group": 5}, {"w": weights[:, :1]}, 5)
    found["MatMul"] = Case("MatMul", ("x", "w"), {}, {"w": weights[:, :, 0, 0].T}, 8, last=True)
    return found


SOFT = ("Softmax", "LogSoftmax", "Hardmax")
CASES = cases()


def test_every_operator_with_facts_is_measured() -> None:
    """Except operators known to be rounded by place for any input."""
    assert {case.op for case in CASES.values()} | {"Einsum", "DeformConv"} >= ROUNDED


def session(path: Path, threads: int) -> InferenceSession | None:
    """None if onnxruntime has no kernel for it."""
    set_default_logger_severity(4)
    options = SessionOptions()
    options.intra_op_num_threads = threads
    try:
        return InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except (NotImplemented, InvalidGraph, Fail):
        return None


def complaints(case: Case, dtype: str, path: Path) -> list[str] | None:
    """Where bits differ that should not; None if onnxruntime does not run it."""
    case.save(path, dtype)
    probe = open_probe(read_graph(path), where="test")
    exact = all(axis.rounding.bitwise for axis in probe.at(WHOLE).axes.values())
    batches = probe.independent(WHOLE, 2)
    assert len(probe.at(WHOLE).axes) == len(WHOLE)
    found, random = [], np.random.default_rng(1)
    results = []
    image = case.image(dtype, 2)
    for threads in THREADS[dtype]:
        run = session(path, threads)
        if run is None:
            return None
        whole = run.run(None, {"x": image[:1]})[0]
        results.append(whole)
        lost = case.image(dtype).shape[case.axes[0]] - whole.shape[case.axes[0]]
        for _ in range(CROPS if exact else 0):
            start, size = random.integers(0, 20, 2), random.integers(3 + lost, 128, 2)
            box = slice(start[0], start[0] + size[0]), slice(start[1], start[1] + size[1])
            part = run.run(None, {"x": case.crop(image[:1], box)})[0]
            inner = slice(box[0].start, box[0].stop - lost), slice(box[1].start, box[1].stop - lost)
            if not np.array_equal(part, case.crop(whole, inner), equal_nan=True):
                found.append(f"{dtype}, {threads} threads: px {box}")
        if (
            exact
            and batches
            and not np.array_equal(run.run(None, {"x": image})[0][:1], whole, equal_nan=True)
        ):
            found.append(f"{dtype}, {threads} threads: in a batch")
    if exact and not np.array_equal(results[0], results[-1], equal_nan=True):
        found.append(f"{dtype}: by threads")
    return found


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_declared_has_equal_bits(name: str, tmp_path: Path) -> None:
    measured = [complaints(CASES[name], dtype, tmp_path / "net.onnx") for dtype in DTYPES]
    assert measured[0] is not None, "onnxruntime runs everything in float32"
    assert [one for found in measured for one in found or ()] == []


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("op", ["Conv", "ConvTranspose"])
def test_long_products_have_equal_bits_beyond_the_fewest_px(
    op: str, threads: int, tmp_path: Path
) -> None:
    """Over 130 channels along one axis, where onnxruntime has no kernel of blocks."""
    weights = np.random.default_rng(0).normal(size=(130, 130, 1)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node(op, ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 130, "w"])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weights, "w")],
    )
    imports = [helper.make_opsetid("", OPSET)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=10), tmp_path / "net.onnx")
    run = session(tmp_path / "net.onnx", threads)
    assert run is not None
    x = np.random.default_rng(0).normal(size=(1, 130, 2000)).astype(np.float32)
    whole = run.run(None, {"x": x})[0]
    for more in (1, 2, 3, 16, 30, 77):
        size = fewest_px(threads) + more
        part = run.run(None, {"x": np.ascontiguousarray(x[:, :, 11 : 11 + size])})[0]
        np.testing.assert_array_equal(part, whole[:, :, 11 : 11 + size])
