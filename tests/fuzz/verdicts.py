"""The possible verdicts on a network that was checked against onnxruntime."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """The outcome of a variant."""

    REFUSED = "onnxruntime does not load it, or breaks it by optimizing"
    BROKEN = "the analyzer breaks"
    CRASHED = "onnxruntime crashes or does not end"
    NO_CONTRACT = "no contract"
    NO_PERIOD = "no period"
    ANSWERED = "answered"


class Claim(StrEnum):
    """What can be contradicted."""

    ANALYSIS = "the analysis ends with a contract or an InputError"
    STABILITY = "onnxruntime ends, without a crash"
    SENSE = "the contract makes sense"
    RUNS = "legal sizes run"
    SIZE = "output sizes"
    SHIFT = "shift"
    WINDOWS = "windows"
    TILES = "tiles"
    BATCH = "images of a batch are independent"
    WHOLE = "shiftrun in tiles gives the whole image's result"


@dataclass(frozen=True)
class Contradiction:
    """A claim that does not hold, and how."""

    claim: Claim
    detail: str


@dataclass(frozen=True)
class Verdict:
    """The result of one variant.

    Attributes
    ----------
    name, operator : str
    outcome : Outcome
    contradictions : tuple of Contradiction
    reasons : tuple of str
        Why there is no contract, or no period.
    missed : tuple of str
        Periods that are not claimed and were seen.
    runs : tuple of str
        How each run of shiftrun ended.
    """

    name: str
    operator: str
    outcome: Outcome
    contradictions: tuple[Contradiction, ...] = ()
    reasons: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
