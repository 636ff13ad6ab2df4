"""What a rule looks at: one model under check, and how it is to be used."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from shiftlint.calculus.note import Facts, Kind, Note
from shiftlint.contract.metadata import Metadata
from shiftlint.contract.values import AxisContract, Contract
from shiftlint.errors import InputError
from shiftlint.onnx_file.constants import Constant
from shiftlint.onnx_file.graph import Node
from shiftlint.rules.note_codes import causes, code_of

if TYPE_CHECKING:
    from shiftlint.contract.measurement import Measurement


Sizes = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """How the network is, or was, to be used; None where nothing is said. Sizes are per spatial
    axis.

    Attributes
    ----------
    train_window : tuple of int
        Output px that the training loss saw.
    tile : tuple of int
        Output px written per tile.
    tile_stride : tuple of int
        Output px from one tile to the next, where tiles overlap; else the tile itself.
    image : tuple of int
        Input px of the image, for runners that move the last tile back to its end.
    halo : tuple of int
        Input px read around a tile.
    objects : int
        Same-looking objects that must be told apart.
    spacing : tuple of int
        Input px between such objects.
    """

    train_window: Sizes | None = None
    tile: Sizes | None = None
    tile_stride: Sizes | None = None
    image: Sizes | None = None
    halo: Sizes | None = None
    objects: int | None = None
    spacing: Sizes | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One model under check.

    Attributes
    ----------
    contract : Contract
        Computed from the graph.
    metadata : Metadata
        Stored in the file; empty where it cannot be read.
    metadata_error : str
        Why it cannot be read, "" if it can.
    notes : tuple of Note
        Of all outputs.
    failure : InputError, optional
        Why the file could not be analyzed; then the contract has no outputs.
    nodes : tuple of Node
        Of the graph, as far as an output depends on them, and of the functions and subgraphs that
        they run.
    constants : mapping
        Small constants by name.
    measurements : tuple of Measurement
        What `--verify` measured.
    """

    path: str
    contract: Contract
    metadata: Metadata
    metadata_error: str
    notes: tuple[Note, ...]
    wish: Wish
    failure: InputError | None = None
    nodes: tuple[Node, ...] = ()
    constants: Mapping[str, Constant] = field(default_factory=dict)
    measurements: tuple[Measurement, ...] = ()

    def axes(self) -> Iterator[tuple[int, AxisContract]]:
        """Every axis of every output, with its position among the spatial axes of the input."""
        positions = sorted(
            {axis.input_axis for output in self.contract.outputs for axis in output.axes}
        )
        for output in self.contract.outputs:
            for axis in output.axes:
                yield positions.index(axis.input_axis), axis

    def grouped(
        self, key: Callable[[int, AxisContract], Hashable | None]
    ) -> list[tuple[str, int, AxisContract]]:
        """The axes with a key that is not None, those of equal key together: names ("y, x"), first
        position, first axis.
        """
        groups: dict[Hashable, list[tuple[int, AxisContract]]] = {}
        for position, axis in self.axes():
            value = key(position, axis)
            if value is not None:
                groups.setdefault(value, []).append((position, axis))
        return [
            (", ".join(dict.fromkeys(axis.name for _, axis in members)), *members[0])
            for members in groups.values()
        ]

    def noted(self, *kinds: Kind) -> list[Note]:
        """Notes of these kinds, one per node and reason."""
        found: dict[tuple[str, Facts], Note] = {}
        for note in self.notes:
            if note.kind in kinds:
                found.setdefault((note.node, note.fact), note)
        return sorted(found.values(), key=lambda note: (note.node, str(note.fact)))

    def unanalyzed(self, code: str) -> list[Note]:
        """What is unknown for the reason of this rule: SL004 control flow, SL003 shape arithmetic,
        SL002 all else.

        What only follows from another unknown is left out.
        """
        return [note for note in causes(self.noted(Kind.UNKNOWN)) if code_of(note) == code]

    @property
    def train_window(self) -> Sizes | None:
        """The declared training window: the wish, else the metadata."""
        return self.wish.train_window or self.metadata.train_window

    def beside(self, name: str) -> Path:
        """The file of this name in the model's folder."""
        return Path(self.path).parent / name


def at(sizes: Sizes | None, position: int) -> int | None:
    """The size of one axis; a single size stands for all."""
    if sizes is None:
        return None
    return sizes[position] if len(sizes) > 1 else sizes[0]
