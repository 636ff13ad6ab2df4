"""Concatenation: channels join branches; on an image axis, all but the longest piece is border."""

from __future__ import annotations

from collections.abc import Hashable

from shiftlint.calculus.combine import combine_dims
from shiftlint.calculus.note import Kind, Note, Reason, SizeError, Unsupported
from shiftlint.calculus.relation import shift
from shiftlint.calculus.tensor import Atom, Dim, Tensor, derived, dim_of, dim_size, follows, plain
from shiftlint.calculus.track import Track
from shiftlint.lazy_numpy import np
from shiftlint.ops.broadcasting import with_values
from shiftlint.ops.cropping import checked_axis
from shiftlint.ops.registry import numbered, transfer
from shiftlint.ops.shape_values import evaluated


def _lengths(*inputs: Tensor, axis: int) -> Hashable:
    """The lengths of the pieces, except along image axes, where they are border."""
    axis = checked_axis(axis, inputs[0].rank)
    return tuple(
        [None if follows(t.dims[axis]) else dim_size(t.dims[axis]) for t in inputs if t.rank > axis]
    )


@transfer("Concat", since=4)
@numbered(elementwise=True, besides=_lengths)
def concat(*inputs: Tensor, axis: int) -> Tensor:
    """Join all other axes; the concatenated axis has the total length of its pieces.

    Spec: https://onnx.ai/onnx/operators/onnx__Concat.html
    """
    if not inputs:
        raise Unsupported(Reason.NOTHING_TO_CONCATENATE)
    rank = inputs[0].rank
    axis = checked_axis(axis, rank)
    if any(t.rank != rank for t in inputs):
        raise SizeError(f"tensors of rank {sorted({t.rank for t in inputs})} are concatenated")
    known = evaluated(lambda *arrays: np.concatenate(arrays, axis), *inputs)
    if known is not None:
        return known
    dims, notes = _pieces(inputs, axis)
    others = [t for t in inputs if t.elements is None] or [plain(*t.shape) for t in inputs]
    result = [dims if index == axis else () for index in range(rank)]
    for index in range(rank):
        sizes = {t.shape[index] for t in inputs}
        if index != axis:
            if len(sizes) > 1:
                raise SizeError(
                    f"tensors of {' and '.join(map(str, sorted(sizes)))} elements along axis "
                    f"{index} are concatenated"
                )
            result[index], more = _across(others, index)
            notes += more
    for t in inputs:
        if t.value is not None:
            beside = [
                dim_of(t.shape[axis]) if index == axis else dim for index, dim in enumerate(result)
            ]
            held, more = with_values(beside, t.value)
            result = [dims if index == axis else dim for index, dim in enumerate(held)]
            notes += more
    blocked = all(t.blocked for t in inputs)
    return derived(result, *inputs, notes=notes, blocked=blocked)


def _across(inputs: list[Tensor], index: int) -> tuple[Dim, list[Note]]:
    """A dimension that all inputs share."""
    dim = inputs[0].dims[index]
    notes: list[Note] = []
    for t in inputs[1:]:
        dim, more = combine_dims(dim, t.dims[index])
        notes += more
    return dim, notes


def _pieces(inputs: tuple[Tensor, ...], axis: int) -> tuple[Dim, list[Note]]:
    """The dimension along which the pieces are concatenated."""
    sizes = [t.shape[axis] for t in inputs]
    total = sum(sizes)
    if not any(atom.track for t in inputs for atom in t.dims[axis]):
        single = [t.dims[axis] for t in inputs if t.shape[axis]]
        return (single[0] if len(single) == 1 else dim_of(total)), []
    longest = max(range(len(inputs)), key=lambda i: (sizes[i], -i))
    main = inputs[longest].dims[axis]
    tracked = [atom.track for t in inputs for atom in t.dims[axis] if atom.track]
    if len(main) != 1 or main[0].track is None or len({track.axis for track in tracked}) > 1:
        reason = Reason.SIDE_BY_SIDE
        return dim_of(total), [Note(Kind.POSITION, track.axis, reason) for track in tracked]
    before, after = sum(sizes[:longest]), sum(sizes[longest + 1 :])
    return dim_of(
        total, _surrounded(main[0], main[0].track, before, after, wraps=len(tracked) > 1)
    ), []


def _surrounded(piece: Atom, track: Track, before: int, after: int, *, wraps: bool) -> Track:
    """The longest piece with `before` and `after` elements around it as border."""
    if not before and not after:
        return track
    border = (
        before + track.border[0] if before or track.border[0] else 0,
        after + track.border[1] if after or track.border[1] else 0,
    )
    padding = track.padding.also("wrap" if wraps else "concatenated")
    return Track(track.axis, shift(-before).then(track.relation), border, padding, track.rounding)
