"""The exact tile-and-stitch plan: a pure function of image shape, contract and options.

In any number of dimensions, a tiling is the product of one tiling per axis (`axis_plan.py`):
tile (i, j, …) reads the box read_y[i] x read_x[j] x … of the image, which is padded once, keeps a
box of the network's output and writes it to one box of the result. Every px of the result is
written by exactly one tile.

    image (Y, X) ── pad once ──► padded (N_y, N_x)
          ── read ──► network ── keep ──► write ──► result (scale·Y, scale·X)

`exact` means that the stitched result equals the one-tile result of `whole_plan`. runtime/README.md
states the rules.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from shiftlint.contract.values import AxisContract, Explanation
from shiftlint.errors import InputError
from shiftrun.arrays.box import Box
from shiftrun.tiles.axis_plan import (
    AxisPlan,
    AxisTile,
    Refusal,
    exact_axis,
    instead_of_tiles,
    largest_tile,
    naive_axis,
)
from shiftrun.tiles.padded_axis import frame, sizes_of

Pad = Literal["reflect", "edge", "constant", "none"]
PADS: tuple[str, ...] = get_args(Pad)
AUTOMATIC_TILE_PX = 512
SMALLEST_EXACT_TILE_PX = 128  # below this, onnxruntime's CPU kernels may sum in a different order

Edges = tuple[tuple[int, ...], ...]  # per axis; () cuts nothing


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: `read` of the padded image, `keep` of the output, `write` of the result; slices."""

    read: Box
    keep: Box
    write: Box

    @classmethod
    def of(cls, parts: Sequence[AxisTile]) -> Tile:
        """The product of one tile per axis."""
        return cls(
            *(
                tuple(slice(*getattr(part, box)) for part in parts)
                for box in ("read", "keep", "write")
            )
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """How to cut, run and stitch an image.

    Attributes
    ----------
    axes : tuple of AxisPlan
        One per spatial axis, in array order.
    pad : str
        "reflect", "edge", "constant" (zeros after normalization) or "none".
    exact : bool
        The stitched result equals the network run once on the padded image.
    rounding : tuple of str
        Why it is equal only up to rounding: one sentence for each reason.
    drift : float
        The largest difference, in standard deviations, if rounding of interpolation weights depends
        on position.
    findings : tuple of str
        Why the plan is not exact, with the rule codes.
    """

    axes: tuple[AxisPlan, ...]
    pad: str
    exact: bool = True
    rounding: tuple[str, ...] = ()
    drift: float = 0.0
    findings: tuple[str, ...] = ()

    @property
    def bitwise(self) -> bool:
        """Whether the stitched result equals that of the whole image bit for bit."""
        return self.exact and not self.rounding

    @property
    def padding(self) -> tuple[tuple[int, int], ...]:
        """Px added before and after the image, per axis."""
        return tuple((axis.before_px, axis.after_px) for axis in self.axes)

    @property
    def read_shape(self) -> tuple[int, ...]:
        """Px of every read, per axis."""
        return tuple(axis.read_px for axis in self.axes)

    @property
    def padded_shape(self) -> tuple[int, ...]:
        """Px of the padded image, per axis."""
        return tuple(axis.padded_px for axis in self.axes)

    @property
    def tile_shape(self) -> tuple[int, ...]:
        """Outputs written per tile, per axis."""
        return tuple(axis.tile_px for axis in self.axes)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Px of the result, per axis."""
        return tuple(axis.output_px for axis in self.axes)

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of tiles per axis."""
        return tuple(len(axis.tiles) for axis in self.axes)

    @property
    def tile_count(self) -> int:
        """Number of tiles."""
        return math.prod(self.grid)

    @property
    def halo_waste(self) -> float:
        """The share (0 to 1) of the px read that is read more than once or only as context."""
        image_px = math.prod(axis.image_px for axis in self.axes)
        return max(0.0, 1.0 - image_px / (self.tile_count * math.prod(self.read_shape)))

    def tiles(self, block: Box | None = None) -> Iterator[Tile]:
        """The tiles in raster order, or those of one block of the result."""
        chosen = [axis.tiles for axis in self.axes]
        if block is not None:
            inside = zip(chosen, block, strict=True)
            chosen = [
                tuple(tile for tile in tiles if box.start <= tile.write[0] < box.stop)
                for tiles, box in inside
            ]
        for parts in itertools.product(*chosen):
            yield Tile.of(parts)

    def block_edges(self, edges: Edges) -> Edges:
        """The starts of blocks that no tile crosses: `edges` where tiles begin; last axis: all
        tiles.

        Without edges, or if the plan is not exact, the result is one block: ().
        """
        if not edges or not self.exact:
            return ()
        starts = [tuple(tile.write[0] for tile in axis.tiles[1:]) for axis in self.axes]
        kept = [
            cuts if set(begin) >= set(cuts) else ()
            for begin, cuts in zip(starts, edges, strict=True)
        ]
        return (*kept[:-1], starts[-1])

    def blocks(self, edges: Edges) -> Iterator[Box]:
        """The blocks between `edges` (see `block_edges`) in raster order."""
        cuts = edges or ((),) * len(self.axes)
        pairs = [
            itertools.pairwise((0, *inner, axis.output_px))
            for inner, axis in zip(cuts, self.axes, strict=True)
        ]
        for box in itertools.product(*pairs):
            yield tuple(slice(start, stop) for start, stop in box)

    def to_json(self) -> dict[str, Any]:
        """The JSON of the run report and of `shiftrun plan`; sizes in px, one per axis."""
        return {
            "axes": [axis.name for axis in self.axes],
            "image": [axis.image_px for axis in self.axes],
            "pad": self.pad,
            "padding": [list(pair) for pair in self.padding],
            "output": list(self.output_shape),
            "origin": [axis.origin_px for axis in self.axes],
            "tile": list(self.tile_shape),
            "read": list(self.read_shape),
            "grid": list(self.grid),
            "tiles": self.tile_count,
            "halo_waste": round(self.halo_waste, 4),
            "exact": self.exact,
            "bitwise": self.bitwise,
            "findings": list(self.findings),
        }


def make_plan(
    shape: tuple[int, ...],
    axes: tuple[AxisContract, ...],
    *,
    tile: tuple[int, ...],
    pad: str = "reflect",
    force: bool = False,
    reasons: tuple[Explanation, ...] = (),
    edges: Edges = (),
) -> Plan:
    """Plan the tiles of one image.

    Parameters
    ----------
    shape : tuple of int
        The image's spatial size, px.
    axes : tuple of AxisContract
        The contract of each spatial axis, in the same order.
    tile : tuple of int
        Output px to write per tile and axis. An axis that fits in one tile is read whole.
    pad : {"reflect", "edge", "constant", "none"}
        The padding of the image for a valid network; for a padded network, the image is only filled
        to a legal size. "none": only outputs that depend on image px alone.
    force : bool
        Stitch naively if the exact plan is refused; `Plan.exact` is then False and `findings` gives
        the reasons.
    reasons : tuple of Explanation
        The contract's explanations for axes without a period or windows, for the message.
    edges : tuple of tuple of int
        Per axis, the outputs at which a tile must begin, to compute the result block by block; see
        `Plan.blocks`.

    Raises
    ------
    InputError
        A refusal with the finding's code; an image too small for `pad="none"`; wrong sizes.
    """
    if not len(shape) == len(axes) == len(tile):
        raise InputError(
            f"wrong number of sizes (--tile): expected {len(axes)} spatial axes, got image "
            f"{shape} and tile {tile}."
        )
    if pad not in PADS:
        raise InputError(f"unknown padding (--pad): expected one of {', '.join(PADS)}, got {pad}.")
    for axis in axes:
        sizes_of(axis, reasons)
    plans, findings = [], []
    instead = one_tile(shape, axes, pad=pad)
    for image_px, axis, tile_px, cuts in zip(
        shape, axes, tile, edges or ((),) * len(axes), strict=True
    ):
        if tile_px < 1 or image_px < 1:
            raise InputError(
                f"no px (axis {axis.name}): expected image and tile of 1 px or more, got "
                f"{image_px} and {tile_px}."
            )
        try:
            plans.append(
                exact_axis(
                    axis, image_px, tile_px, pad, reasons=reasons, edges=cuts, instead=instead
                )
            )
        except Refusal as refusal:
            if not force:
                raise
            findings.append(str(refusal))
            plans.append(naive_axis(axis, image_px, tile_px, pad))
    cut = [(axis, plan) for axis, plan in zip(axes, plans, strict=True) if len(plan.tiles) > 1]
    drift = sum(axis.rounding.drift * plan.padded_px for axis, plan in cut)
    rounding = tuple(_rounding(cut, drift))
    return Plan(
        tuple(plans),
        pad,
        exact=not findings,
        rounding=rounding,
        drift=drift,
        findings=tuple(findings),
    )


def _rounding(cut: Sequence[tuple[AxisContract, AxisPlan]], drift: float) -> Iterator[str]:
    """Why tiles may round differently than the whole image; `drift` as in `Plan`."""
    if drift:
        yield (
            "the network interpolates with weights whose rounding depends on position: in an "
            f"image of this size, by up to about {drift:.1g} standard deviations"
        )
    if any(
        axis.rounding.place or (not axis.bitwise and not axis.rounding.drift) for axis, _ in cut
    ):
        yield (
            "onnxruntime computes a function of the network differently at the end of a row: by "
            "1e-7 to 1e-5 standard deviations"
        )
    if any(plan.tile_px < SMALLEST_EXACT_TILE_PX for _, plan in cut):
        yield (
            f"for tiles below {SMALLEST_EXACT_TILE_PX} px, onnxruntime may sum in a different order"
        )


def one_tile(
    shape: tuple[int, ...], axes: tuple[AxisContract, ...], *, pad: str = "reflect"
) -> str:
    """Advice for an image that cannot be cut; InputError if it is too small."""
    return instead_of_tiles(
        axes, [frame(axis, size, pad) for axis, size in zip(axes, shape, strict=True)]
    )


def whole_plan(
    shape: tuple[int, ...], axes: tuple[AxisContract, ...], *, pad: str = "reflect"
) -> Plan:
    """The plan of one tile: the reference that every exact plan equals."""
    tile = tuple(frame(axis, size, pad).output_px for size, axis in zip(shape, axes, strict=True))
    return make_plan(shape, axes, tile=tile, pad=pad)


def automatic_tile(
    shape: tuple[int, ...], axes: tuple[AxisContract, ...], *, pad: str = "reflect"
) -> tuple[int, ...]:
    """A default tile: per axis, the multiple of the step nearest to 512, at most the whole axis.

    A network with a largest input gets the largest tile that it takes.

    Raises
    ------
    InputError
        The tile would be below 128 px: small tiles may differ from the whole image in the last
        bits, so they must be requested.
    """
    return tuple(_automatic_tile(axis, size, pad) for axis, size in zip(axes, shape, strict=True))


def _automatic_tile(axis: AxisContract, image_px: int, pad: str) -> int:
    whole = frame(axis, image_px, pad)
    step, sizes = axis.step or 1, sizes_of(axis)[0]
    wanted = max(1, round(AUTOMATIC_TILE_PX / step)) * step
    if whole.output_px <= wanted and sizes.legal(whole.padded_px):
        return whole.output_px
    if axis.reads is None or axis.period is None or sizes.max is None:
        return wanted
    possible = largest_tile(axis, whole, wanted)
    if possible is None or (possible < SMALLEST_EXACT_TILE_PX and whole.output_px > possible):
        raise InputError(
            f"no tile of {SMALLEST_EXACT_TILE_PX} px or more fits (axis {axis.name}): expected a "
            "network that takes more than "
            f"{sizes.max} px. "
            + (
                f"Pass --tile {possible}: equal up to rounding."
                if possible
                else "Export it with a dynamic size."
            )
        )
    return possible


def half_tile(axis: AxisContract, tile_px: int) -> int:
    """About half a tile: a multiple of the step, at least the smallest exact one, at most
    `tile_px`.
    """
    step = axis.step or 1
    smallest = -(-SMALLEST_EXACT_TILE_PX // step) * step
    return min(tile_px, max(smallest, -(-tile_px // (2 * step)) * step))
