"""The fixed global grid of label windows, and how embeddings reach their windows when the image comes block by block."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shiftrun.arrays import Box


@dataclass(frozen=True, slots=True)
class Grid:
    """Windows of `window` px that overlap by `overlap`; an image of up to `single` px per axis is one window."""

    window: int
    overlap: int
    single: int


GRIDS = {1: Grid(1 << 18, 1 << 12, 1 << 20), 2: Grid(1024, 128, 2048), 3: Grid(128, 32, 160)}  # about as many px in each


@dataclass(frozen=True, slots=True)
class Window:
    """`box` is clustered, `core` (a part of it) is written; the cores cover the image without overlap."""

    box: tuple[slice, ...]
    core: tuple[slice, ...]


def windows_of(shape: tuple[int, ...], grid: Grid) -> list[Window]:
    """The windows of an image in raster order; cores meet in the middle of the overlaps."""
    if all(size <= grid.single for size in shape):
        whole = tuple(slice(0, size) for size in shape)
        return [Window(whole, whole)]
    axes = [_axis_windows(size, grid) for size in shape]
    return [Window(tuple(box for box, _ in parts), tuple(core for _, core in parts)) for parts in itertools.product(*axes)]


def _axis_windows(size: int, grid: Grid) -> list[tuple[slice, slice]]:
    stride, half = grid.window - grid.overlap, grid.overlap // 2
    starts = range(0, max(1, size - grid.overlap), stride)
    result = []
    for start in starts:
        first, last = start == starts[0], start == starts[-1]
        box = slice(start, size if last else start + grid.window)
        result.append((box, slice(0 if first else start + half, size if last else start + stride + half)))
    return result


def row_edges(shape: tuple[int, ...], grid: Grid) -> tuple[tuple[int, ...], ...]:
    """Per axis but the last where windows end; () if one window holds all.

    Rows of windows are computed one after the other, each px once, so that no more than the overlap of two rows is waiting. Along
    the last axis windows are completed as blocks come, wherever these begin.
    """
    if all(size <= grid.single for size in shape):
        return ()
    return (*(tuple(box.stop for box, _ in _axis_windows(size, grid)[:-1]) for size in shape[:-1]), ())


@dataclass(frozen=True, slots=True)
class Block:
    """A part of the result: its box, embeddings (E, *box) and foreground logits (*box)."""

    box: Box
    embedding: NDArray[np.float32]
    foreground: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Piece:
    """The foreground of a box that later windows need: `mask` (*box) and the embeddings there (E, K)."""

    box: Box
    mask: NDArray[np.bool_]
    points: NDArray[np.float32]


class Gather:
    """Collects blocks into windows; keeps of a block only the foreground in windows that end later."""

    def __init__(self, windows: list[Window], threshold: float) -> None:
        self.windows, self.threshold = windows, threshold
        self._open = list(range(len(windows)))  # not complete
        self._pieces: dict[int, list[Piece]] = {}

    def add(self, block: Block) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.bool_]]]:
        """Take a block; yield (number, embeddings of the foreground (E, K), its mask (*box)) of every window that it completes.

        The embeddings are in raster order.
        """
        remaining = []
        waiting: dict[int, list[tuple[int, Box]]] = {}  # by row of windows, which are complete at about the same time
        for position, number in enumerate(self._open):
            box = self.windows[number].box
            if box[0].start >= block.box[0].stop:  # windows are in raster order: the others begin later still
                remaining += self._open[position:]
                break
            common = intersection(box, block.box)
            if common is not None and all(part.stop <= end.stop for part, end in zip(box, block.box, strict=True)):
                yield number, *self._complete(number, _piece(block, common, self.threshold))
                continue
            remaining.append(number)
            if common is not None:
                waiting.setdefault(box[0].stop, []).append((number, common))
        self._open = remaining
        for row in waiting.values():
            piece = _piece(block, hull([common for _, common in row]), self.threshold)
            for number, _ in row:
                self._pieces.setdefault(number, []).append(piece)

    def _complete(self, number: int, last: Piece) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        box = self.windows[number].box
        if last.box == box:
            return last.points, last.mask
        shared = [(piece, common) for piece in [*self._pieces.pop(number, []), last] if (common := intersection(piece.box, box))]
        mask = np.zeros([part.stop - part.start for part in box], dtype=bool)
        for piece, common in shared:
            mask[within(common, box)] = piece.mask[within(common, piece.box)]
        place = np.cumsum(mask, dtype=np.int32).reshape(mask.shape) - 1  # of a px among those of the foreground
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
    return Piece(box, mask, block.embedding[(slice(None), *inside)][:, mask])


def hull(boxes: list[Box]) -> Box:
    """The smallest box that holds all."""
    return tuple(slice(min(part.start for part in parts), max(part.stop for part in parts)) for parts in zip(*boxes, strict=True))


def intersection(a: Box, b: Box) -> Box | None:
    """The common box of two, None where they have none."""
    parts = tuple(slice(max(x.start, y.start), min(x.stop, y.stop)) for x, y in zip(a, b, strict=True))
    return parts if all(part.start < part.stop for part in parts) else None


def within(box: Box, outer: Box) -> Box:
    """The same box, counted from the start of `outer`."""
    return tuple(slice(part.start - out.start, part.stop - out.start) for part, out in zip(box, outer, strict=True))
