"""The input of a rule: one model under check and its intended use."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from shiftlint.calculus.note import EVERY, Facts, Kind, Note
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
    """How the network was trained and will be tiled; None: not given. Sizes are per spatial axis.

    Attributes
    ----------
    train_window : tuple of int
        Output px that the training loss compares.
    tile : tuple of int
        Output px written per tile.
    tile_stride : tuple of int
        Output px from one tile to the next if tiles overlap; otherwise the tile size.
    image : tuple of int
        Input px of the image, for runners that move the last tile back to the image's end.
    halo : tuple of int
        Input px read around a tile.
    objects : int
        Number of same-looking objects to tell apart.
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
        The contract, computed from the graph.
    metadata : Metadata
        Stored in the file; empty if it cannot be read.
    metadata_error : str
        Why the metadata cannot be read; "" if it can.
    notes : tuple of Note
        The notes of all outputs.
    failure : InputError, optional
        Why the analysis failed; the contract then has no outputs.
    nodes : tuple of Node
        Nodes that an output depends on, including those of functions and subgraphs.
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
        """Every axis of every output, with its position among the input's spatial axes."""
        positions = sorted(
            {axis.input_axis for output in self.contract.outputs for axis in output.axes}
        )
        for output in self.contract.outputs:
            for axis in output.axes:
                yield positions.index(axis.input_axis), axis

    def grouped(
        self, key: Callable[[int, AxisContract], Hashable | None]
    ) -> list[tuple[str, int, AxisContract]]:
        """Axes grouped by key, without key None: names ("y, x"), first position, first axis."""
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

    def note_axes(self) -> dict[tuple[Kind, str, Facts], str]:
        """By kind, node and fact of a note: the axes that equal notes hold for, as "y, x"."""
        names = {axis.input_axis: axis.name for _, axis in self.axes()}
        found: dict[tuple[Kind, str, Facts], set[int]] = {}
        for note in self.notes:
            found.setdefault((note.kind, note.node, note.fact), set()).add(note.axis)
        return {
            key: ", ".join(names.get(i, f"axis{i}") for i in sorted(axes) if i != EVERY)
            for key, axes in found.items()
        }

    def unanalyzed(self, code: str) -> list[Note]:
        """Unknowns of this rule: SL004 control flow, SL003 shape arithmetic, SL002 the rest.

        Unknowns that only follow from another unknown are left out.
        """
        return [note for note in causes(self.noted(Kind.UNKNOWN)) if code_of(note) == code]

    @property
    def train_window(self) -> Sizes | None:
        """The declared training window: from the options, otherwise from the metadata."""
        return self.wish.train_window or self.metadata.train_window

    def beside(self, name: str) -> Path:
        """The path of this name in the model's folder."""
        return Path(self.path).parent / name


def at(sizes: Sizes | None, position: int) -> int | None:
    """The size of one axis; a single size applies to all axes."""
    if sizes is None:
        return None
    return sizes[position] if len(sizes) > 1 else sizes[0]
