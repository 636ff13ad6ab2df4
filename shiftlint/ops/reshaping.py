"""How Reshape redistributes the atoms of a tensor.

Splitting a tracked axis of r·n elements gives an outer axis that reads blocks of r, and a plain
inner axis. A tracked axis of n elements followed by a plain one of size r in the same dimension is
an axis of r·n elements, r of which read one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from shiftlint.calculus.note import Kind, Note, Reason, SizeError, Words
from shiftlint.calculus.relation import blocks, repeat
from shiftlint.calculus.tensor import Atom, Dim, Tensor, computed, dim_of
from shiftlint.calculus.track import resample
from shiftlint.lazy_numpy import np
from shiftlint.onnx_file.constants import once
from shiftlint.ops.shape_values import evaluated

LARGEST_REPEAT = 64  # of a pixel shuffle; longer ones are flattened maps


def dealt(data: Tensor, sizes: Sequence[int]) -> Tensor:
    """`data` with its elements in dimensions of the given sizes."""
    if prod(data.shape) != prod(sizes):
        raise SizeError(f"{prod(data.shape)} elements do not fit into {list(sizes)}")
    known = _repeated(data, sizes) or evaluated(lambda array: array.reshape(sizes), data)
    if known is not None:
        return known
    if data.blocked and (moved := _reblocked(data, tuple(sizes))) is not None:
        return moved
    atoms = [atom for dim in data.dims for atom in dim]
    dims = _deal(atoms, sizes)
    if dims is not None:
        shuffled = any(
            len(new) < len(old)
            for new, old in ((normalized(d), d) for d in dims)
            if any(a.track for a in old)
        )
        result = replace(data, dims=tuple(normalized(dim) for dim in dims), elements=None)
        return replace(result, upsampling=result.upsampling | {"learned"}) if shuffled else result
    notes = [
        Note(
            Kind.UNKNOWN,
            a.track.axis,
            Reason.CUT_ACROSS,
            facts=(("before", Words(list(data.shape))), ("after", Words(list(sizes)))),
        )
        for a in atoms
        if a.track
    ]
    return replace(data, dims=tuple(dim_of(n) for n in sizes), elements=None).with_notes(notes)


def _repeated(data: Tensor, sizes: Sequence[int]) -> Tensor | None:
    """A constant tensor of one repeated element in a new shape; None for any other tensor."""
    array = data.value
    if array is None or array.size < 2 or (single := once(array)).size != 1:
        return None
    return computed(np.broadcast_to(single.reshape(()), tuple(sizes)))


def _reblocked(data: Tensor, sizes: tuple[int, ...]) -> Tensor | None:
    """N, C, space with channel blocks as N, C/block, space, block or back; None if neither."""
    if any(atom.track for atom in data.dims[1]) or len(sizes) < 3:
        return None
    batch, _, *space = data.shape
    if len(sizes) == data.rank + 1 and sizes == (
        batch,
        data.shape[1] // max(sizes[-1], 1),
        *space,
        sizes[-1],
    ):
        return replace(
            data, dims=(data.dims[0], dim_of(sizes[1]), *data.dims[2:], dim_of(sizes[-1]))
        )
    if len(sizes) == data.rank - 1 and sizes == (
        batch,
        data.shape[1] * data.shape[-1],
        *space[:-1],
    ):
        return replace(data, dims=(data.dims[0], dim_of(sizes[1]), *data.dims[2:-1]))
    return None


def _deal(atoms: list[Atom], sizes: Sequence[int]) -> list[Dim] | None:
    """The atoms in order, split and merged into `sizes`; None if that cuts across them."""
    rest = list(reversed(_fused(atoms)))
    dims: list[Dim] = []
    for size in sizes:
        need, dim = size, []
        while need > 1:
            if not rest:
                return None
            atom = rest.pop()
            if (
                atom.size
                and need % atom.size
                and atom.size % need
                and not atom.track
                and rest
                and not rest[-1].track
            ):
                atom = Atom(atom.size * rest.pop().size)  # uniformity differs and is lost
            if atom.size and need % atom.size == 0:
                dim.append(atom)
                need //= atom.size
            elif atom.size and atom.size % need == 0:
                outer, inner = split_atom(atom, need)
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
    """Merge adjacent plain atoms."""
    result: list[Atom] = []
    for atom in atoms:
        if (
            result
            and not atom.track
            and not result[-1].track
            and result[-1].uniform == atom.uniform
        ):
            result[-1] = Atom(result[-1].size * atom.size, None, atom.uniform)
        else:
            result.append(atom)
    return result


def split_atom(atom: Atom, outer: int) -> tuple[Atom, Atom]:
    """Split an atom into `outer` blocks and the plain inside of a block."""
    inner = atom.size // outer
    if atom.track is None:
        return Atom(outer, None, atom.uniform), Atom(inner, None, atom.uniform)
    return Atom(outer, resample(atom.track, atom.size, blocks(inner), outer, kind="")), Atom(inner)


def normalized(dim: Dim) -> Dim:
    """Merge a tracked atom and a plain one of size r into one axis, and fuse plain atoms.

    A plain atom too long for an upsampling (channels of a flattened map) stays separate.
    """
    result: list[Atom] = []
    for atom in _fused(list(dim)):
        if atom.size == 1 and not atom.track:
            continue
        if result and result[-1].track and not atom.track and atom.size <= LARGEST_REPEAT:
            size = result[-1].size * atom.size
            result[-1] = Atom(
                size, resample(result[-1].track, result[-1].size, repeat(atom.size), size, kind="")
            )
        else:
            result.append(atom)
    return tuple(result)
