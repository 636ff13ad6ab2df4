"""Resampling by interpolation: Resize in all its versions, and sampling at a grid of points.

The windows of one axis are those of `shiftlint.interpolation`; here is what the operator's attributes and inputs make of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor, isfinite

from shiftlint.axes import (
    LARGEST_SIZE,
    Dim,
    Kind,
    Note,
    SizeError,
    Tensor,
    Unsupported,
    constant,
    dim_size,
    is_uniform,
    released,
    resample,
    single_track,
    spoil,
)
from shiftlint.axes import dim_of as new_dim
from shiftlint.interpolation import Kernel, interpolation, is_exact, is_power_of_two
from shiftlint.ops.broadcasting import SPREAD, forgotten
from shiftlint.ops.cropping import checked_axis, integers
from shiftlint.transfer import transfer

LARGEST_FACTOR = 64  # a scale p/q in lowest terms with p or q beyond this is one of "resize to that size", not of a network
LOCAL = {"half_pixel", "pytorch_half_pixel", "asymmetric", "tf_half_pixel_for_nn"}


@transfer("Resize", since=11)
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
    """Interpolate; see the module's formulas.

    Spec: https://onnx.ai/onnx/operators/onnx__Resize.html
    """
    chosen = tuple(checked_axis(a, x.rank) for a in axes) if axes is not None else tuple(range(x.rank))
    factors, targets = _given(scales), _given(sizes)
    given = factors or targets or []
    if len(given) != len(chosen):
        raise Unsupported(f"{len(given)} scales or sizes for {len(chosen)} axes")
    if keep_aspect_ratio_policy != "stretch" and targets:
        factors = [_kept_ratio(targets, [x.shape[a] for a in chosen], keep_aspect_ratio_policy)] * len(chosen)
    notes: list[Note] = []
    dims = list(forgotten(x).dims)
    grows, kept = False, list[int]()
    for position, axis in enumerate(chosen):
        size = dim_size(x.dims[axis])
        wish = factors[position] if factors else given[position]
        if not 0 < wish < LARGEST_SIZE:
            raise SizeError(f"resizing {size} by or to {wish}")
        scale = _fraction(wish) if factors else Fraction(int(wish), max(size, 1))
        new_size = floor(size * scale) if factors else int(wish)
        if new_size < 1:
            raise SizeError(f"resizing {size} by {scale} leaves nothing")
        if scale == 1 and new_size == size:
            kept.append(axis)
            continue
        grows |= scale > 1
        exact = is_exact(scale, wish if factors else float(scale))
        kernel = Kernel(mode, coordinate_transformation_mode, nearest_mode, bool(antialias), cubic_coeff_a, exact)
        dims[axis], more = _resize_axis(x.dims[axis], scale, new_size, kernel)
        notes += more
    if mode == "linear" and len(kept) < len(chosen):
        for axis in set(kept) - _outer(x.rank, kept):
            dims[axis] = _weighed(dims[axis])
    fixed = frozenset({"fixed"}) if grows else frozenset()
    return Tensor(tuple(dims), from_image=x.from_image, notes=frozenset(notes), upsampling=fixed)


@transfer("Resize", since=10)
def resize_10(x: Tensor, scales: Tensor, *, mode: str = "nearest") -> Tensor:
    """Interpolate with asymmetric coordinates and floor.

    Spec: https://onnx.ai/onnx/operators/text_diff_Resize_10_11.html
    """
    return resize(x, None, scales, mode=mode, coordinate_transformation_mode="asymmetric", nearest_mode="floor")


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


def _resize_axis(dim: Dim, scale: Fraction, new_size: int, kernel: Kernel) -> tuple[Dim, list[Note]]:
    if dim_size(dim) == 1 and all(atom.track is None or atom.track.whole for atom in dim):
        return new_dim(new_size, uniform=True), released(dim, SPREAD)  # the image level of a pyramid, spread over all
    track = single_track(dim)
    if track is None:
        return new_dim(new_size, uniform=is_uniform(dim)), []
    reason = None
    whole = dim_size(dim) * scale == new_size
    if kernel.coordinates not in LOCAL and not (kernel.coordinates == "half_pixel_symmetric" and whole):
        reason = f"coordinate_transformation_mode {kernel.coordinates}: coordinates depend on the total size"
    elif max(scale.numerator, scale.denominator) > LARGEST_FACTOR:
        reason = f"resized from {dim_size(dim)} to {new_size}: no common grid"
    elif kernel.mode not in {"nearest", "linear", "cubic"}:
        raise Unsupported(f"mode {kernel.mode!r}")
    if reason:
        _, notes = spoil(dim, Kind.POSITION, reason)
        return new_dim(new_size), notes
    relation = interpolation(scale, kernel)
    bitwise = kernel.mode == "nearest" or (kernel.exact and is_power_of_two(scale))
    moved = resample(track, dim_size(dim), relation, new_size, kind="edge", bitwise=bitwise)
    return new_dim(new_size, moved), []


def _outer(rank: int, kept: Sequence[int]) -> set[int]:
    """The axes that onnxruntime's linear interpolation goes over one by one: batch and channels, of 4 axes or more."""
    return set() if rank < 4 else {0, 1 if 1 in kept else rank - 1}


def _weighed(dim: Dim) -> Dim:
    """An axis of scale 1 beside one that is interpolated linearly.

    onnxruntime weighs its last px by 1/2 + 1/2, the others by 1 + 0: unless it is border, rounding depends on the place.
    """
    return tuple(
        atom._replace(track=atom.track._replace(bitwise=False)) if atom.track and not atom.track.border[1] else atom for atom in dim
    )


def _kept_ratio(targets: list[float], sizes: list[int], policy: str) -> float:
    """One scale for all axes."""
    ratios = [target / max(size, 1) for target, size in zip(targets, sizes, strict=True)]
    if policy not in {"not_larger", "not_smaller"}:
        raise Unsupported(f"keep_aspect_ratio_policy {policy!r}")
    return min(ratios) if policy == "not_larger" else max(ratios)


def _given(tensor: Tensor | None) -> list[float] | None:
    """The elements of an optional input; None if it is omitted or empty."""
    if tensor is None or tensor.shape == (0,):
        return None
    if tensor.elements is None or tensor.elements.kind not in ("i", "u", "f"):
        raise Unsupported("scales or sizes that are not constant numbers")
    return [float(v) for v in tensor.elements.numbers()]


def _fraction(scale: float) -> Fraction:
    """The simplest fraction that float32 cannot tell from `scale`."""
    if not isfinite(scale) or not 0 < scale < 1 << 16:
        raise Unsupported(f"a scale of {scale}")
    simple = Fraction(scale).limit_denominator(LARGEST_FACTOR)
    return simple if simple and abs(float(simple) - scale) <= 1e-6 * scale else Fraction(scale)


@transfer("GridSample", since=20)
def grid_sample(x: Tensor, grid: Tensor, *, align_corners: int = 0, mode: str = "linear", padding_mode: str = "zeros") -> Tensor:
    """Elements at places that a grid gives, relative to the total size.

    Spec: https://onnx.ai/onnx/operators/onnx__GridSample.html
    """
    if x.rank < 3 or grid.rank != x.rank:
        raise Unsupported(f"an input of rank {x.rank} with a grid of rank {grid.rank}")
    reason = "elements are taken at places relative to the total size"
    notes = [
        note
        for t, axes in ((x, range(2, x.rank)), (grid, range(1, grid.rank)))
        for note in spoil(tuple(atom for axis in axes for atom in t.dims[axis]), Kind.POSITION, reason)[1]
    ]
    if grid.from_image:
        notes += [Note(Kind.GLOBAL, note.axis, reason) for note in notes]
    sizes = [new_dim(n) for n in grid.shape[1:-1]]
    return Tensor((x.dims[0], x.dims[1], *sizes), from_image=x.from_image, notes=frozenset(notes))


@transfer("GridSample", since=16)
def grid_sample_16(
    x: Tensor, grid: Tensor, *, align_corners: int = 0, mode: str = "bilinear", padding_mode: str = "zeros"
) -> Tensor:
    """Elements at places that a grid gives; modes had other names.

    Spec: https://onnx.ai/onnx/operators/text_diff_GridSample_16_20.html
    """
    return grid_sample(x, grid)


@transfer("AffineGrid", since=20)
def affine_grid(theta: Tensor, size: Tensor, *, align_corners: int = 0) -> Tensor:
    """Coordinates: they know the total size.

    Spec: https://onnx.ai/onnx/operators/onnx__AffineGrid.html
    """
    sizes = integers(size, "sizes")
    if not 4 <= len(sizes) <= 5:
        raise Unsupported(f"{len(sizes)} sizes")
    n, _, *space = sizes
    return Tensor((*(new_dim(v) for v in (n, *space, len(space))),), from_image=theta.from_image)
