"""`shiftlint verify`: measure a contract by running the network in onnxruntime on random images.

onnxruntime is optional: `pip install "shiftlint[cpu]"`. `shiftlint.verification.shifts` defines the
claims and their measurements.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shiftlint.analysis.derive_contract import contract_of
from shiftlint.analysis.image_layout import open_probe
from shiftlint.analysis.legal_sizes import typical_sizes
from shiftlint.analysis.probe import Probe
from shiftlint.calculus.note import SizeError
from shiftlint.contract.claims import claims, smallest_legal
from shiftlint.contract.measurement import Measurement
from shiftlint.contract.values import Contract, Window
from shiftlint.errors import InputError
from shiftlint.onnx_file.graph import Graph, Value
from shiftlint.onnx_file.reader import read_graph
from shiftlint.verification.onnxruntime_session import first_line, open_session, refusals
from shiftlint.verification.shifts import measure
from shiftlint.verification.subject import LOOSE_TOLERANCE, TOLERANCE, RunError, Subject

if TYPE_CHECKING:
    import onnxruntime

MOST_ELEMENTS = 1 << 26  # of an image, including channels
NUMPY_TYPES = ("float32", "float16", "float64", "uint8", "uint16", "int8", "int16", "int32")
SMALL = 8  # smallest px of an axis while another axis is measured
# px to try for an axis without sizes in the contract
TRIED = (64, 96, 128, 48, 72, 60, 63, 65, 100, 188, 224, 256)


class Unmeasurable(InputError):
    """No test image can be made: it would be too large, or numpy lacks its type."""


def verify(
    path: str | Path,
    *,
    input_name: str | None = None,
    contract: Contract | None = None,
    seed: int = 0,
    where: str | None = None,
) -> list[Measurement]:
    """Measure every claim of the contract of the network in an ONNX file.

    Parameters
    ----------
    path : str or Path
    input_name : str, optional
        Which input is the image, if there are several.
    contract : Contract, optional
        The contract to measure; default: as computed from the graph.
    seed : int
        Seed of the random images.
    where : str, optional
        Name of the file in errors; default: the path.

    Raises
    ------
    InputError
        As in `shiftlint.analyze`; onnxruntime is missing.
    """
    where = where or str(path)
    graph = read_graph(Path(path), where=where)
    if contract is None:
        contract = contract_of(graph, where=where, input_name=input_name)
    # bytes of standard input: onnxruntime's errors then name no temporary file
    model = path if where == str(path) else Path(path).read_bytes()
    session = open_session(model, where=where)
    return list(measure(subject_of(session, graph, contract, where=where, seed=seed)))


def contradictions(measurements: Sequence[Measurement]) -> list[Measurement]:
    """The claims that do not hold."""
    return [m for m in measurements if m.holds is False]


def subject_of(
    session: onnxruntime.InferenceSession,
    graph: Graph,
    contract: Contract,
    *,
    where: str,
    seed: int = 0,
) -> Subject:
    """The subject for `measure`; its images depend only on `seed` and the order of calls."""
    probe = open_probe(graph, where=where, input_name=contract.input.name)
    random = np.random.default_rng(seed)
    image = probe.image
    if image.dtype not in NUMPY_TYPES:
        raise Unmeasurable(
            f"cannot measure ({where}): expected an image of {', '.join(NUMPY_TYPES)}, got "
            f"{image.dtype}."
        )
    wanted = [output.name for output in contract.outputs]

    def draw(sizes: Sequence[int]) -> NDArray[Any]:
        chosen = dict(zip(probe.axes, sizes, strict=True))
        shape = [
            chosen.get(i, n if isinstance(n, int) else probe.channels if i else 1)
            for i, n in enumerate(image.shape)
        ]
        if prod(shape) > MOST_ELEMENTS:
            raise Unmeasurable(
                f"too large to measure ({where}): expected images of at most {MOST_ELEMENTS} "
                f"elements, got {shape}."
            )
        return _random(random, shape, image.dtype)

    def run(array: NDArray[Any]) -> dict[str, NDArray[Any]]:
        feeds = {image.name: array} | _other_inputs(graph, image, array.shape)
        try:
            return dict(zip(wanted, session.run(wanted, feeds), strict=True))
        except refusals() as error:
            raise RunError(f"onnxruntime at {array.shape}: {first_line(error)}") from error

    tolerance = LOOSE_TOLERANCE if image.dtype == "float16" else TOLERANCE
    return Subject(
        contract, run, draw, probe.axes, _small_sizes(probe, contract), _reach(probe), tolerance
    )


def _random(random: np.random.Generator, shape: Sequence[int], dtype: str) -> NDArray[Any]:
    kind = np.dtype(dtype)
    if kind.kind in "iu":
        return random.integers(0, min(256, np.iinfo(kind).max), shape).astype(kind)
    return random.standard_normal(shape, np.float32).astype(kind)


def _other_inputs(graph: Graph, image: Value, shape: Sequence[int]) -> dict[str, NDArray[Any]]:
    """Ones for every other input; dynamic sizes with the same name as the image's are equal."""
    known = {
        name: size for name, size in zip(image.shape, shape, strict=True) if isinstance(name, str)
    }
    return {
        v.name: np.ones(
            [n if isinstance(n, int) else known.get(n, 1) for n in v.shape], np.dtype(v.dtype)
        )
        for v in graph.inputs
        if v.name != image.name
    }


def _small_sizes(probe: Probe, contract: Contract) -> tuple[int, ...]:
    """A small legal size per spatial axis, of at least `SMALL` px if it is not fixed."""
    sizes: list[int | None] = []
    for axis in probe.axes:
        fixed = probe.image.shape[axis]
        claimed = claims(contract, axis)
        least = max([SMALL, *(a.period or 1 for _, a in claimed)])
        sizes.append(
            fixed
            if isinstance(fixed, int)
            else smallest_legal(contract, axis, least)
            if claimed
            else None
        )
    for tried in TRIED:
        chosen = tuple(n if n is not None else tried for n in sizes)
        if probe.legal(chosen):
            return chosen
    return tuple(n if n is not None else TRIED[0] for n in sizes)


def _reach(probe: Probe) -> dict[tuple[str, int], Window]:
    """The local windows of all outputs, ignoring global dependences."""
    try:
        behavior = probe.at(typical_sizes(probe))
    except SizeError:
        return {}
    found = {}
    for key, axis in behavior.axes.items():
        reads = [r for r in axis.relation.reads if r]
        if reads:
            found[key] = (min(r[0] for r in reads), max(r[1] for r in reads))
    return found
