"""What a measurement of a claim gave."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measurement:
    """One claim, measured.

    Attributes
    ----------
    code : str
        The rule that a contradiction falls under.
    output, axis : str
    what : str
        The claim, as in "shift by 16 px".
    difference : float
        The largest, in standard deviations of the output.
    holds : bool or None
        None: nothing was claimed, the figure is for information.
    detail : str
    """

    code: str
    output: str
    axis: str
    what: str
    difference: float
    holds: bool | None
    detail: str = ""
