"""TODO shiftlint/contract/measurement.py"""

from __future__ import annotations
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, inf, lcm
from typing import TYPE_CHECKING, Any, TypeAlias
from shiftlint.contract.values import AxisContract, Contract, OutputContract
from shiftlint.lazy_numpy import np
if TYPE_CHECKING:
    from numpy.typing import NDArray
from shiftlint.verification.subject import difference


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
