"""One random graph through the analyzer and onnxruntime, and the sum over many."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from onnx import TensorProto, helper

from shiftlint import analysis
from shiftlint.contract import AxisContract, Contract
from shiftlint.errors import InputError
from shiftlint.graph import read_graph
from shiftlint.measuring import measure
from shiftlint.subject import Subject, enough
from shiftlint.tiles_measured import measured_border
from shiftlint.verify import contradictions, open_session, subject_of
from shiftlint.windows_measured import measured_windows
from tests.fuzz.builder import Builder, Feature
from tests.fuzz.graphs import BLOCKS, SPOILERS

SPOILED = 0.15  # of the graphs
STATIC = 0.15
TOLERATED = 1  # px between a claimed window or border and a measured one that count as exact


@dataclass(frozen=True)
class Verdict:
    """What came of one graph.

    `periodic` and `exact` speak of every axis of every output; `contradictions` are sentences.
    """

    seed: int
    spoiled: bool
    runs: bool
    periodic: bool = False
    exact: bool = False
    contradictions: tuple[str, ...] = ()


def random_model(seed: int) -> tuple[onnx.ModelProto, bool]:
    """The graph of a seed, and whether a spoiler was planned in it."""
    random = np.random.default_rng(seed)
    b = Builder(random, int(random.choice([1, 2, 2, 2, 3])))
    spoiled = b.chance(SPOILED)
    length = b.integer(2, 4 if b.rank == 3 else 6)
    spoiler_at = b.integer(0, length - 1) if spoiled else -1
    x = Feature("image", b.integer(1, 2))
    channels, first = x.channels, []
    for position in range(length):
        x = (SPOILERS if position == spoiler_at else BLOCKS)[b.integer(0, len(SPOILERS if position == spoiler_at else BLOCKS) - 1)](
            b, x
        )
        first.append(x)
    outputs = [x] if b.chance(0.8) else [x, first[b.integer(0, length - 1)]]
    names = list(dict.fromkeys(o.name for o in outputs))
    space = ["d", "h", "w"][-b.rank :]
    graph = helper.make_graph(
        b.nodes,
        f"fuzz {seed}",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, channels, *space])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, "c", *(f"{s}_{i}" for s in space)]) for i, n in enumerate(names)],
        b.constants,
    )
    opset = helper.make_opsetid("", b.choice(17, 19, 21))
    return helper.make_model(graph, opset_imports=[opset], ir_version=9), spoiled


def try_seed(seed: int) -> Verdict:
    """Analyze the graph of a seed and hold every claim against onnxruntime."""
    model, spoiled = random_model(seed)
    random = np.random.default_rng(seed + 1)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "fuzz.onnx"
        path.write_bytes(model.SerializeToString())
        try:
            contract = analysis.contract_of(read_graph(path), where=str(path))
            if random.random() < STATIC and not rounds_up(model) and freeze(model, contract):
                path.write_bytes(model.SerializeToString())
                contract = analysis.contract_of(read_graph(path), where=str(path))
        except InputError as error:
            if error.code != "SL302":
                raise
            return Verdict(seed, spoiled, runs=False)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            return Verdict(seed, spoiled, runs=False, contradictions=(f"the analyzer breaks: {type(error).__name__}: {error}",))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            subject = subject_of(open_session(path), read_graph(path), contract, where=str(path), seed=seed)
            wrong = tuple(
                f"{m.output} {m.axis}: {m.what}: {m.detail}" for m in contradictions(list(measure(subject, divisors=False)))
            )
            axes = [(o.name, a) for o in contract.outputs for a in o.axes]
            complete = all(len(o.axes) == len(subject.axes) for o in contract.outputs)
            periodic = complete and all(a.period for _, a in axes)
            exact = not wrong and periodic and all(is_exact(subject, name, a) for name, a in axes)
    return Verdict(seed, spoiled, True, periodic, exact, wrong)


def rounds_up(model: onnx.ModelProto) -> bool:
    """Whether a pool has ceil_mode.

    With static sizes onnxruntime folds the Shape of its output to what shape inference says, which can be one more than what its
    kernel gives (a last window that would start in the padding): crops then move. That is no fault of the analyzer.
    """
    return any(a.name == "ceil_mode" and a.i for node in model.graph.node for a in node.attribute)


def freeze(model: onnx.ModelProto, contract: Contract) -> bool:
    """Fix the spatial sizes at ones that are legal for all outputs, if there are such."""
    for position, dim in enumerate(model.graph.input[0].type.tensor_type.shape.dim[2:], 2):
        axes = [a for o in contract.outputs for a in o.axes if a.input_axis == position]
        sizes = [a.sizes for a in axes if a.sizes]
        least = max([1, *(enough(a) for a in axes)])
        fits = [n for n in range(least, least + 200) if all(s.legal(n) for s in sizes)]
        if not fits or not sizes:
            return False
        dim.dim_value = fits[0]
    return True


def is_exact(subject: Subject, output: str, a: AxisContract) -> bool:
    """Whether windows and border are as measured, within `TOLERATED` px."""
    size = subject.legal(a.input_axis, enough(a))
    if a.reads is None or size is None:
        return False
    seen = measured_windows(subject, output, a, size, slack=TOLERATED + 1, most=1000)
    if seen is None:
        return False
    for claim, got in zip(a.reads, seen, strict=True):
        if claim and (got is None or got[0] - claim[0] > TOLERATED or claim[1] - got[1] > TOLERATED):
            return False
    border = measured_border(subject, output, a, size)
    return border is None or all(c - m <= TOLERATED for c, m in zip(a.border, border, strict=True))


def campaign(seed: int, graphs: int) -> Iterator[Verdict]:
    """The verdicts of consecutive seeds."""
    return (try_seed(seed + i) for i in range(graphs))


@dataclass
class Statistics:
    """Counts over many verdicts."""

    counts: Counter[str]

    def add(self, verdict: Verdict) -> None:
        self.counts["graphs"] += 1
        self.counts["contradicted"] += bool(verdict.contradictions)
        self.counts["no legal size"] += not verdict.runs
        if verdict.runs and not verdict.spoiled:
            self.counts["plain"] += 1
            self.counts["periodic"] += verdict.periodic
            self.counts["exact"] += verdict.exact

    def share(self, what: str) -> float:
        """Of the graphs without spoiler that run."""
        return self.counts[what] / max(self.counts["plain"], 1)

    def __str__(self) -> str:
        c = self.counts
        return (
            f"{c['graphs']} graphs: {c['contradicted']} contradicted, {c['no legal size']} without a legal size; "
            f"of {c['plain']} without spoiler {self.share('periodic'):.1%} have a period, "
            f"{self.share('exact'):.1%} exact windows and borders"
        )
