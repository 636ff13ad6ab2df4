"""Gather the embeddings of label windows from an image that arrives block by block."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shiftrun.arrays.box import Box, hull, intersection, shape_of, within
from shiftrun.clustering.one_window.label_window import Foreground
from shiftrun.inference.blocks import Block
from shiftrun.memory.allocator import lasting
from shiftrun.tiles.label_grid import LabelWindow


@dataclass(frozen=True, slots=True)
class Piece:
    """The foreground of a box for later windows: `mask` (*box) and its embeddings (E, K)."""

    box: Box
    mask: NDArray[np.bool_]
    points: NDArray[np.float32]


class Gather:
    """Collects blocks into windows; keeps only a block's foreground in windows that end later."""

    def __init__(self, windows: list[LabelWindow], threshold: float) -> None:
        self.windows, self.threshold = windows, threshold
        self._open = list(range(len(windows)))  # not complete
        self._pieces: dict[int, list[Piece]] = {}

    def complete(self, blocks: Iterable[Block]) -> Iterator[Foreground]:
        """Yield each window's foreground once its last block arrives; holds no block meanwhile."""
        for block in blocks:
            last = self._take(block)
            del block
            while last:
                number, piece = last.popleft()
                yield Foreground(number, *self._complete(number, piece))

    def _take(self, block: Block) -> deque[tuple[int, Piece]]:
        """Keep the part for later windows; returns completed windows, each with its last piece."""
        last: deque[tuple[int, Piece]] = deque()
        remaining = []
        waiting: dict[
            int, list[tuple[int, Box]]
        ] = {}  # by row of windows, which are completed at about the same time
        for position, number in enumerate(self._open):
            box = self.windows[number].box
            if (
                box[0].start >= block.box[0].stop
            ):  # windows are in raster order: the others begin even later
                remaining += self._open[position:]
                break
            common = intersection(box, block.box)
            if common is not None and all(
                part.stop <= end.stop for part, end in zip(box, block.box, strict=True)
            ):
                last.append((number, _piece(block, common, self.threshold)))
                continue
            remaining.append(number)
            if common is not None:
                waiting.setdefault(box[0].stop, []).append((number, common))
        self._open = remaining
        for row in waiting.values():
            piece = _piece(block, hull([common for _, common in row]), self.threshold)
            for number, _ in row:
                self._pieces.setdefault(number, []).append(piece)
        return last

    def _complete(self, number: int, last: Piece) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        box = self.windows[number].box
        if last.box == box:
            return last.points, last.mask
        shared = [
            (piece, common)
            for piece in [*self._pieces.pop(number, []), last]
            if (common := intersection(piece.box, box))
        ]
        mask = np.zeros(shape_of(box), dtype=bool)
        for piece, common in shared:
            mask[within(common, box)] = piece.mask[within(common, piece.box)]
        place = (
            np.cumsum(mask, dtype=np.int32).reshape(mask.shape) - 1
        )  # of a px among those of the foreground
        points = np.empty((len(last.points), np.count_nonzero(mask)), dtype=np.float32)
        for piece, common in shared:
            here, there = within(common, box), within(common, piece.box)
            chosen = np.zeros_like(piece.mask)
            chosen[there] = piece.mask[there]
            points[:, place[here][mask[here]]] = piece.points[:, chosen[piece.mask]]
        return points, mask


def _piece(block: Block, box: Box, threshold: float) -> Piece:
    inside = within(box, block.box)
    mask = block.foreground[inside] > threshold
    points = lasting(len(block.embedding), int(np.count_nonzero(mask)))
    for row, channel in zip(points, block.embedding, strict=True):
        row[:] = channel[inside][mask]
    return Piece(box, mask, points)
