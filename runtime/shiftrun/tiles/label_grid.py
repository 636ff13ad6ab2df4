"""The fixed global grid of label windows."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from shiftrun.arrays.box import Box, everything


@dataclass(frozen=True, slots=True)
class Grid:
    """Windows of `window` px that overlap by `overlap`; up to `single` px per axis, one window."""

    window: int
    overlap: int
    single: int


GRIDS = {
    1: Grid(1 << 18, 1 << 12, 1 << 20),
    2: Grid(1024, 128, 2048),
    3: Grid(128, 16, 160),
}  # about the same number of px in each


@dataclass(frozen=True, slots=True)
class LabelWindow:
    """`box` is clustered, `core` (inside it) is written; cores cover the image without overlap."""

    box: Box
    core: Box


def windows_of(shape: tuple[int, ...], grid: Grid) -> list[LabelWindow]:
    """The windows of an image in raster order; cores meet in the middle of the overlaps."""
    if all(size <= grid.single for size in shape):
        return [LabelWindow(everything(shape), everything(shape))]
    axes = [_axis_windows(size, grid) for size in shape]
    return [
        LabelWindow(tuple(box for box, _ in parts), tuple(core for _, core in parts))
        for parts in itertools.product(*axes)
    ]


def _axis_windows(size: int, grid: Grid) -> list[tuple[slice, slice]]:
    stride, half = grid.window - grid.overlap, grid.overlap // 2
    starts = range(0, max(1, size - grid.overlap), stride)
    result = []
    for start in starts:
        first, last = start == starts[0], start == starts[-1]
        box = slice(start, size if last else start + grid.window)
        result.append(
            (box, slice(0 if first else start + half, size if last else start + stride + half))
        )
    return result


def row_edges(shape: tuple[int, ...], grid: Grid) -> tuple[tuple[int, ...], ...]:
    """Where windows end, per axis except the last; () if there is only one window.

    Rows of windows are computed one after another, each px once, so only the overlap of two rows is
    kept waiting. Along the last axis, windows are completed as blocks arrive, wherever these begin.
    """
    if all(size <= grid.single for size in shape):
        return ()
    return (
        *(tuple(box.stop for box, _ in _axis_windows(size, grid)[:-1]) for size in shape[:-1]),
        (),
    )
