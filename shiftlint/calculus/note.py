"""Dependences that no window expresses, and what ends an analysis."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


EVERY = -1  # the axis of a note that holds for all axes of the image: what it speaks of follows none of them


class SizeError(ValueError):
    """The operator does not run at these sizes: they are not legal for the graph."""


class Unsupported(ValueError):
    """The operator is known, this use of it is not analyzed; the message says what."""


class Kind(StrEnum):
    """What a note says of an image axis."""

    GLOBAL = "global"  # the output depends on the whole axis; the period stays
    POSITION = "position"  # the output depends on absolute place or total size; no period
    SIZE = "size"  # the network computes something else at another size; no period
    RANDOM = "random"  # no two runs agree; no period
    STRIDES = "strides"  # branches of different stride meet; no period
    UNKNOWN = "unknown"  # not analyzed; nothing may be claimed


@dataclass(frozen=True, slots=True)
class Note:
    """A dependence on one image axis that no window expresses.

    Attributes
    ----------
    kind : Kind
    axis : int
        Of the network's image input; `EVERY` for all of them.
    reason : str
        What happens, in words.
    period : int
        A global dependence is unchanged only under shifts by multiples of this (input px).
    node, op : str
        Where; filled in by the interpreter.
    """

    kind: Kind
    axis: int
    reason: str
    period: int = 1
    node: str = ""
    op: str = ""
