"""The result of measuring a claim."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Claim(StrEnum):
    """The kinds of claims, in words; {count} is that of the measurement."""

    RUNS = "runs at legal sizes"
    LOADS = "the network runs"
    MEASURABLE = "nothing"
    OUTPUT_SIZE = "output size"
    SHIFT = "shift by {count} px"
    WINDOWS = "windows"
    TILES = "{count} tiles against the whole"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One claim, measured.

    Attributes
    ----------
    code : str
        The rule that reports a contradiction.
    output, axis : str
    claim : Claim
    difference : float
        The largest one, in standard deviations of the output.
    holds : bool or None
        None: nothing was claimed; the figure is for information.
    detail : str
    count : int
        Px that the claim shifts by, or tiles that it compares.
    """

    code: str
    output: str
    axis: str
    claim: Claim
    difference: float
    holds: bool | None
    detail: str = ""
    count: int = 0

    @property
    def what(self) -> str:
        """The claim in words, such as "shift by 16 px"."""
        return self.claim.format(count=self.count)
