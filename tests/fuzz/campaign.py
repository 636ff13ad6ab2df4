"""Run one random graph through the analyzer and onnxruntime, and sum up many."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from onnx import TensorProto, helper

from shiftlint.analysis import derive_contract as analysis
from shiftlint.analysis.image_layout import open_probe
from shiftlint.contract.claims import enough
from shiftlint.contract.values import AxisContract, Contract
from shiftlint.errors import InputError
from shiftlint.onnx_file.reader import read_graph
from shiftlint.verification.onnxruntime_session import Refused, open_session
from shiftlint.verification.shifts import measure
from shiftlint.verification.subject import Array, Subject
from shiftlint.verification.verify import subject_of
from shiftlint.verification.windows import measured_windows
from tests.fuzz.bodies import BODIES, DOMAIN
from tests.fuzz.borders import measured_border
from tests.fuzz.builder import Builder, Feature
from tests.fuzz.graphs import BLOCKS, SPOILERS, Block, roll
from tests.fuzz.plans import hold
from tests.fuzz.steering import STEERING
from tests.fuzz.whole import WHOLE

SPOILED = 0.15  # of the graphs
TRICKY = 0.5  # of the graphs have blocks of which an analyzer may say too much
ALIKE = 0.35  # of these: what depends on both sizes is hard to see only where axes are alike
LARGEST_MEASURED = 1 << 15  # px of an image that contracts are measured with
PLANS = 4  # for each output of such a graph
STATIC = 0.15
TOLERATED = 1  # px between a claimed window or border and a measured one that count as exact


PLAIN = tuple(block for block in BLOCKS if block is not roll)  # what wraps around is never tiled


@dataclass(frozen=True)
class Verdict:
    """The result of one graph.

    `periodic` and `exact` speak of every axis of every output; `contradictions` are sentences, and
    so is `refused`, which says why onnxruntime does not load the graph. `plans` counts the plans
    that were tried, by kind; `elsewhere` is as of `measured`.
    """

    seed: int
    spoiled: bool
    runs: bool
    periodic: bool = False
    exact: bool = False
    contradictions: tuple[str, ...] = ()
    plans: Counter[str] = field(default_factory=Counter)
    refused: str = ""
    elsewhere: bool = False


def random_model(seed: int, *, tricks: bool = True) -> tuple[onnx.ModelProto, bool]:
    """The graph of a seed, and whether a spoiler was planned in it."""
    model, spoiled, _ = random_graph(seed, tricks=tricks)
    return model, spoiled


def random_graph(seed: int, *, tricks: bool = True) -> tuple[onnx.ModelProto, bool, Builder]:
    """As `random_model`, with its builder.

    With `tricks` half of the graphs are tricky. Tricky blocks are put between those that a graph
    without them would have.
    """
    random, other = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    b = Builder(random, int(random.choice([1, 2, 2, 2, 3])))
    tricky = other.random() < TRICKY and tricks
    b.batch = int(other.choice([1, -1]))
    b.opset = int(other.choice([18, 19, 21, 23])) if tricky else 0
    spoiled = b.chance(SPOILED) and not tricky
    length = b.integer(2, 4 if b.rank == 3 else 6)
    spoiler_at = b.integer(0, length - 1) if spoiled else -1
    tricky_at = other.choice(length, int(other.choice([1, 1, 2])), replace=False) if tricky else ()
    b.alike = tricky and other.random() < ALIKE
    x = Feature("image", b.integer(1, 2))
    channels, first = x.channels, []
    for position in range(length):
        blocks = SPOILERS if position == spoiler_at else PLAIN if tricky else BLOCKS
        x = blocks[b.integer(0, len(blocks) - 1)](b, x)
        if position in tricky_at:
            x = tricky_block(b, x)
        first.append(x)
    outputs = [x] if b.chance(0.8) else [x, first[b.integer(0, length - 1)]]
    names = list(dict.fromkeys(o.name for o in outputs))
    space = ["d", "h", "w"][-b.rank :]
    batch = "n" if b.batch < 0 else 1
    graph = helper.make_graph(
        b.nodes,
        f"fuzz {seed}",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, channels, *space])],
        [
            helper.make_tensor_value_info(
                n, TensorProto.FLOAT, [batch, "c", *(f"{s}_{i}" for s in space)]
            )
            for i, n in enumerate(names)
        ],
        b.constants,
    )
    opset = b.opset or b.choice(17, 19, 21)
    imports = [helper.make_opsetid("", opset), helper.make_opsetid(DOMAIN, 1)]
    model = helper.make_model(
        graph, opset_imports=imports[: 1 + bool(b.functions)], functions=b.functions, ir_version=9
    )
    return model, spoiled or tricky, b


def tricky_block(b: Builder, x: Feature) -> Feature:
    """A block of which an analyzer may say too much, or one in a body."""
    if b.chance(0.3):
        inner: Block = b.choice(*STEERING, *WHOLE, *BLOCKS[:6])
        result: Feature = b.choice(*BODIES)(b, x, inner)
    else:
        result = b.choice(*(STEERING if b.chance(0.5) else WHOLE))(b, x)
    return result


def try_seed(seed: int) -> Verdict:
    """Analyze the graph of a seed and check every claim against onnxruntime."""
    model, spoiled, b = random_graph(seed)
    random = np.random.default_rng(seed + 1)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "fuzz.onnx"
        path.write_bytes(model.SerializeToString())
        try:
            contract = analysis.contract_of(read_graph(path), where=str(path))
            if (
                random.random() < STATIC
                and not rounds_up(model)
                and not b.bites
                and freeze(model, contract)
            ):
                path.write_bytes(model.SerializeToString())
                contract = analysis.contract_of(read_graph(path), where=str(path))
        except InputError as error:
            if error.code != "SL302":
                raise
            return Verdict(seed, spoiled, runs=False)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            return Verdict(
                seed,
                spoiled,
                runs=False,
                contradictions=(f"the analyzer breaks: {type(error).__name__}: {error}",),
            )
        try:
            session = open_session(path)
        except Refused as error:
            return Verdict(seed, spoiled, runs=False, refused=str(error))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            subject = subject_of(session, read_graph(path), contract, where=str(path), seed=seed)
            wrong, elsewhere = measured(subject, path)
            axes = [(o.name, a) for o in contract.outputs for a in o.axes]
            complete = all(len(o.axes) == len(subject.axes) for o in contract.outputs)
            periodic = complete and all(a.period for _, a in axes)
            exact = (
                not wrong
                and periodic
                and not spoiled
                and affordable(subject)
                and all(is_exact(subject, name, a) for name, a in axes)
            )
            claims = hold(path, contract, b, random, PLANS if spoiled else 1)
    return Verdict(
        seed,
        spoiled,
        True,
        periodic,
        exact,
        (*wrong, *claims.contradictions),
        claims.counts,
        elsewhere=elsewhere,
    )


def measured(subject: Subject, path: Path) -> tuple[tuple[str, ...], bool]:
    """What contradicts the contract, and whether it was found at sizes where the analyzer, asked
    for them, sees another program.

    A contract speaks of more sizes than were looked at; plans are held at their own.
    """
    if not affordable(subject):
        return (), False
    shapes: list[tuple[int, ...]] = []

    def run(image: Array) -> dict[str, Array]:
        shapes.append(tuple(image.shape[axis] for axis in subject.axes))
        return subject.run(image)

    wrong, elsewhere = [], False
    probe = open_probe(read_graph(path), where=str(path))
    for measurement in measure(replace(subject, run=run), divisors=False):
        if measurement.holds is False:
            if any(
                probe.difference(measurement.output, shapes[0], shape) for shape in set(shapes[1:])
            ):
                elsewhere = True
            else:
                wrong.append(
                    f"{measurement.output} {measurement.axis}: {measurement.what}: "
                    f"{measurement.detail}"
                )
        shapes.clear()
    return tuple(wrong), elsewhere


def affordable(subject: Subject) -> bool:
    """Whether images that show every claim are small enough: a graph may do the same from a large
    size on only.
    """
    for axis in subject.axes:
        size = subject.legal(axis, max((enough(a) for _, a in subject.claims(axis)), default=1))
        if size is not None and prod(subject.sizes(axis, size)) > LARGEST_MEASURED:
            return False
    return True


def rounds_up(model: onnx.ModelProto) -> bool:
    """Whether a pool has ceil_mode.

    With static sizes onnxruntime folds the Shape of its output to what shape inference says, which
    can be one more than what its kernel gives (a last window that would start in the padding):
    crops then move. That is no fault of the analyzer.
    """
    return any(a.name == "ceil_mode" and a.i for node in model.graph.node for a in node.attribute)


def freeze(model: onnx.ModelProto, contract: Contract) -> bool:
    """Fix the spatial sizes at values that are legal for all outputs, if there are any."""
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
        if claim and (
            got is None or got[0] - claim[0] > TOLERATED or claim[1] - got[1] > TOLERATED
        ):
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
        self.counts["no legal size"] += not verdict.runs and not verdict.refused
        self.counts["elsewhere"] += verdict.elsewhere
        self.counts["not loaded"] += bool(verdict.refused)
        self.counts["spoiled"] += verdict.runs and verdict.spoiled
        self.counts["spoiled, periodic"] += verdict.runs and verdict.spoiled and verdict.periodic
        self.counts.update({f"plans {kind}": count for kind, count in verdict.plans.items()})
        if verdict.runs and not verdict.spoiled:
            self.counts["plain"] += 1
            self.counts["periodic"] += verdict.periodic
            self.counts["exact"] += verdict.exact

    def share(self, what: str) -> float:
        """Of the graphs without spoiler that run."""
        return self.counts[what] / max(self.counts["plain"], 1)

    def __str__(self) -> str:
        c = self.counts
        plans = sorted(
            (count, kind.removeprefix("plans "))
            for kind, count in c.items()
            if kind.startswith("plans ")
        )
        return (
            f"{c['graphs']} graphs: {c['contradicted']} contradicted, {c['no legal size']} "
            "without a legal size, "
            f"{c['not loaded']} not loaded; of {c['plain']} without spoiler "
            f"{self.share('periodic'):.1%} have a period, "
            f"{self.share('exact'):.1%} exact windows and borders; of {c['spoiled']} others "
            f"{c['spoiled, periodic']} have one; "
            f"{c['elsewhere']} differ at sizes that were not looked at; "
            f"plans: {', '.join(f'{count} {kind}' for count, kind in reversed(plans))}"
        )
