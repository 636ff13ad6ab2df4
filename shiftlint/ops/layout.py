"""Operators that move elements without computing: Reshape, Transpose and their relatives.

A dimension is a product of atoms (see `shiftlint.axes`). Reshape deals the atoms out anew: a tracked axis of r·n elements that is
split becomes an outer axis reading blocks of r and a plain inner one; a tracked axis followed by a plain one of size r in the same
dimension is an axis of r·n elements, r of which read one. So pixel shuffles, window partitions and flattening need no rule of
their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from shiftlint.axes import (
    LARGEST_SIZE,
    Atom,
    Dim,
    Kind,
    Note,
    SizeError,
    Tensor,
    Unsupported,
    dim_of,
    dim_size,
    is_uniform,
    plain,
    released,
    resample,
    single_track,
)
from shiftlint.late import np
from shiftlint.ops.broadcasting import SPREAD, broadcast, forgotten
from shiftlint.ops.cropping import checked_axis, integers
from shiftlint.ops.normalization import ordered
from shiftlint.ops.shape_values import LARGEST_VALUE, evaluated
from shiftlint.relation import blocks, repeat
from shiftlint.transfer import transfer
from shiftlint.windows import Ints

LARGEST_REPEAT = 64  # an upsampling by a pixel shuffle; what is longer is a flattened map


@transfer("Reshape", since=5)
def reshape(data: Tensor, shape: Tensor, *, allowzero: int = 0) -> Tensor:
    """Deal the elements out to other sizes.

    Spec: https://onnx.ai/onnx/operators/onnx__Reshape.html
    """
    wish = integers(shape, "a shape")
    if any(n > LARGEST_SIZE for n in wish):
        raise SizeError(f"a shape of {wish}")
    sizes = [data.shape[i] if n == 0 and not allowzero and i < data.rank else n for i, n in enumerate(wish)]
    total = prod(data.shape)
    if sizes.count(-1) > 1 or min(sizes, default=0) < -1:
        raise Unsupported(f"a shape of {wish}")
    if -1 in sizes:
        rest = prod(n for n in sizes if n != -1)
        if not rest or total % rest:
            raise SizeError(f"{total} elements do not fit into {wish}")
        sizes[sizes.index(-1)] = total // rest
    return dealt(data, sizes)


@transfer("Flatten", since=1)
def flatten(x: Tensor, *, axis: int = 1) -> Tensor:
    """Merge the dimensions before and from `axis`.

    Spec: https://onnx.ai/onnx/operators/onnx__Flatten.html
    """
    if not -x.rank <= axis <= x.rank:
        raise Unsupported(f"axis {axis} of a tensor of rank {x.rank}")
    axis = axis + x.rank if axis < 0 else axis
    return dealt(x, [prod(x.shape[:axis]), prod(x.shape[axis:])])


@transfer("Transpose", since=1)
def transpose(data: Tensor, *, perm: Ints | None = None) -> Tensor:
    """Reorder the dimensions.

    Spec: https://onnx.ai/onnx/operators/onnx__Transpose.html
    """
    order = tuple(perm) if perm is not None else tuple(reversed(range(data.rank)))
    if sorted(order) != list(range(data.rank)):
        raise Unsupported(f"perm {order} of a tensor of rank {data.rank}")
    known = evaluated(lambda array: array.transpose(order), data)
    return known or replace(data, dims=tuple(data.dims[i] for i in order), elements=None)


@transfer("Squeeze", since=13)
def squeeze(data: Tensor, axes: Tensor | None = None) -> Tensor:
    """Drop dimensions of size 1.

    Spec: https://onnx.ai/onnx/operators/onnx__Squeeze.html
    """
    return squeeze_1(data, axes=integers(axes, "axes") if axes is not None else None)


@transfer("Squeeze", since=1)
def squeeze_1(data: Tensor, *, axes: Ints | None = None) -> Tensor:
    """Drop dimensions of size 1; the axes are an attribute.

    Spec: https://onnx.ai/onnx/operators/text_diff_Squeeze_1_13.html
    """
    gone = {checked_axis(a, data.rank) for a in axes} if axes is not None else {i for i, n in enumerate(data.shape) if n == 1}
    if any(data.shape[i] != 1 for i in gone):
        raise SizeError(f"axes {sorted(gone)} of {data.shape} are squeezed")
    notes = [note for i in gone for note in released(data.dims[i], "an axis of one element is dropped")]
    known = evaluated(lambda array: array.squeeze(tuple(gone)), data)
    kept = tuple(d for i, d in enumerate(data.dims) if i not in gone)
    return known or replace(data, dims=kept, elements=None).with_notes(notes)


@transfer("Unsqueeze", since=13)
def unsqueeze(data: Tensor, axes: Tensor) -> Tensor:
    """Insert dimensions of size 1.

    Spec: https://onnx.ai/onnx/operators/onnx__Unsqueeze.html
    """
    return unsqueeze_1(data, axes=integers(axes, "axes"))


@transfer("Unsqueeze", since=1)
def unsqueeze_1(data: Tensor, *, axes: Ints) -> Tensor:
    """Insert dimensions of size 1; the axes are an attribute.

    Spec: https://onnx.ai/onnx/operators/text_diff_Unsqueeze_1_11.html
    """
    rank = data.rank + len(axes)
    new = {checked_axis(a, rank) for a in axes}
    if len(new) != len(axes):
        raise Unsupported(f"axes {tuple(axes)} that are not distinct")
    old = iter(data.dims)
    known = evaluated(lambda array: np.expand_dims(array, tuple(new)), data)
    return known or replace(data, dims=tuple(() if i in new else next(old) for i in range(rank)), elements=None)


@transfer("Expand", since=8)
def expand(x: Tensor, shape: Tensor) -> Tensor:
    """Broadcast to a shape.

    Spec: https://onnx.ai/onnx/operators/onnx__Expand.html
    """
    sizes = integers(shape, "a shape")
    if prod(sizes) <= LARGEST_VALUE:
        known = evaluated(lambda array: np.broadcast_to(array, np.broadcast_shapes(array.shape, tuple(sizes))), x)
        if known is not None:
            return known
    return broadcast(x, plain(*sizes, uniform=True))


@transfer("Tile", since=6)
def tile(x: Tensor, repeats: Tensor) -> Tensor:
    """Repeat along axes; a repeated axis of the image has no single place.

    Spec: https://onnx.ai/onnx/operators/onnx__Tile.html
    """
    counts = integers(repeats, "repeats")
    if len(counts) != x.rank:
        raise Unsupported(f"{len(counts)} repeats of a tensor of rank {x.rank}")
    if prod(x.shape) * prod(counts) <= LARGEST_VALUE and min(counts, default=0) >= 0:
        known = evaluated(lambda array: np.tile(array, counts), x)
        if known is not None:
            return known
    result = forgotten(x)
    for index, count in enumerate(counts):
        if count == 1:
            continue
        dim = result.dims[index]
        if dim_size(dim) == 1:
            notes = released(dim, SPREAD)
        else:
            notes = ordered(result, [index], "an axis of the image is repeated as a whole")
        uniform = dim_size(dim) == 1 or is_uniform(dim)
        result = result.with_dim(index, dim_of(dim_size(dim) * count, uniform=uniform)).with_notes(notes)
    return result


@transfer("DepthToSpace", since=1)
def depth_to_space(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    """Pixel shuffle: `blocksize` outputs per axis read one element; learned upsampling.

    Spec: https://onnx.ai/onnx/operators/onnx__DepthToSpace.html
    """
    _, c, *space = _image_shape(x)
    if blocksize < 1 or c % blocksize ** len(space):
        raise SizeError(f"{c} channels are no multiple of {blocksize} to the power {len(space)}")
    dims = [normalized((*dim, Atom(blocksize))) for dim in x.dims[2:]]
    channels = dim_of(c // blocksize ** len(space))
    upsampling = frozenset({"learned"}) if blocksize > 1 else frozenset()
    return Tensor((x.dims[0], channels, *dims), from_image=x.from_image, upsampling=upsampling)


@transfer("SpaceToDepth", since=1)
def space_to_depth(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    """Pixel unshuffle: each output reads a block of `blocksize` per axis.

    Spec: https://onnx.ai/onnx/operators/onnx__SpaceToDepth.html
    """
    _, c, *space = _image_shape(x)
    dims = []
    for dim, size in zip(x.dims[2:], space, strict=True):
        if blocksize < 1 or size % blocksize:
            raise SizeError(f"{size} is no multiple of the block size {blocksize}")
        outer, _ = _split_atom(Atom(size, single_track(dim)), size // blocksize)
        dims.append((outer,))
    return Tensor((x.dims[0], dim_of(c * blocksize ** len(space)), *dims), from_image=x.from_image)


def _image_shape(x: Tensor) -> tuple[int, ...]:
    if x.rank < 3:
        raise Unsupported(f"an input of rank {x.rank}")
    if any(atom.track for atom in x.dims[1]):
        raise Unsupported("an axis of the image is taken for channels")
    return x.shape


def dealt(data: Tensor, sizes: Sequence[int]) -> Tensor:
    """`data` with other dimensions of the same elements."""
    if prod(data.shape) != prod(sizes):
        raise SizeError(f"{prod(data.shape)} elements do not fit into {list(sizes)}")
    known = evaluated(lambda array: array.reshape(sizes), data)
    if known is not None:
        return known
    if data.blocked and (moved := _reblocked(data, tuple(sizes))) is not None:
        return moved
    atoms = [atom for dim in data.dims for atom in dim]
    dims = _deal(atoms, sizes)
    if dims is not None:
        shuffled = any(len(new) < len(old) for new, old in ((normalized(d), d) for d in dims) if any(a.track for a in old))
        result = replace(data, dims=tuple(normalized(dim) for dim in dims), elements=None)
        return replace(result, upsampling=result.upsampling | {"learned"}) if shuffled else result
    notes = [
        Note(Kind.UNKNOWN, a.track.axis, f"reshaped from {data.shape} to {tuple(sizes)}: axes are cut across")
        for a in atoms
        if a.track
    ]
    return replace(data, dims=tuple(dim_of(n) for n in sizes), elements=None).with_notes(notes)


def _reblocked(data: Tensor, sizes: tuple[int, ...]) -> Tensor | None:
    """N, C, space with blocks of channels as N, C/block, space, block, or back; None if it is neither."""
    if any(atom.track for atom in data.dims[1]) or len(sizes) < 3:
        return None
    batch, _, *space = data.shape
    if len(sizes) == data.rank + 1 and sizes == (batch, data.shape[1] // max(sizes[-1], 1), *space, sizes[-1]):
        return replace(data, dims=(data.dims[0], dim_of(sizes[1]), *data.dims[2:], dim_of(sizes[-1])))
    if len(sizes) == data.rank - 1 and sizes == (batch, data.shape[1] * data.shape[-1], *space[:-1]):
        return replace(data, dims=(data.dims[0], dim_of(sizes[1]), *data.dims[2:-1]))
    return None


def _deal(atoms: list[Atom], sizes: Sequence[int]) -> list[Dim] | None:
    """The atoms in order, split and gathered into dimensions of `sizes`; None where that cuts across them."""
    rest = list(reversed(_fused(atoms)))
    dims: list[Dim] = []
    for size in sizes:
        need, dim = size, []
        while need > 1:
            if not rest:
                return None
            atom = rest.pop()
            if atom.size and need % atom.size and atom.size % need and not atom.track and rest and not rest[-1].track:
                atom = Atom(atom.size * rest.pop().size)  # of different uniformity, which is given up
            if atom.size and need % atom.size == 0:
                dim.append(atom)
                need //= atom.size
            elif atom.size and atom.size % need == 0:
                outer, inner = _split_atom(atom, need)
                dim.append(outer)
                rest.append(inner)
                need = 1
            else:
                return None
        while rest and rest[-1].size == 1:
            dim.append(rest.pop())
        dims.append(tuple(dim))
    return None if rest else dims


def _fused(atoms: list[Atom]) -> list[Atom]:
    """Adjacent plain atoms as one."""
    result: list[Atom] = []
    for atom in atoms:
        if result and not atom.track and not result[-1].track and result[-1].uniform == atom.uniform:
            result[-1] = Atom(result[-1].size * atom.size, None, atom.uniform)
        else:
            result.append(atom)
    return result


def _split_atom(atom: Atom, outer: int) -> tuple[Atom, Atom]:
    """An atom as `outer` blocks, and the plain inside of a block."""
    inner = atom.size // outer
    if atom.track is None:
        return Atom(outer, None, atom.uniform), Atom(inner, None, atom.uniform)
    return Atom(outer, resample(atom.track, atom.size, blocks(inner), outer, kind="")), Atom(inner)


def normalized(dim: Dim) -> Dim:
    """A tracked atom followed by a plain one of size r as one axis, r elements of which read one; plain atoms fused.

    A plain atom too long for an upsampling (channels, when a map is flattened) stays by itself.
    """
    result: list[Atom] = []
    for atom in _fused(list(dim)):
        if atom.size == 1 and not atom.track:
            continue
        if result and result[-1].track and not atom.track and atom.size <= LARGEST_REPEAT:
            size = result[-1].size * atom.size
            result[-1] = Atom(size, resample(result[-1].track, result[-1].size, repeat(atom.size), size, kind=""))
        else:
            result.append(atom)
    return tuple(result)
