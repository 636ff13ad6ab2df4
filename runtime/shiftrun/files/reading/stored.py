"""What a file holds, before anyone says which axes are wanted."""

from __future__ import annotations

from dataclasses import dataclass, field

from shiftrun.arrays.calibration import Length
from shiftrun.arrays.readers import Reader


@dataclass(frozen=True, slots=True)
class Stored:
    """The array of a file and what the file says of it.

    Attributes
    ----------
    reader : Reader
        Px as they are stored.
    axes : str
        A letter per axis, such as "TCYX"; "" if the file has no names for them.
    lengths : dict of axis letter to (size of a px, unit)
    origin : dict of axis letter to position of px 0
    notes : tuple of str
        What a reader of a result must know, such as images of the file that were not taken.
    """

    reader: Reader
    axes: str = ""
    lengths: dict[str, Length] = field(default_factory=dict)
    origin: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
