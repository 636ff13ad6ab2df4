"""The outcomes of experiments, compared with the paper."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import onnx

from shiftlint.console.whole_files import write_atomically
from shiftrun.model.open_model import Model, open_model


@dataclass(frozen=True, slots=True)
class Outcome:
    """One counted statement.

    Attributes
    ----------
    statement : str
        The counted quantity, in words.
    expected : str
        The value in the paper.
    found : int or float or str
    holds : bool
    """

    statement: str
    expected: str
    found: int | float | str
    holds: bool


Experiment = Callable[[Path], list[Outcome]]  # draws its picture into the folder


def equal(statement: str, expected: float, found: float) -> Outcome:
    """A count that must be met exactly."""
    return Outcome(statement, str(expected), found, found == expected)


def at_least(statement: str, expected: float, found: float) -> Outcome:
    """A count that must be reached."""
    return Outcome(statement, f"at least {expected}", found, found >= expected)


def at_most(statement: str, expected: float, found: float) -> Outcome:
    """A count that must not be exceeded."""
    return Outcome(statement, f"at most {expected}", found, found <= expected)


def write_outcomes(path: Path, outcomes: list[Outcome]) -> None:
    """Write them as JSON."""
    write_atomically(
        path, (json.dumps([asdict(one) for one in outcomes], indent=1) + "\n").encode()
    )


def opened(network: onnx.ModelProto, folder: Path, *, force: bool = False) -> Model:
    """A network built here, saved to `folder` and opened like any other."""
    path = folder / "network.onnx"
    onnx.save(network, path)
    return open_model(path, force=force, device="cpu")


def legal_size(model: Model, output_px: int) -> tuple[int, ...]:
    """The smallest input (*space) for at least `output_px` along every axis; ValueError if none."""
    found = []
    for axis in model.axes():
        size = None
        if axis.sizes is not None and axis.output_size is not None:
            size = axis.sizes.next_legal(
                int((output_px + axis.output_size.offset) / axis.output_size.scale)
            )
        if size is None:
            raise ValueError(
                f"no legal size (axis {axis.name}): expected one with an output of {output_px} px"
            )
        found.append(size)
    return tuple(found)
