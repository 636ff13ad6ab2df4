"""Operators that move elements without computing: Reshape, Transpose and their relatives.

A dimension is a product of atoms (see `shiftlint.calculus.tensor`). Reshape redistributes the atoms
(`shiftlint.ops.reshaping`) and Transpose moves them. Pixel shuffles, window partitions and
flattening therefore need no rules of their own.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from shiftlint.calculus.note import Reason, SizeError, Unsupported
from shiftlint.calculus.sliding_windows import Ints
from shiftlint.calculus.tensor import (
    Atom,
    Tensor,
    derived,
    dim_of,
    dim_size,
    is_uniform,
    plain,
    released,
    single_track,
)
from shiftlint.lazy_numpy import np
from shiftlint.onnx_file.constants import LARGEST_SIZE
from shiftlint.ops.broadcasting import broadcast, forgotten
from shiftlint.ops.cropping import checked_axis, integers
from shiftlint.ops.normalization import ordered
from shiftlint.ops.registry import numbered, transfer
from shiftlint.ops.reshaping import dealt, normalized, split_atom
from shiftlint.ops.shape_values import LARGEST_VALUE, evaluated, viewed


@transfer("Reshape", since=5)
@numbered("shape", elementwise=True)
def reshape(data: Tensor, shape: Tensor, *, allowzero: int = 0) -> Tensor:
    """Redistribute the elements to other sizes.

    Spec: https://onnx.ai/onnx/operators/onnx__Reshape.html
    """
    wish = integers(shape, "shape")
    if any(n > LARGEST_SIZE for n in wish):
        raise SizeError(f"a shape of {wish}")
    sizes = [
        data.shape[i] if n == 0 and not allowzero and i < data.rank else n
        for i, n in enumerate(wish)
    ]
    total = prod(data.shape)
    if sizes.count(-1) > 1 or min(sizes, default=0) < -1:
        raise Unsupported(Reason.SHAPE, shape=tuple(wish))
    if -1 in sizes:
        rest = prod(n for n in sizes if n != -1)
        if not rest or total % rest:
            raise SizeError(f"{total} elements do not fit into {wish}")
        sizes[sizes.index(-1)] = total // rest
    return dealt(data, sizes)


@transfer("Flatten", since=1)
@numbered(elementwise=True)
def flatten(x: Tensor, *, axis: int = 1) -> Tensor:
    """Merge the dimensions before `axis`, and those from `axis` on.

    Spec: https://onnx.ai/onnx/operators/onnx__Flatten.html
    """
    if not -x.rank <= axis <= x.rank:
        raise Unsupported(Reason.AXIS, axis=axis, rank=x.rank)
    axis = axis + x.rank if axis < 0 else axis
    return dealt(x, [prod(x.shape[:axis]), prod(x.shape[axis:])])


@transfer("Transpose", since=1)
@numbered(elementwise=True)
def transpose(data: Tensor, *, perm: Ints | None = None) -> Tensor:
    """Reorder the dimensions.

    Spec: https://onnx.ai/onnx/operators/onnx__Transpose.html
    """
    order = tuple(perm) if perm is not None else tuple(reversed(range(data.rank)))
    if sorted(order) != list(range(data.rank)):
        raise Unsupported(Reason.ORDER, order=order, rank=data.rank)
    known = viewed(lambda array: array.transpose(order), data)
    return known or replace(data, dims=tuple(data.dims[i] for i in order), elements=None)


@transfer("Squeeze", since=13)
@numbered(elementwise=True)
def squeeze(data: Tensor, axes: Tensor | None = None) -> Tensor:
    """Drop dimensions of size 1.

    Spec: https://onnx.ai/onnx/operators/onnx__Squeeze.html
    """
    return squeeze_1(data, axes=integers(axes, "axes") if axes is not None else None)


@transfer("Squeeze", since=1)
@numbered(elementwise=True)
def squeeze_1(data: Tensor, *, axes: Ints | None = None) -> Tensor:
    """Drop dimensions of size 1; the axes are an attribute.

    Spec: https://onnx.ai/onnx/operators/text_diff_Squeeze_1_13.html
    """
    gone = (
        {checked_axis(a, data.rank) for a in axes}
        if axes is not None
        else {i for i, n in enumerate(data.shape) if n == 1}
    )
    if any(data.shape[i] != 1 for i in gone):
        raise SizeError(f"axes {sorted(gone)} of {data.shape} are squeezed")
    notes = [note for i in gone for note in released(data.dims[i], Reason.DROPPED)]
    known = viewed(lambda array: array.squeeze(tuple(gone)), data)
    kept = tuple(d for i, d in enumerate(data.dims) if i not in gone)
    return known or replace(data, dims=kept, elements=None).with_notes(notes)


@transfer("Unsqueeze", since=13)
@numbered(elementwise=True)
def unsqueeze(data: Tensor, axes: Tensor) -> Tensor:
    """Insert dimensions of size 1.

    Spec: https://onnx.ai/onnx/operators/onnx__Unsqueeze.html
    """
    return unsqueeze_1(data, axes=integers(axes, "axes"))


@transfer("Unsqueeze", since=1)
@numbered(elementwise=True)
def unsqueeze_1(data: Tensor, *, axes: Ints) -> Tensor:
    """Insert dimensions of size 1; the axes are an attribute.

    Spec: https://onnx.ai/onnx/operators/text_diff_Unsqueeze_1_11.html
    """
    rank = data.rank + len(axes)
    new = {checked_axis(a, rank) for a in axes}
    if len(new) != len(axes):
        raise Unsupported(Reason.AXES_REPEATED, axes=tuple(axes))
    old = iter(data.dims)
    known = viewed(lambda array: np.expand_dims(array, tuple(new)), data)
    return known or replace(
        data, dims=tuple(() if i in new else next(old) for i in range(rank)), elements=None
    )


@transfer("Expand", since=8)
@numbered("shape", elementwise=True)
def expand(x: Tensor, shape: Tensor) -> Tensor:
    """Broadcast to a shape.

    Spec: https://onnx.ai/onnx/operators/onnx__Expand.html
    """
    sizes = integers(shape, "shape")
    known = viewed(
        lambda array: np.broadcast_to(array, np.broadcast_shapes(array.shape, tuple(sizes))), x
    )
    return known or broadcast(x, plain(*sizes, uniform=True))


@transfer("Tile", since=6)
@numbered("repeats")
def tile(x: Tensor, repeats: Tensor) -> Tensor:
    """Repeat along axes; a repeated image axis has no unique position.

    Spec: https://onnx.ai/onnx/operators/onnx__Tile.html
    """
    counts = integers(repeats, "repeats")
    if len(counts) != x.rank:
        raise Unsupported(Reason.COUNT_FOR_AXES, count=len(counts), operand="repeats", axes=x.rank)
    if prod(x.shape) * prod(counts) <= LARGEST_VALUE and min(counts, default=0) >= 0:
        known = evaluated(lambda array: np.tile(array, counts), x)
        if known is not None:
            return known
    result = forgotten(x)
    for index, count in enumerate(counts):
        if count == 1:
            continue
        dim = result.dims[index]
        notes = (
            released(dim, Reason.SPREAD)
            if dim_size(dim) == 1
            else ordered(result, [index], Reason.REPEATED)
        )
        uniform = dim_size(dim) == 1 or is_uniform(dim)
        result = result.with_dim(index, dim_of(dim_size(dim) * count, uniform=uniform)).with_notes(
            notes
        )
    return result


@transfer("DepthToSpace", since=1)
def depth_to_space(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    """Pixel shuffle: `blocksize` outputs per axis read one element; learned upsampling.

    Spec: https://onnx.ai/onnx/operators/onnx__DepthToSpace.html
    """
    _, c, *space = _image_shape(x)
    if blocksize < 1 or c % blocksize ** len(space):
        raise SizeError(f"{c} channels are not a multiple of {blocksize}**{len(space)}")
    dims = [normalized((*dim, Atom(blocksize))) for dim in x.dims[2:]]
    channels = dim_of(c // blocksize ** len(space))
    upsampling = frozenset({"learned"}) if blocksize > 1 else frozenset()
    return derived((x.dims[0], channels, *dims), x, upsampling=upsampling)


@transfer("SpaceToDepth", since=1)
def space_to_depth(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    """Pixel unshuffle: each output reads a block of `blocksize` per axis.

    Spec: https://onnx.ai/onnx/operators/onnx__SpaceToDepth.html
    """
    _, c, *space = _image_shape(x)
    dims = []
    for dim, size in zip(x.dims[2:], space, strict=True):
        if blocksize < 1 or size % blocksize:
            raise SizeError(f"{size} is not a multiple of the block size {blocksize}")
        outer, _ = split_atom(Atom(size, single_track(dim)), size // blocksize)
        dims.append((outer,))
    return derived((x.dims[0], dim_of(c * blocksize ** len(space)), *dims), x)


def _image_shape(x: Tensor) -> tuple[int, ...]:
    if x.rank < 3:
        raise Unsupported(Reason.RANK, rank=x.rank)
    if any(atom.track for atom in x.dims[1]):
        raise Unsupported(Reason.AXIS_AS_CHANNELS)
    return x.shape
