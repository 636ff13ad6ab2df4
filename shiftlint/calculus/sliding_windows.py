"""Sliding windows over the spatial dimensions of a tensor, for convolution and pooling.

Sizes follow the ONNX specification (Conv, MaxPool): with the input size n, kernel k, stride s,
dilation d, pads b and e

    output = floor((n + b + e - d·(k - 1) - 1) / s) + 1         (ceil with ceil_mode)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from shiftlint.calculus.note import Kind, Note, Reason, SizeError, Unsupported
from shiftlint.calculus.relation import Relation, transposed_window, window
from shiftlint.calculus.tensor import Dim, Tensor, dim_of, dim_size, single_track
from shiftlint.calculus.track import resample

Ints = Sequence[int]
LONGEST = 1 << 20  # larger strides, dilations and kernels are mistakes or attacks


@dataclass(frozen=True, slots=True)
class Geometry:
    """Kernel, stride, dilation and pads of one axis."""

    kernel: int
    stride: int
    dilation: int
    before: int
    after: int

    @property
    def extent(self) -> int:
        return self.dilation * (self.kernel - 1) + 1


def geometries(
    sizes: Ints,
    kernel: Ints,
    strides: Ints | None,
    dilations: Ints | None,
    pads: Ints | None,
    auto_pad: str,
    *,
    strict: bool = False,
) -> list[Geometry]:
    """The attributes of one operator, per axis.

    SAME pads depend on the size and ignore dilations, as in onnxruntime. They may be negative if
    the kernel is smaller than the stride: a `strict` operator does not run then.
    """
    pads = None if auto_pad not in {"NOTSET", ""} else pads  # they follow from auto_pad
    explicit = _explicit(
        len(sizes), tuple(kernel), tuple(strides or ()), tuple(dilations or ()), tuple(pads or ())
    )
    if auto_pad not in {"NOTSET", "", "VALID", "SAME_UPPER", "SAME_LOWER"}:
        raise Unsupported(Reason.ATTRIBUTE, attribute="auto_pad", value=auto_pad)
    if not auto_pad.startswith("SAME"):
        return list(explicit)
    result = []
    for size, one in zip(sizes, explicit, strict=True):
        total = (-(-size // one.stride) - 1) * one.stride + one.kernel - size
        if total < 0 and strict:
            raise SizeError(f"{auto_pad} pads of {total} for {size} px")
        total = max(total, 0)
        small, large = total // 2, total - total // 2
        before, after = (small, large) if auto_pad == "SAME_UPPER" else (large, small)
        result.append(Geometry(one.kernel, one.stride, one.dilation, before, after))
    return result


@lru_cache(maxsize=1024)  # the same at all sizes
def _explicit(
    rank: int,
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    pads: tuple[int, ...],
) -> tuple[Geometry, ...]:
    strides, dilations, pads = (
        strides or (1,) * rank,
        dilations or (1,) * rank,
        pads or (0,) * (2 * rank),
    )
    if not len(kernel) == len(strides) == len(dilations) == rank or len(pads) != 2 * rank:
        raise Unsupported(Reason.WINDOW_AXES, rank=rank)
    if not all(1 <= v <= LONGEST for v in (*kernel, *strides, *dilations)) or any(
        abs(p) > LONGEST for p in pads
    ):
        raise Unsupported(Reason.WINDOW_RANGE)
    return tuple(
        Geometry(kernel[i], strides[i], dilations[i], pads[i], pads[i + rank]) for i in range(rank)
    )


def slide(
    x: Tensor, geometry: list[Geometry], *, fills: str, ceil_mode: bool = False
) -> tuple[list[Dim], list[Note]]:
    """The spatial dimensions after a window slid over `x`; `fills` names the padding."""
    dims, notes = [], []
    for dim, one in zip(x.dims[2:], geometry, strict=True):
        size = dim_size(dim)
        reach = size + one.before + one.after - one.extent
        if reach < 0:
            raise SizeError(
                f"a window of {one.extent} px does not fit into {size} px with pads {one.before} "
                f"and {one.after}"
            )
        new_size = reach // one.stride + 1
        if ceil_mode and reach % one.stride and new_size * one.stride < size + one.before:
            new_size += 1  # a last window that starts inside
        relation = window(one.kernel, stride=one.stride, dilation=one.dilation, before=one.before)
        new_dim, more = related(dim, relation, new_size, fills=fills)
        dims.append(new_dim)
        notes += more
    return dims, notes


def slide_transposed(
    x: Tensor,
    geometry: list[Geometry],
    output_padding: Ints,
    output_shape: Ints | None,
    auto_pad: str,
) -> tuple[list[Dim], list[Note]]:
    """The spatial dimensions after a transposed convolution; missing contributions are zeros."""
    dims, notes = [], []
    rank = len(geometry)
    if len(output_padding) != rank or (output_shape and len(output_shape) != rank):
        raise Unsupported(Reason.OUTPUT_AXES, rank=rank)
    for axis, (dim, one) in enumerate(zip(x.dims[2:], geometry, strict=True)):
        size = dim_size(dim)
        full = one.stride * (size - 1) + output_padding[axis] + one.extent
        before = one.before
        new_size = full - one.before - one.after
        if output_shape or auto_pad in {"SAME_UPPER", "SAME_LOWER"}:
            new_size = output_shape[axis] if output_shape else size * one.stride
            total = max(full - new_size, 0)
            before = total // 2 if auto_pad == "SAME_UPPER" else total - total // 2
            new_size = new_size if output_shape else full - total
        if new_size < 1:
            raise SizeError(f"a transposed window of {one.extent} px leaves nothing of {size} px")
        relation = transposed_window(
            one.kernel, stride=one.stride, dilation=one.dilation, before=before
        )
        new_dim, more = related(dim, relation, new_size, fills="zeros")
        dims.append(new_dim)
        notes += more
    return dims, notes


def related(dim: Dim, relation: Relation, new_size: int, *, fills: str) -> tuple[Dim, list[Note]]:
    """A dimension of `new_size` elements that reads `dim` by `relation`."""
    track = single_track(dim)
    if track is None:
        return dim_of(new_size), []
    return dim_of(new_size, resample(track, dim_size(dim), relation, new_size, kind=fills)), []


def check_channels(x: Tensor, expected: int | None) -> list[Note]:
    """Notes for channels that follow the image, as in layouts other than N, C, space."""
    if expected is not None and dim_size(x.dims[1]) != expected:
        raise SizeError(f"expected {expected} channels, got {dim_size(x.dims[1])}")
    return [
        Note(Kind.POSITION, a.track.axis, Reason.AXIS_AS_CHANNELS) for a in x.dims[1] if a.track
    ]
