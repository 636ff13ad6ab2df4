"""The content of a file, before axes are selected."""

from __future__ import annotations

from dataclasses import dataclass, field

from shiftrun.arrays.calibration import Length
from shiftrun.arrays.readers import Reader


@dataclass(frozen=True, slots=True)
class Stored:
    """The array of a file and its metadata.

    Attributes
    ----------
    reader : Reader
        Px as stored.
    axes : str
        A letter per axis, such as "TCYX"; "" if the file does not name them.
    lengths : dict of axis letter to (size of a px, unit)
    origin : dict of axis letter to position of px 0
    notes : tuple of str
        What a reader of a result must know, such as unused images of the file.
    """

    reader: Reader
    axes: str = ""
    lengths: dict[str, Length] = field(default_factory=dict)
    origin: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
