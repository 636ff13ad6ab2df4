"""Run all rules on one model: from a path and a request (`Wish`) to findings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shiftlint.analysis.derive_contract import contract_and_notes
from shiftlint.analysis.image_layout import open_probe
from shiftlint.console.standard_input import readable
from shiftlint.contract.metadata import Metadata
from shiftlint.contract.values import Contract, InputContract, ModelIdentity
from shiftlint.errors import InputError
from shiftlint.linting.settings import SIZES, Configuration, Settings
from shiftlint.onnx_file.graph import Graph, every_node
from shiftlint.onnx_file.reader import read_graph
from shiftlint.rules.case import Case, Wish
from shiftlint.rules.catalog import run
from shiftlint.rules.finding import Finding
from shiftschemas import SchemaError

if TYPE_CHECKING:
    from shiftlint.contract.measurement import Measurement

UNREADABLE = "SL001"
NO_CONTRACT = Contract(ModelIdentity("", (), ""), InputContract("", (), "", "fixed"), ())


@dataclass(frozen=True, slots=True)
class Checked:
    """One file and its findings; `contract` is None if not derived, `sha256` if not requested.

    `settings` select the findings and their levels.
    """

    path: str
    sha256: str | None
    contract: Contract | None
    findings: tuple[Finding, ...]
    settings: Settings = field(default_factory=Settings)

    @property
    def unreadable(self) -> bool:
        return any(finding.code == UNREADABLE for finding in self.findings)

    def filtered(self) -> Checked:
        """The same file with the selected findings only."""
        return replace(self, findings=self.settings.apply(self.findings))


def check_all(
    paths: Iterable[str],
    configuration: Configuration,
    command_line: Mapping[str, Any],
    *,
    hashed: bool = True,
) -> list[Checked]:
    """Check files, each with its settings; InputError as in `check`, or for wrong settings."""
    result = []
    for path in dict.fromkeys(str(Path(path)) for path in paths):
        settings = configuration.settings(path, command_line)
        with readable(path) as file:
            checked = check(
                file, settings.wish, input_name=settings.input, verify=settings.verify, where=path
            )
            sha256 = file_sha256(file) if hashed else None
        result.append(replace(checked, path=path, sha256=sha256, settings=settings))
    return result


def check(
    path: str,
    wish: Wish,
    *,
    input_name: str | None = None,
    verify: bool = False,
    where: str | None = None,
) -> Checked:
    """Check one file; findings name it `where` (default: its path).

    An unusable file is a finding, too (SL001, …).

    Raises
    ------
    InputError
        The request does not fit the network's axes; `verify` without onnxruntime.
    """
    try:
        graph = read_graph(Path(path), where=where)
        case = open_case(path, graph, wish, input_name=input_name, verify=verify, where=where)
    except InputError as error:
        if error.code is None:
            raise
        case = Case(path, NO_CONTRACT, Metadata(), "", (), Wish(), error)
    contract = case.contract if case.failure is None else None
    return Checked(path, None, contract, tuple(run(case)))


def open_case(
    path: str,
    graph: Graph,
    wish: Wish,
    *,
    input_name: str | None = None,
    verify: bool = False,
    where: str | None = None,
) -> Case:
    """The case that the rules read; InputError as in `shiftlint.analyze`, or for wrong sizes."""
    where = where or path
    probe = open_probe(graph, where=where, input_name=input_name)
    contract, notes = contract_and_notes(probe, where=where)
    rank = len({axis.input_axis for output in contract.outputs for axis in output.axes})
    for option in SIZES:
        sizes = getattr(wish, option.replace("-", "_"))
        if sizes is not None and rank and len(sizes) not in (1, rank):
            raise InputError(
                f"wrong number of sizes (--{option}): expected 1 or {rank}, one per axis of "
                f"{where}, got {len(sizes)}."
            )
    metadata, problem = Metadata(), ""
    try:
        metadata = Metadata.from_props(graph.metadata, where=where, computed=contract)
    except SchemaError as error:
        problem = str(error)
    measurements = measured(path, contract, where=where) if verify else ()
    return Case(
        path,
        contract,
        metadata,
        problem,
        notes,
        wish,
        None,
        tuple(every_node(graph)),
        graph.constants,
        measurements,
    )


def measured(path: str, contract: Contract, *, where: str) -> tuple[Measurement, ...]:
    """Measure the contract with onnxruntime; a model that does not load is a contradiction.

    Empty if the network is too large to measure.
    """
    from shiftlint.contract.measurement import Claim, Measurement
    from shiftlint.verification.onnxruntime_session import Refused
    from shiftlint.verification.verify import Unmeasurable, verify

    try:
        return tuple(verify(path, contract=contract, where=where))
    except Refused as error:
        return (Measurement("SL901", "", "", Claim.LOADS, inf, False, str(error)),)
    except Unmeasurable:
        return ()


def file_sha256(path: str) -> str | None:
    """sha256 of the file; None if it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
