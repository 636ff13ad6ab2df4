"""Where a run is checked: windows that are not its tiles, but must give the same outputs.

    near end, inside, far end      a small window each, of at least 128 outputs, that
                                   begins or ends elsewhere than the tiles
    along every axis that is cut   a strip as long as the result, as narrow as the network allows

Each has several candidate places, because a window without contrast shows nothing. A dependence on
the size of the whole image is the same in all windows, and is found before the run
(`shiftlint.confirmed`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

from shiftlint.contract.values import AxisContract
from shiftrun.arrays.box import shape_of
from shiftrun.tiles.axis_plan import AxisPlan, AxisTile, Span, larger_tile, window_of
from shiftrun.tiles.plan import SMALLEST_EXACT_TILE_PX, Plan, Tile

Usable = Callable[
    [tuple[int, ...]], bool
]  # whether a read of this shape (px) fits into memory and promises the same as the plan
Axes = tuple[AxisContract, ...]

NEAR, FAR = 0.0, 1.0
PLACES = (0.5, 0.25, 0.75)  # inside, as parts of the result
MOST_PLACES = 9
GROWTH_PX = 16  # of windows too small to promise the same as tiles
WIDTHS = (1, 32, 64, SMALLEST_EXACT_TILE_PX)  # of a strip


@dataclass(frozen=True, slots=True)
class Witness:
    """A window to compare tiles with.

    Attributes
    ----------
    name : str
        "near end", "inside", "far end", or "strip along AXIS".
    places : tuple of Tile
        Its candidate places, best first.
    exact : bool
        Whether it is large enough to promise equal bits.
    """

    name: str
    places: tuple[Tile, ...]
    exact: bool = True


def witnesses(plan: Plan, axes: Axes, usable: Usable) -> Iterator[Witness]:
    """The windows of a run by `plan`, without those that the network or memory does not allow.

    Parameters
    ----------
    plan : Plan
        Exact, of more than one tile.
    axes : tuple of AxisContract
    usable : callable (shape of a read) to bool
    """
    sizes = _window_sizes(plan, axes, usable)
    if sizes is None:
        return
    for name, wanted in (("near end", NEAR), ("inside", None), ("far end", FAR)):
        boxes = [_boxes(plan, axes, sizes, parts) for parts in _places(len(axes), wanted)]
        found = (_tile(plan, axes, box) for box in boxes)
        places = tuple(
            tile for tile in found if tile is not None and not _as_a_tile_reads(plan, tile)
        )
        if places:
            yield Witness(name, places)
    for number, axis in enumerate(plan.axes):
        if len(axis.tiles) > 1 and (strip := _strip(plan, axes, number, usable)):
            yield strip


def larger(plan: Plan, axes: Axes, tile: Tile, *, halves: int) -> Tile:
    """The px of `tile`, from a window that writes half a tile, or one step, more at every end."""
    parts = []
    for axis, planned, read, keep, write in zip(
        axes, plan.axes, tile.read, tile.keep, tile.write, strict=True
    ):
        step = axis.step or 1
        grow_px = max(step, halves * planned.tile_px // 2 // step * step)
        own = AxisTile(*((box.start, box.stop) for box in (read, keep, write)))
        parts.append(larger_tile(axis, planned, own, plan.pad, grow_px).part(own.write))
    return Tile.of(parts)


def _places(dimensions: int, wanted: float | None) -> list[tuple[float, ...]]:
    """Parts of the result per axis, equal along all axes first; for an end, one axis is at it."""
    inside = list(itertools.product(PLACES, repeat=dimensions))
    if wanted is None:
        found = inside
    else:
        found = [
            parts
            for parts in itertools.product((wanted, *PLACES), repeat=dimensions)
            if wanted in parts
        ]
    return sorted(found, key=lambda parts: len(set(parts)))[:MOST_PLACES]


def _boxes(plan: Plan, axes: Axes, sizes: Sequence[int], parts: Sequence[float]) -> list[Span]:
    boxes = []
    for axis, planned, size, part in zip(axes, plan.axes, sizes, parts, strict=True):
        start = round((planned.output_px - size) * part)
        if part not in {NEAR, FAR}:
            start = _elsewhere(axis, planned, start)
        start = max(0, min(start, planned.output_px - size))
        boxes.append((start, start + size))
    return boxes


def _elsewhere(axis: AxisContract, planned: AxisPlan, start: int) -> int:
    """A multiple of the step near `start` where no tile begins."""
    step = axis.step or 1
    start = start // step * step
    return start + step if any(tile.write[0] == start for tile in planned.tiles) else start


def _window_sizes(plan: Plan, axes: Axes, usable: Usable) -> tuple[int, ...] | None:
    """The small windows' outputs per axis: the fewest with the plan's promise."""
    for asked in range(SMALLEST_EXACT_TILE_PX, 2 * max(plan.tile_shape) + 1, GROWTH_PX):
        sizes = _outputs(plan, [-(-asked // (axis.step or 1)) * (axis.step or 1) for axis in axes])
        tile = _tile(plan, axes, _boxes(plan, axes, sizes, [PLACES[0]] * len(axes)))
        if (
            tile is not None
            and shape_of(tile.read) != plan.read_shape
            and usable(shape_of(tile.read))
        ):
            return sizes
    return plan.tile_shape if usable(plan.read_shape) else None


def _strip(plan: Plan, axes: Axes, along: int, usable: Usable) -> Witness | None:
    """The narrowest strip along one axis, as long as memory allows."""
    length = plan.axes[along].output_px
    while length > plan.tile_shape[along]:
        for width in WIDTHS:
            sizes = _outputs(
                plan, [length if number == along else width for number in range(len(axes))]
            )
            parts = [
                [NEAR if number == along else part for number in range(len(axes))]
                for part in PLACES
            ]
            found = (
                _narrowest(plan, axes, _boxes(plan, axes, sizes, part), along) for part in parts
            )
            places = tuple(tile for tile in found if tile is not None)
            if places and usable(shape_of(places[0].read)):
                return Witness(f"strip along {axes[along].name}", places, exact=False)
        length //= 2
    return None


def _narrowest(plan: Plan, axes: Axes, boxes: Sequence[Span], along: int) -> Tile | None:
    """The cheapest strip of those that begin up to a step farther on."""
    found = []
    for number in range(max(axis.step or 1 for axis in axes)):
        moved = [
            box if axis == along else (box[0] + number, box[1] + number)
            for axis, box in enumerate(boxes)
        ]
        if all(stop <= axis.output_px for (_, stop), axis in zip(moved, plan.axes, strict=True)):
            found.append(_tile(plan, axes, moved))
    return min(
        (tile for tile in found if tile is not None),
        key=lambda tile: prod(shape_of(tile.read)),
        default=None,
    )


def _outputs(plan: Plan, asked: Sequence[int]) -> tuple[int, ...]:
    """The number of outputs per axis, at most all."""
    return tuple(min(axis.output_px, px) for axis, px in zip(plan.axes, asked, strict=True))


def _tile(plan: Plan, axes: Axes, boxes: Sequence[Span]) -> Tile | None:
    """The smallest window that writes `boxes`; an axis that cannot be cut is read whole."""
    parts = []
    for axis, planned, box in zip(axes, plan.axes, boxes, strict=True):
        found = window_of(axis, planned, plan.pad, box)
        if found is None and len(planned.tiles) > 1:
            return None
        parts.append(found or planned.tiles[0])
    return Tile.of(parts)


def _as_a_tile_reads(plan: Plan, window: Tile) -> bool:
    return all(
        (part.start, part.stop) in {tile.read for tile in axis.tiles}
        for part, axis in zip(window.read, plan.axes, strict=True)
    )
