"""Check every claim of the contract of one variant against onnxruntime.

Shifts, windows, tiles and output sizes are measured by `shiftlint verify`. This module adds the
smallest sizes of all axes at once, images in a batch against single ones, and shiftrun in tiles
against the whole image.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from shiftlint.analysis.derive_contract import contract_at
from shiftlint.analysis.image_layout import open_probe
from shiftlint.contract.values import Contract
from shiftlint.errors import InputError
from shiftlint.onnx_file.reader import read_graph
from shiftlint.verification.onnxruntime_session import Refused
from shiftlint.verification.shifts import measure
from shiftlint.verification.subject import TILES, RunError, Subject, difference
from shiftlint.verification.verify import Unmeasurable, contradictions
from tests.fuzz.networks import Network, broken_by_optimizing, open_network, subject
from tests.fuzz.unclaimed import seen_periods
from tests.fuzz.variants import Variant
from tests.fuzz.verdicts import Claim, Contradiction, Outcome, Verdict
from tests.fuzz.whole_image import runs_in_tiles

LARGE = 300  # px; along one axis at a time
BATCHES = (2, 3)
MEASURED = {"output size": Claim.SIZE, "windows": Claim.WINDOWS, "runs at legal sizes": Claim.RUNS}

Tell = Callable[[str], None]


def hold(variant: Variant, tell: Tell = lambda stage: None) -> Verdict:
    """Analyze a variant and hold every claim against onnxruntime; `tell` is called with what is
    done next.
    """
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        path = Path(folder) / "variant.onnx"
        path.write_bytes(variant.model)
        verdict = Verdict(variant.name, variant.operator, Outcome.REFUSED)
        tell("load")
        try:
            network = open_network(variant, path)
        except Refused:
            return verdict
        tell("analyze")
        try:
            probe = open_probe(read_graph(path), where=variant.name, input_name=variant.image)
            contract = contract_at(probe, where=variant.name)
        except InputError as error:
            tell("look for a period that is not claimed")
            missed = tuple(seen_periods(network, ()))
            return replace(
                verdict, outcome=Outcome.NO_CONTRACT, reasons=(str(error),), missed=missed
            )
        except Exception as error:  # that is what is looked for
            wrong = Contradiction(Claim.ANALYSIS, f"{type(error).__name__}: {error}")
            return replace(verdict, outcome=Outcome.BROKEN, contradictions=(wrong,))
        return _held(variant, path, contract, open_network(variant, path, probe), verdict, tell)


def _held(
    variant: Variant, path: Path, contract: Contract, network: Network, verdict: Verdict, tell: Tell
) -> Verdict:
    claimed = {
        axis.input_axis for output in contract.outputs for axis in output.axes if axis.period
    }
    tell("look for a period that is not claimed")
    missed = tuple(seen_periods(network, claimed))
    verdict = replace(
        verdict,
        reasons=tuple(str(reason) for output in contract.outputs for reason in output.reasons),
        missed=missed,
    )
    if not claimed:
        return replace(verdict, outcome=Outcome.NO_PERIOD)
    tell("measure")
    measured = subject(network, variant, path, contract)
    found = [*_measured(measured)]
    tell("run the smallest sizes")
    found += sizes(measured)
    if found and broken_by_optimizing(network, variant, path, measured.small):
        return replace(verdict, outcome=Outcome.REFUSED)
    tell("run batches")
    found += batches(measured)
    tell("run in tiles")
    runs = tuple(runs_in_tiles(path, contract, network, half=variant.half))
    return replace(
        verdict,
        outcome=Outcome.ANSWERED,
        contradictions=(
            *found,
            *(Contradiction(Claim.WHOLE, run.how) for run in runs if not run.honest),
        ),
        runs=tuple(run.how for run in runs),
    )


def _measured(measured: Subject) -> Iterator[Contradiction]:
    """The contradictions that `shiftlint verify` finds."""
    try:
        for m in contradictions(list(measure(measured, divisors=False))):
            claim = Claim.TILES if m.code == TILES else MEASURED.get(m.what, Claim.SHIFT)
            yield Contradiction(
                claim, f"{m.output} {m.axis}: {m.what}: {m.detail} ({m.difference:.3g})"
            )
    except Unmeasurable:
        return
    except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError) as error:
        yield Contradiction(Claim.SENSE, f"{type(error).__name__}: {error}")


def sizes(measured: Subject) -> Iterator[Contradiction]:
    """The smallest legal sizes of all axes together, and a large one along each: they run and give
    the claimed outputs.
    """
    for chosen in dict.fromkeys(_few_sizes(measured)):
        try:
            outputs = measured.run(measured.draw(chosen))
        except RunError as error:
            yield Contradiction(Claim.RUNS, f"{chosen}: {error}")
            return
        for position, axis in enumerate(measured.axes):
            for output, a in measured.claims(axis):
                got, claimed = (
                    outputs[output.name].shape[a.output_axis],
                    a.output_size and a.output_size.of(chosen[position]),
                )
                if got != claimed:
                    yield Contradiction(
                        Claim.SIZE,
                        f"{output.name} {a.name}: {chosen} px give {got}, claimed {claimed}",
                    )
                    return


def _few_sizes(measured: Subject) -> Iterator[tuple[int, ...]]:
    """The two smallest legal sizes of every axis in all combinations; a large size along one axis
    at a time.
    """
    least: list[set[int]] = []
    for axis, small in zip(measured.axes, measured.small, strict=True):
        first = measured.legal(axis, 1) if measured.claims(axis) else None
        second = first and measured.legal(axis, first + 1)
        least.append({first or small, second or first or small})
    yield from product(*(sorted(s) for s in least))
    for axis in measured.axes:
        large = measured.legal(axis, LARGE) if measured.claims(axis) else None
        if large is not None:
            yield measured.sizes(axis, large)


def batches(measured: Subject) -> Iterator[Contradiction]:
    """Images in a batch against single ones, where they are called independent."""
    if measured.contract.input.batch != "independent":
        return
    images = [measured.draw(measured.small) for _ in range(max(BATCHES))]
    try:
        singly = [measured.run(image) for image in images]
        together = [measured.run(np.concatenate(images[:count])) for count in BATCHES]
    except RunError as error:
        yield Contradiction(Claim.BATCH, str(error))
        return
    for count, outputs in zip(BATCHES, together, strict=True):
        for name, values in outputs.items():
            expected = np.concatenate([single[name] for single in singly[:count]])
            gap = difference(values, expected, float(np.nanstd(expected.astype(float))))
            if gap > measured.tolerance:
                yield Contradiction(
                    Claim.BATCH,
                    f"{name}: a batch of {count} differs from single images by {gap:.3g}",
                )
