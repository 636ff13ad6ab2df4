"""Tiles against the whole: cut and stitched along one axis as the contract says."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, lcm, prod

import numpy as np

from shiftlint.contract.claims import enough
from shiftlint.contract.measurement import Measurement
from shiftlint.contract.values import AxisContract
from shiftlint.verification.subject import LARGEST_IMAGE, TILES, Array, Subject, difference, part, tolerance


def tiles(subject: Subject, axis: int) -> Iterator[Measurement]:
    """Write tiles by the contract and compare with the whole; dynamic sizes only."""
    claims = [(o, a) for o, a in subject.claims(axis) if not a.is_global and a.sizes and a.sizes.max is None]
    for output, a in claims:
        pieces = stitch(subject, axis, output.name, a)
        if pieces is None:
            yield Measurement(TILES, output.name, a.name, "tiles", 0.0, None, "no tile that is small enough to measure")
            continue
        stitched, whole, count = pieces
        if any(p.kind == "wrap" for p in a.padding):  # a tile wraps around itself, at the image's border, too
            end = whole.shape[a.output_axis] - a.border[1]
            stitched, whole = (part(x, a.output_axis, a.border[0], end) for x in (stitched, whole))
        gap = difference(stitched, whole, float(np.std(whole, dtype=float)))
        holds = gap <= tolerance(subject, a)
        detail = "bit-identical" if gap == 0 else "agrees" if holds else "tiled differs from whole"
        yield Measurement(TILES, output.name, a.name, f"{count} tiles against the whole", gap, holds, detail)


def stitch(subject: Subject, axis: int, output: str, a: AxisContract) -> tuple[Array, Array, int] | None:
    """(stitched from tiles, whole, number of tiles) along one axis; None where it would be too large."""
    assert a.period is not None
    assert a.step is not None
    assert a.output_size is not None
    grid = _grid(subject, axis) // a.period
    tile = subject.legal(axis, enough(a) + (grid - 1) * a.period)
    if tile is None:
        return None
    kept = (a.output_size.of(tile) - sum(a.border)) // a.step  # whole steps that one inner tile writes
    hop = max(kept // grid, 0) * grid
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


def _grid(subject: Subject, axis: int) -> int:
    """Input px by which a size may grow and stay legal for all outputs, and a tile may move."""
    claims = [a for _, a in subject.claims(axis)]
    return lcm(*(a.period or 1 for a in claims), *(a.sizes.modulus for a in claims if a.sizes))


def measured_border(subject: Subject, output: str, a: AxisContract, size: int) -> tuple[int, int] | None:
    """Output px at either end of a tile that differ from the whole, the tile lying inside of it; None for static sizes."""
    if a.period is None or a.step is None or a.sizes is None or a.sizes.max is not None:
        return None
    steps = _grid(subject, a.input_axis) // a.period
    hop = ceil((size + a.period) / (steps * a.period)) * steps
    image = subject.draw(subject.sizes(a.input_axis, size + 2 * hop * a.period))
    whole = subject.run(image)[output]
    tile = subject.run(part(image, a.input_axis, hop * a.period, hop * a.period + size))[output]
    length = tile.shape[a.output_axis]
    same = part(whole, a.output_axis, hop * a.step, hop * a.step + length)
    scale = float(np.std(whole, dtype=float)) or 1.0
    apart = np.abs(np.nan_to_num(tile.astype(float) - same)) > 1e-5 * scale
    rows = np.flatnonzero(np.moveaxis(apart, a.output_axis, 0).reshape(length, -1).any(axis=1))
    near, far = rows[rows < length // 2], rows[rows >= length // 2]
    return (int(near.max()) + 1 if len(near) else 0, length - int(far.min()) if len(far) else 0)
