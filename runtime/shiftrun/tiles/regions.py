"""A region of a result, from the tiles of the whole plan that touch it.

Only the part kept of a tile changes, and normalization measures the whole image: for any network,
the region is a crop of the full run, bit for bit.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

from shiftlint.errors import InputError
from shiftrun.arrays.box import Box
from shiftrun.tiles.axis_plan import AxisPlan
from shiftrun.tiles.plan import Edges, Plan

Region = tuple[slice, ...]  # as given by the user: ends may be open


def resolve_region(region: Region, shape: tuple[int, ...]) -> Box:
    """The box of a region of a result of `shape`, px.

    Raises
    ------
    InputError
        Wrong number of axes; a step; an empty part, or one that leaves the result.
    """
    asked = ",".join(
        f"{'' if part.start is None else part.start}:{'' if part.stop is None else part.stop}"
        for part in region
    )
    if len(region) != len(shape):
        raise InputError(
            f"region ({asked}): expected {len(shape)} ranges START:STOP, one per spatial axis, "
            f"got {len(region)}."
        )
    box = tuple(
        slice(part.start or 0, size if part.stop is None else part.stop)
        for part, size in zip(region, shape, strict=True)
    )
    for part, given, size in zip(box, region, shape, strict=True):
        if not 0 <= part.start < part.stop <= size or given.step not in {None, 1}:
            raise InputError(
                f"region ({asked}): expected ranges inside {'x'.join(map(str, shape))} px, got "
                f"{part.start}:{part.stop}."
            )
    return box


def cut_plan(plan: Plan, box: Box, scales: tuple[Fraction, ...]) -> Plan:
    """The plan of one box of the result: the same tiles that touch it, cropped to it.

    Parameters
    ----------
    plan : Plan
    box : Box
        Px of the result.
    scales : tuple of Fraction
        Px of the result per px of the image, by axis.
    """
    return replace(
        plan,
        axes=tuple(
            _cut_axis(axis, part, scale)
            for axis, part, scale in zip(plan.axes, box, scales, strict=True)
        ),
    )


def region_waste(plan: Plan, scales: tuple[Fraction, ...]) -> float:
    """The share (0 to 1) of px read more than once or only as context, for the plan of a region."""
    image_px = math.prod(
        axis.output_px / scale for axis, scale in zip(plan.axes, scales, strict=True)
    )
    return max(0.0, 1.0 - float(image_px) / (plan.tile_count * math.prod(plan.read_shape)))


def cut_edges(edges: Edges, box: Box) -> Edges:
    """The edges inside a box, counted from its start."""
    return tuple(
        tuple(cut - part.start for cut in cuts if part.start < cut < part.stop)
        for cuts, part in zip(edges, box, strict=False)
    )


def uncut_edges(edges: Edges, box: Box | None) -> Edges:
    """The edges of a part, counted from the start of the whole."""
    if box is None:
        return edges
    return tuple(
        tuple(cut + part.start for cut in cuts) for cuts, part in zip(edges, box, strict=False)
    )


def _cut_axis(axis: AxisPlan, part: slice, scale: Fraction) -> AxisPlan:
    tiles = []
    for tile in axis.tiles:
        start, stop = max(tile.write[0], part.start), min(tile.write[1], part.stop)
        if start < stop:
            tiles.append(
                replace(tile.part((start, stop)), write=(start - part.start, stop - part.start))
            )
    origin_px = axis.origin_px + int(part.start / scale)
    return replace(axis, output_px=part.stop - part.start, origin_px=origin_px, tiles=tuple(tiles))
