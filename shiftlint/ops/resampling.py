"""Resampling by interpolation: all versions of Resize, and sampling at a grid of points.

`shiftlint.calculus.interpolation` defines the windows of one axis; this module maps the operators'
attributes and inputs to them.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from fractions import Fraction
from math import floor, isfinite
from typing import TYPE_CHECKING, Any

from shiftlint.calculus.interpolation import (
    Kernel,
    interpolation,
    irregular,
    is_exact,
    is_power_of_two,
    single,
    symmetric_offset,
)
from shiftlint.calculus.note import Kind, Note, Reason, SizeError, Unsupported, Words
from shiftlint.calculus.tensor import (
    Dim,
    Tensor,
    constant,
    derived,
    dim_size,
    is_uniform,
    released,
    single_track,
    spoil,
)
from shiftlint.calculus.tensor import dim_of as new_dim
from shiftlint.calculus.track import Track, resample
from shiftlint.contract.values import EXACT, Inexact
from shiftlint.onnx_file.constants import LARGEST_SIZE
from shiftlint.ops.broadcasting import forgotten
from shiftlint.ops.cropping import checked_axis, integers
from shiftlint.ops.registry import numbered, transfer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# px at which nearest interpolation may deviate from its phase; all become border
MOST_IRREGULAR = 32
# standard deviations per px of the resized axis, measured
DRIFT, DRIFT_OF_A_ROUNDED_SCALE = 3e-7, 6e-7
FINEST = 1 << 22  # most phases of a resized axis whose coordinates float32 can distinguish
# a scale p/q with a larger p or q comes from resizing to a fixed size, not from a network
LARGEST_FACTOR = 64
LOCAL = {"half_pixel", "pytorch_half_pixel", "asymmetric", "tf_half_pixel_for_nn"}


def _factors(
    x: Tensor,
    roi: Tensor | None = None,
    scales: Tensor | None = None,
    sizes: Tensor | None = None,
    **given: Any,
) -> Hashable:
    """The factor of every resized axis, except where one element is spread over the axis."""
    axes = given.get("axes")
    chosen = [checked_axis(a, x.rank) for a in axes] if axes is not None else range(x.rank)
    factors, targets = _given(scales, "scales"), _given(sizes, "sizes")
    wanted = factors or [
        target / max(dim_size(x.dims[a]), 1)
        for a, target in zip(chosen, targets or (), strict=False)
    ]
    return tuple(
        (a, factor) for a, factor in zip(chosen, wanted, strict=False) if not _is_spread(x.dims[a])
    )


def _is_spread(dim: Dim) -> bool:
    """Whether one element is spread over the resized dimension: the image level of a pyramid."""
    return dim_size(dim) == 1 and all(atom.track is None or atom.track.whole for atom in dim)


@transfer("Resize", since=11)
@numbered("roi", "scales", "sizes", elementwise=True, besides=_factors)
def resize(
    x: Tensor,
    roi: Tensor | None = None,
    scales: Tensor | None = None,
    sizes: Tensor | None = None,
    *,
    mode: str = "nearest",
    coordinate_transformation_mode: str = "half_pixel",
    nearest_mode: str = "round_prefer_floor",
    antialias: int = 0,
    axes: tuple[int, ...] | None = None,
    cubic_coeff_a: float = -0.75,
    exclude_outside: int = 0,
    extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: str = "stretch",
) -> Tensor:
    """Interpolate; see `shiftlint.calculus.interpolation` for the formulas.

    Spec: https://onnx.ai/onnx/operators/onnx__Resize.html
    """
    chosen = (
        tuple(checked_axis(a, x.rank) for a in axes) if axes is not None else tuple(range(x.rank))
    )
    resized = _sizes_and_scales(
        [x.shape[a] for a in chosen],
        _given(scales, "scales"),
        _given(sizes, "sizes"),
        keep_aspect_ratio_policy,
    )
    notes: list[Note] = []
    dims = list(forgotten(x).dims)
    grows, kept = False, list[int]()
    if all(
        new_size == x.shape[axis] for axis, (new_size, _, _) in zip(chosen, resized, strict=True)
    ):
        return forgotten(x)  # it copies if no size changes, whatever the scales
    for axis, (new_size, scale, given) in zip(chosen, resized, strict=True):
        if scale == 1 and new_size == x.shape[axis]:
            kept.append(axis)
            continue
        grows |= scale > 1
        exact = is_exact(scale, given)
        kernel = Kernel(
            mode,
            coordinate_transformation_mode,
            nearest_mode,
            bool(antialias),
            cubic_coeff_a,
            exact,
        )
        dims[axis], more = _resize_axis(x.dims[axis], scale, new_size, given, kernel)
        notes += more
    if mode == "linear" and len(kept) < len(chosen):
        for axis in set(kept) - _outer(x.rank, kept):
            dims[axis] = _weighed(dims[axis])
    fixed = frozenset({"fixed"}) if grows else frozenset()
    return derived(dims, x, notes=notes, upsampling=fixed)


@transfer("Resize", since=10)
@numbered(elementwise=True)
def resize_10(x: Tensor, scales: Tensor, *, mode: str = "nearest") -> Tensor:
    """Interpolate with asymmetric coordinates and floor.

    Spec: https://onnx.ai/onnx/operators/text_diff_Resize_10_11.html
    """
    given = _given(scales, "scales") or []
    if mode == "nearest" and min(given, default=1.0) < 1 < max(given, default=1.0):
        raise Unsupported(Reason.MIXED_NEAREST)
    # as onnxruntime does before opset 11
    rounding = "ceil" if min(given, default=1.0) < 1 else "floor"
    return resize(
        x,
        None,
        scales,
        mode=mode,
        coordinate_transformation_mode="asymmetric",
        nearest_mode=rounding,
    )


@transfer("Upsample", since=9)
def upsample(x: Tensor, scales: Tensor, *, mode: str = "nearest") -> Tensor:
    """Interpolate with asymmetric coordinates and floor.

    Spec: https://onnx.ai/onnx/operators/onnx__Upsample.html
    """
    return resize_10(x, scales, mode=mode)


@transfer("Upsample", since=7)
def upsample_7(x: Tensor, *, scales: tuple[float, ...], mode: str = "nearest") -> Tensor:
    """Interpolate with asymmetric coordinates and floor; the scales are an attribute.

    Spec: https://onnx.ai/onnx/operators/text_diff_Upsample_7_9.html
    """
    return resize_10(x, constant(scales, "float32"), mode=mode)


def _sizes_and_scales(
    sizes: Sequence[int], factors: list[float] | None, targets: list[float] | None, policy: str
) -> list[tuple[int, Fraction, float]]:
    """For each resized axis: its new size, its scale, and the scale in float32."""
    given = factors or targets or []
    if len(given) != len(sizes):
        raise Unsupported(
            Reason.COUNT_FOR_AXES, count=len(given), operand="scales or sizes", axes=len(sizes)
        )
    if not all(0 < wish < LARGEST_SIZE for wish in given):
        raise SizeError(f"resizing {list(sizes)} by or to {given}")
    if targets:
        new_sizes = [int(target) for target in targets]
        scales = [single(new / max(size, 1)) for new, size in zip(new_sizes, sizes, strict=True)]
        exact = [Fraction(new, max(size, 1)) for new, size in zip(new_sizes, sizes, strict=True)]
        if policy != "stretch":
            scales = [_kept_ratio(scales, policy)] * len(sizes)
            new_sizes = [
                floor(single(one * size) + 0.5) for one, size in zip(scales, sizes, strict=True)
            ]
            exact = [_fraction(one) for one in scales]
    else:
        scales = [single(factor) for factor in given]
        new_sizes = [int(single(one * size)) for one, size in zip(scales, sizes, strict=True)]
        exact = [_fraction(factor) for factor in given]
    if min(new_sizes, default=1) < 1:
        raise SizeError(f"resizing {list(sizes)} by {scales} leaves nothing")
    return list(zip(new_sizes, exact, scales, strict=True))


def _resize_axis(
    dim: Dim, scale: Fraction, new_size: int, given: float, kernel: Kernel
) -> tuple[Dim, list[Note]]:
    if _is_spread(dim):
        return new_dim(new_size, uniform=True), released(dim, Reason.SPREAD)
    track = single_track(dim)
    if track is None:
        return new_dim(new_size, uniform=is_uniform(dim)), []
    reason = None
    size = dim_size(dim)
    facts: dict[str, Any] = {"before": Words(size), "after": Words(new_size)}
    if kernel.mode not in {"nearest", "linear", "cubic"}:
        raise Unsupported(Reason.ATTRIBUTE, attribute="mode", value=kernel.mode)
    if (
        kernel.coordinates == "half_pixel_symmetric"
        and symmetric_offset(size, new_size, given) == 0
    ):
        pass
    elif kernel.coordinates not in LOCAL:
        reason, facts = Reason.COORDINATES, {"mode": kernel.coordinates}
    elif kernel.coordinates == "pytorch_half_pixel" and new_size == 1:
        kernel = replace(kernel, coordinates="asymmetric")  # a single px is at 0
    if not reason and max(scale.numerator, scale.denominator) > LARGEST_FACTOR:
        reason = Reason.NO_COMMON_GRID
    if not reason and new_size * scale.numerator > FINEST:
        reason = Reason.COARSE_COORDINATES
    if not reason:
        relation = interpolation(scale, kernel)
        moved = resample(
            track,
            size,
            relation,
            new_size,
            kind="edge",
            rounding=_rounding(track, scale, given, kernel),
        )
        regular = is_power_of_two(scale.numerator) and is_power_of_two(scale.denominator)
        if kernel.mode != "nearest" or (regular and kernel.exact):
            return new_dim(new_size, moved), []
        found = irregular(relation, size, new_size, given, kernel)
        if len(found) <= MOST_IRREGULAR:
            return new_dim(new_size, _bordered(moved, found)), []
        reason = Reason.IRREGULAR_COORDINATES
    _, notes = spoil(dim, Kind.POSITION, reason, **facts)
    return new_dim(new_size), notes


def _rounding(track: Track, scale: Fraction, given: float, kernel: Kernel) -> Inexact:
    """How far interpolation weights may differ: a coordinate of x px is rounded to ~x·2^-24."""
    if kernel.mode == "nearest" or (kernel.exact and is_power_of_two(scale.numerator)):
        return EXACT
    drift = DRIFT if Fraction(single(given)) == scale else DRIFT_OF_A_ROUNDED_SCALE
    return Inexact(drift=float(drift * track.relation.scale))


def _bordered(track: Track, found: NDArray[np.intp]) -> Track:
    """The track with border up to the last irregular output; these do not repeat."""
    if not len(found):
        return track
    border = (max(track.border[0], int(found[-1]) + 1), track.border[1])
    return track._replace(border=border, padding=track.padding.also("rounding"))


def _outer(rank: int, kept: Sequence[int]) -> set[int]:
    """Axes that onnxruntime's linear interpolation loops over: batch and channels, from rank 4."""
    return set() if rank < 4 else {0, 1 if 1 in kept else rank - 1}


def _weighed(dim: Dim) -> Dim:
    """An axis of scale 1 next to one that is interpolated linearly.

    onnxruntime weights its last px by 1/2 + 1/2, the others by 1 + 0. Unless the last px is border,
    rounding depends on position.
    """
    return tuple(
        atom._replace(track=atom.track.by_place())
        if atom.track and not atom.track.border[1]
        else atom
        for atom in dim
    )


def _kept_ratio(scales: list[float], policy: str) -> float:
    """The common scale of all axes."""
    if policy not in {"not_larger", "not_smaller"}:
        raise Unsupported(Reason.ATTRIBUTE, attribute="keep_aspect_ratio_policy", value=policy)
    return min(scales) if policy == "not_larger" else max(scales)


def _given(tensor: Tensor | None, name: str) -> list[float] | None:
    """The elements of an optional input; None if it is omitted or empty."""
    if tensor is None or tensor.shape == (0,):
        return None
    if tensor.elements is None or tensor.elements.kind not in ("i", "u", "f"):
        raise Unsupported(Reason.NOT_CONSTANT, operand=name)
    return [float(v) for v in tensor.elements.numbers()]


def _fraction(scale: float) -> Fraction:
    """The simplest fraction that float32 cannot distinguish from `scale`."""
    if not isfinite(scale) or not 0 < scale < 1 << 16:
        raise Unsupported(Reason.SCALE, scale=scale)
    simple = Fraction(scale).limit_denominator(LARGEST_FACTOR)
    return simple if simple and abs(float(simple) - scale) <= 1e-6 * scale else Fraction(scale)


@transfer("GridSample", since=20)
def grid_sample(
    x: Tensor,
    grid: Tensor,
    *,
    align_corners: int = 0,
    mode: str = "linear",
    padding_mode: str = "zeros",
) -> Tensor:
    """Elements at grid positions, which are relative to the total size.

    Spec: https://onnx.ai/onnx/operators/onnx__GridSample.html
    """
    if x.rank < 3 or grid.rank != x.rank:
        raise Unsupported(Reason.RANKS, ranks=(x.rank, grid.rank))
    if (grid.shape[0], grid.shape[-1]) != (x.shape[0], x.rank - 2):
        raise SizeError(f"a grid of shape {grid.shape} for an input of shape {x.shape}")
    notes = [
        note
        for t, axes in ((x, range(2, x.rank)), (grid, range(1, grid.rank)))
        for note in spoil(
            tuple(atom for axis in axes for atom in t.dims[axis]), Kind.POSITION, Reason.SAMPLED
        )[1]
    ]
    if grid.from_image:
        notes += [Note(Kind.GLOBAL, note.axis, Reason.SAMPLED) for note in notes]
    sizes = [new_dim(n) for n in grid.shape[1:-1]]
    return derived((x.dims[0], x.dims[1], *sizes), x, grid, notes=notes)


@transfer("GridSample", since=16)
def grid_sample_16(
    x: Tensor,
    grid: Tensor,
    *,
    align_corners: int = 0,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
) -> Tensor:
    """Elements at grid positions; modes had different names.

    Spec: https://onnx.ai/onnx/operators/text_diff_GridSample_16_20.html
    """
    return grid_sample(x, grid)


@transfer("AffineGrid", since=20)
def affine_grid(theta: Tensor, size: Tensor, *, align_corners: int = 0) -> Tensor:
    """Coordinates, which depend on the total size.

    Spec: https://onnx.ai/onnx/operators/onnx__AffineGrid.html
    """
    sizes = integers(size, "sizes")
    if not 4 <= len(sizes) <= 5:
        raise Unsupported(Reason.COUNT_FOR_AXES, count=len(sizes), operand="sizes", axes=len(sizes))
    n, _, *space = sizes
    return derived([new_dim(v) for v in (n, *space, len(space))], theta)
