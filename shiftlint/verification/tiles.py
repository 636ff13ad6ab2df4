"""Compare tiles with the whole: cut and stitch along one axis as the contract says."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

from shiftlint.contract.claims import enough, grid
from shiftlint.contract.measurement import Claim, Measurement
from shiftlint.contract.values import AxisContract
from shiftlint.verification.subject import (
    LARGEST_IMAGE,
    TILES,
    Array,
    Subject,
    difference,
    part,
    tolerance,
)


def tiles(subject: Subject, axis: int) -> Iterator[Measurement]:
    """Stitch tiles as the contract says and compare with the whole; only for dynamic sizes."""
    claims = [
        (o, a)
        for o, a in subject.claims(axis)
        if not a.is_global and a.sizes and a.sizes.max is None
    ]
    for output, a in claims:
        pieces = stitch(subject, axis, output.name, a)
        if pieces is None:
            yield Measurement(
                TILES,
                output.name,
                a.name,
                Claim.TILES,
                0.0,
                None,
                "no tile is small enough to measure",
            )
            continue
        stitched, whole, count = pieces
        # a tile wraps around itself, also at the image's border
        if any(p.kind == "wrap" for p in a.padding):
            end = whole.shape[a.output_axis] - a.border[1]
            stitched, whole = (part(x, a.output_axis, a.border[0], end) for x in (stitched, whole))
        gap = difference(stitched, whole, float(np.std(whole, dtype=float)))
        holds = gap <= tolerance(subject, a)
        detail = "bit-identical" if gap == 0 else "agrees" if holds else "tiled differs from whole"
        yield Measurement(TILES, output.name, a.name, Claim.TILES, gap, holds, detail, count)


def stitch(
    subject: Subject, axis: int, output: str, a: AxisContract
) -> tuple[Array, Array, int] | None:
    """(stitched tiles, whole, number of tiles) along one axis; None if it would be too large."""
    assert a.period is not None
    assert a.step is not None
    assert a.output_size is not None
    steps = grid(subject.contract, axis) // a.period
    tile = subject.legal(axis, enough(a) + (steps - 1) * a.period)
    if tile is None:
        return None
    # whole steps that one inner tile writes
    kept = (a.output_size.of(tile) - sum(a.border)) // a.step
    hop = max(kept // steps, 0) * steps
    whole_size = tile + 2 * hop * a.period
    if hop < 1 or prod(subject.sizes(axis, whole_size)) > LARGEST_IMAGE:
        return None
    image = subject.draw(subject.sizes(axis, whole_size))
    whole = subject.run(image)[output]
    parts, written = [], 0
    for number in range(3):
        origin = number * hop
        out = subject.run(part(image, axis, origin * a.period, origin * a.period + tile))[output]
        length = out.shape[a.output_axis]
        end = length if number == 2 else length - a.border[1]
        parts.append(part(out, a.output_axis, written - origin * a.step, end))
        written = origin * a.step + end
    return np.concatenate(parts, a.output_axis), whole, len(parts)
