"""Exact tiling of one axis, by the contract.

Let the contract say (period a, step b, windows reads[φ], border (β₀, β₁), output = s·n − o with s =
b/a)

    output b·k + φ  reads  input a·k + reads[φ][0] … a·k + reads[φ][1].

The image of n px is padded **once** to N = before + n + after px, where N is of a legal class of
sizes and `before` a multiple of a. Call g the network's output on the padded image: the result is
g[first:stop]. A tile writes a run of outputs [e₀, e₁) of g and reads [r, r + R) of the padded
image. Its own output j is g's output j + s·r, bit for bit, if

  (i)   r is a multiple of a: then s·r is a multiple of b, and the phases of the tile are those of
        the image;
  (ii)  the windows of e₀ … e₁−1 are inside [r, r + R): min over e of the window's first px ≥ r,
        last px < r + R;
  (iii) none of them is border at an end of the tile: e − s·r ≥ β₀ and e < s·(r + R) − o − β₁;

and (ii), (iii) are not required at an end where the read ends with the padded image itself (r = 0,
or r + R = N): there the network treats the tile like the whole image. Conversely, an output that is
border of the whole image at an end fails (iii) in every tile that does not reach that end, so no
border px is ever computed as if it were an inner one.

  (iv)  a tile that writes border of the image holds what the padding mirrors into it: reflected, or
        repeated from the edge. That is no farther in than the border is wide, so 2·β outputs from
        that end, and a step, must satisfy (ii) and (iii) at the tile's other end. (Zeros mirror
        nothing.)

By (i) and (ii) the last possible start is r₀ = a·floor(min(first window px / a, (e₀ − β₀) / b)) and
the first possible end follows likewise, so R is the largest of the needs of all tiles, rounded up
to a legal size ≡ N (mod a). With this congruence, a read that would leave the padded image can move
inward by a multiple of a and end exactly at N; write boxes never move.

Padding of kind `wrap` cannot be tiled this way: it brings in the *opposite* end of the image.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shiftlint.contract.values import AxisContract, Explanation, Window, told
from shiftlint.errors import InputError
from shiftrun.tiles.padded_axis import Frame, along, frame, legal_size, sizes_of

Span = tuple[int, int]  # px in a row, half-open: [start, stop)

PLAIN = {
    "zeros",
    "-inf",
    "fewer elements",
    "rounding",
}  # kinds of padding that do not depend on px


class Refusal(InputError):
    """A tiling that would not give the whole image's result; `force` stitches naively instead."""


@dataclass(frozen=True, slots=True)
class AxisTile:
    """One tile along one axis: `read` (padded image), `keep` (output), `write` (result)."""

    read: Span
    keep: Span
    write: Span

    def part(self, write: Span) -> AxisTile:
        """The tile with the same read that writes only `write`."""
        kept = self.keep[0] - self.write[0]
        return AxisTile(self.read, (write[0] + kept, write[1] + kept), write)


@dataclass(frozen=True, slots=True)
class AxisPlan:
    """The tiling of one axis.

    Attributes
    ----------
    name : str
    image_px, before_px, after_px : int
        Size of the image and of the padding at either end.
    read_px : int
        Size of every read, a legal input size.
    tile_px : int
        Outputs written per tile (the last tile may write fewer).
    output_px : int
        Size of the result.
    origin_px : int
        The image px under output 0 of the result: 0, or with `pad="none"` the px that a valid
        network consumes.
    tiles : tuple of AxisTile
    """

    name: str
    image_px: int
    before_px: int
    after_px: int
    read_px: int
    tile_px: int
    output_px: int
    origin_px: int
    tiles: tuple[AxisTile, ...]

    @property
    def padded_px(self) -> int:
        """Size of the padded image."""
        return self.before_px + self.image_px + self.after_px


def exact_axis(
    axis: AxisContract,
    image_px: int,
    tile_px: int,
    pad: str,
    *,
    reasons: tuple[Explanation, ...] = (),
    edges: tuple[int, ...] = (),
    instead: str = "",
) -> AxisPlan:
    """Tile one axis so that the stitched result equals the whole image's.

    Parameters
    ----------
    axis : AxisContract
    image_px : int
    tile_px : int
        Outputs to write per tile, at most the image rounded up to a step. Beyond that, the whole
        axis is one tile.
    pad : str
        As in `make_plan`.
    reasons : tuple of Explanation
        The contract's explanations for an axis that it does not fully know; quoted in a refusal.
    edges : tuple of int
        Outputs of the result at which a tile must begin, in ascending order; tiles between two of
        them are of about equal size. They do not cut an axis that `tile_px` covers.
    instead : str
        What to do if this axis cannot be cut: `instead_of_tiles` for all axes; default: for this
        one.

    Raises
    ------
    Refusal
        The finding's code (SL102, SL202, SL301, SL302, SL401, …), the problem and the advice.
    """
    whole = frame(axis, image_px, pad)
    sizes, _ = sizes_of(axis)
    tile_px = min(tile_px, -(-whole.output_px // (axis.step or 1)) * (axis.step or 1))
    if tile_px >= whole.output_px and sizes.legal(whole.padded_px):
        read, write = (0, whole.padded_px), (0, whole.output_px)
        return _plan(
            axis,
            whole,
            whole.padded_px,
            tile_px,
            (AxisTile(read, (whole.first, whole.stop), write),),
        )
    refuse(axis, tile_px, instead or instead_of_tiles((axis,), (whole,)), reasons)
    boxes = writes(whole, tile_px, edges, axis.step or 1)
    read_px = read_size(axis, whole, boxes)
    if read_px is None:
        advice = largest_tile(axis, whole, tile_px)
        raise Refusal(
            f"tile {tile_px} (axis {axis.name}): expected tiles that the network takes "
            f"({sizes.min} to {sizes.max} px), "
            "got one that needs more. "
            + (
                f"Use --tile {advice} or less."
                if advice
                else "Export the network with a dynamic size."
            ),
            code="SL302",
        )
    tiles = [_tile(axis, whole, read_px, write) for write in boxes]
    largest = max(stop - start for start, stop in boxes)
    return _plan(axis, whole, read_px, largest if edges else tile_px, tuple(tiles))


def larger_tile(
    axis: AxisContract, plan: AxisPlan, tile: AxisTile, pad: str, grow_px: int
) -> AxisTile:
    """A tile around `tile` that writes `grow_px` more at either end; `tile` if none can be read.

    At an end of the image, it reaches farther in instead.
    """
    if axis.reads is None:
        return tile
    whole, shift = frame(axis, plan.image_px, pad), _region_start(axis, plan, pad)
    length = plan.tile_px + 2 * grow_px
    start = max(0, min(tile.write[0] + shift - grow_px, whole.output_px - length))
    stop = min(whole.output_px, max(start + length, tile.write[1] + shift + grow_px))
    return window_of(axis, plan, pad, (start - shift, stop - shift)) or tile


def window_of(axis: AxisContract, plan: AxisPlan, pad: str, write: Span) -> AxisTile | None:
    """The smallest tile that writes `write`, in the coordinates of `plan`; None if there is none.

    It may begin below 0 if the plan is that of a region.
    """
    whole, shift = frame(axis, plan.image_px, pad), _region_start(axis, plan, pad)
    box = write[0] + shift, write[1] + shift
    if axis.reads is None:
        return None
    read_px = read_size(axis, whole, (box,))
    return None if read_px is None else replace(_tile(axis, whole, read_px, box), write=write)


def _region_start(axis: AxisContract, plan: AxisPlan, pad: str) -> int:
    """The output of the whole image where the result of `plan` begins: 0 except for a region."""
    tile, whole = plan.tiles[0], frame(axis, plan.image_px, pad)
    return tile.keep[0] + int(sizes_of(axis)[1].scale * tile.read[0]) - whole.first - tile.write[0]


def _tile(axis: AxisContract, whole: Frame, read_px: int, write: Span) -> AxisTile:
    """The tile that writes `write` from a sufficiently large read of `read_px`."""
    start = max(
        0,
        min(
            _last_start(axis, whole.first + write[0], whole.first + write[1]),
            whole.padded_px - read_px,
        ),
    )
    shift = int(sizes_of(axis)[1].scale * start) - whole.first
    return AxisTile((start, start + read_px), (write[0] - shift, write[1] - shift), write)


def writes(
    whole: Frame, tile_px: int, edges: tuple[int, ...] = (), step: int = 1
) -> tuple[Span, ...]:
    """The write boxes: multiples of `tile_px` from the result's origin; the last may be cut.

    With `edges`, the stretch between two of them is cut into as few tiles as `tile_px` allows, of
    equal multiples of the step.
    """
    if not edges:
        return tuple(
            (start, min(start + tile_px, whole.output_px))
            for start in range(0, whole.output_px, tile_px)
        )
    result = []
    for first, stop in itertools.pairwise((0, *edges, whole.output_px)):
        count = -(-(stop - first) // tile_px)
        size = -(-(stop - first) // (count * step)) * step
        result += [(start, min(start + size, stop)) for start in range(first, stop, size)]
    return tuple(result)


def read_size(axis: AxisContract, whole: Frame, boxes: tuple[Span, ...]) -> int | None:
    """The smallest legal read for all tiles, congruent to the padded image, or None."""
    sizes, _ = sizes_of(axis)
    period = axis.period or 1
    needed = sizes.min
    for start, stop in boxes:
        seen = _with_mirrored(axis, whole, (whole.first + start, whole.first + stop))
        needed = max(
            needed, min(whole.padded_px, _first_end(axis, *seen)) - max(0, _last_start(axis, *seen))
        )
    candidates = range(needed + (whole.padded_px - needed) % period, whole.padded_px + 1, period)
    return next((size for size in candidates if sizes.legal(size)), None)


def largest_tile(axis: AxisContract, whole: Frame, tile_px: int) -> int | None:
    """The largest multiple of the step up to `tile_px` that has a legal read."""
    step = axis.step or 1
    return next(
        (
            t
            for t in range(tile_px // step * step, 0, -step)
            if read_size(axis, whole, writes(whole, t)) is not None
        ),
        None,
    )


def instead_of_tiles(axes: Sequence[AxisContract], frames: Sequence[Frame]) -> str:
    """Advice for an image that cannot be cut: run it as one tile, if the network takes that."""
    for axis, whole in zip(axes, frames, strict=True):
        sizes, _ = sizes_of(axis)
        if not sizes.legal(whole.padded_px):
            return (
                f"The network takes at most {sizes.max} px along {axis.name}: export it with a "
                "dynamic size."
            )
    return (
        "Run the whole image as one tile: --tile "
        f"{','.join(str(whole.output_px) for whole in frames)}."
    )


def refuse(
    axis: AxisContract, tile_px: int, instead: str, reasons: tuple[Explanation, ...]
) -> None:
    """Raise a Refusal if this axis cannot be cut into tiles of `tile_px`.

    Reasons that hold for every tile size come first.
    """
    place = f"(axis {axis.name})"
    reasons = along(axis, reasons)
    code = next(
        (reason.code for reason in reasons if not axis.is_global or reason.kind == "global"), None
    )
    because = f": {told(reasons)}" if reasons else ""
    if axis.is_global:
        raise Refusal(
            f"depends on the whole image {place}: expected windows of finite size, got "
            f"none{because}. {instead}",
            code=code or "SL401",
        )
    if axis.period is None or axis.step is None or axis.reads is None:
        raise Refusal(
            f"no period {place}: expected a shift that the network is equivariant to, got "
            f"none{because}. {instead}",
            code=code or "SL102",
        )
    if any(padding.kind == "wrap" for padding in axis.padding):
        raise Refusal(
            f"wraps around the image {place}: expected no padding from the opposite end, got kind "
            f"wrap. {instead}",
            code="SL202",
        )
    if tile_px % axis.step:
        safe = tile_px // axis.step * axis.step
        raise Refusal(
            f"stitching is not exact: tile {tile_px} {place}: expected a multiple of the step "
            f"{axis.step}, got {tile_px}. "
            + (
                f"Crop the output tiles to {safe}."
                if safe
                else f"Use tiles of {axis.step} or more."
            ),
            code="SL301",
        )


def naive_axis(axis: AxisContract, image_px: int, tile_px: int, pad: str) -> AxisPlan:
    """Tile one axis as if each tile were a separate image: stride `tile_px`, no halo of its own.

    Most runners do this; it is here for comparison. A valid network's reads overlap by the px that
    it consumes, a padded network's do not overlap. Reads start where the exact plan's first read
    starts, so any error comes from the stride.

    Raises
    ------
    InputError
        No legal size is large enough for the tile.
    """
    whole = frame(axis, image_px, pad)
    sizes, output = sizes_of(axis)
    step, period = axis.step or 1, axis.period or 1
    surplus = whole.first % step
    read_px = legal_size(sizes, math.ceil((surplus + tile_px + output.offset) / output.scale), axis)
    tiles = []
    for write in writes(whole, tile_px):
        start = whole.first // step * period + math.floor(write[0] / output.scale)
        tiles.append(
            AxisTile((start, start + read_px), (surplus, surplus + write[1] - write[0]), write)
        )
    covered = replace(whole, padded_px=max(whole.padded_px, tiles[-1].read[1]))
    return _plan(axis, covered, read_px, tile_px, tuple(tiles))


def _plan(
    axis: AxisContract, whole: Frame, read_px: int, tile_px: int, tiles: tuple[AxisTile, ...]
) -> AxisPlan:
    after_px = whole.padded_px - whole.before_px - whole.image_px
    return AxisPlan(
        axis.name,
        whole.image_px,
        whole.before_px,
        after_px,
        read_px,
        tile_px,
        whole.output_px,
        whole.origin_px,
        tiles,
    )


def _with_mirrored(axis: AxisContract, whole: Frame, outputs: Span) -> Span:
    """`outputs`, extended at a border of the image as far in as its padding may mirror."""
    first, stop = outputs
    if all(padding.kind in PLAIN for padding in axis.padding):
        return outputs
    (before, after), step = axis.border, axis.step or 1
    end = sizes_of(axis)[1].of(whole.padded_px)
    return (
        min(first, end - 2 * after - step) if stop > end - after else first,
        max(stop, 2 * before + step) if first < before else stop,
    )


def _last_start(axis: AxisContract, first: int, stop: int) -> int:
    """The last multiple of the period where a read of [first, stop) may start inside the image."""
    period, step = axis.period or 1, axis.step or 1
    windows = _windows(axis, range(first, min(stop, first + step)))
    start = (first - axis.border[0]) // step * period
    return min([start, *(low // period * period for low, _ in windows)])


def _first_end(axis: AxisContract, first: int, stop: int) -> int:
    """The first px where a read of the outputs [first, stop) may end inside the image."""
    _, output = sizes_of(axis)
    windows = _windows(axis, range(max(first, stop - (axis.step or 1)), stop))
    end = math.ceil((stop + output.offset + axis.border[1]) / output.scale)
    return max([end, *(high + 1 for _, high in windows)])


def _windows(axis: AxisContract, elements: range) -> list[Window]:
    """The window of each output, without outputs that read nothing."""
    period, step, reads = axis.period or 1, axis.step or 1, axis.reads or ()
    windows = ((element // step * period, reads[element % step]) for element in elements)
    return [
        (start + window[0], start + window[1]) for start, window in windows if window is not None
    ]
