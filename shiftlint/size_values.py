"""Values that are computed from the input's size, and whether they enter the elements of a tensor.

Exports compute with sizes all the time. Mostly the result says where elements go (a crop, a shape, a scale), and relations tell
what that does. But a value that elements are multiplied by, compared with or chosen by makes the network another function at
another size. It becomes a note that holds the value: sizes at which all notes are the same obey one contract, others do not.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from zlib import crc32

from shiftlint.axes import Kind, Note, Tensor, plain
from shiftlint.elements import Elements

REDUCTIONS = ("Mean", "Sum", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare")
STEERING: dict[str, Container[int]] = {  # inputs that say where elements go, or how many there are
    **dict.fromkeys(("Reshape", "Expand", "Tile", "Split", "Squeeze", "Unsqueeze", "CenterCropPad", "Upsample"), (1,)),
    **dict.fromkeys((f"Reduce{name}" for name in REDUCTIONS), (1,)),
    "ConstantOfShape": (0,),
    "Loop": range(2, 64),  # the state, which the body deals with
    "Pad": (1, 3),
    "Resize": (1, 2, 3),
    "Slice": (1, 2, 3, 4),
}


def with_size_values(result: Tensor, op: str, inputs: Sequence[Tensor | None]) -> Tensor:
    """The result of a node, with what it owes to the input's size.

    Of a tensor that does not depend on the image the axes are kept whose sizes it is computed from; elements that are not known any
    more, or depend on the image, get a note for every value that entered them.
    """
    owing = [(x, _steers(op, index, inputs)) for index, x in enumerate(inputs) if x is not None and (x.sized or x.shaped)]
    if not owing:
        return result
    entering = [x for x, steers in owing if not steers]
    if not result.from_image:
        own = [x.shaped for x in entering] if op in ("Shape", "Size") else []
        axes = _chosen(op, inputs) or (frozenset[int]().union(*map(_axes, entering), *result.sized, *own),)
        shaped = result.shaped.union(*[x.shaped for x, _ in owing], *[_axes(x) for x, steers in owing if steers])
        result = replace(result, sized=axes if any(axes) else (), shaped=shaped)
    if result.elements is not None:
        return result
    return result.with_notes(_notes(entering))


def without_elements(x: Tensor) -> Tensor:
    """The tensor with its elements dropped, which do not depend on the image."""
    return replace(plain(*x.shape), sized=x.sized, notes=frozenset(_notes([x])))


def _axes(x: Tensor) -> frozenset[int]:
    return frozenset[int]().union(*x.sized)


def _chosen(op: str, inputs: Sequence[Tensor | None]) -> tuple[frozenset[int], ...]:
    """The axes of the elements that a Gather or Slice picks out of a list; none where that is not known."""
    x, *how = inputs
    given = [list(e.numbers()) for h in how[:2] if h is not None and (e := h.elements) is not None and e.kind in ("i", "u")]
    if x is None or x.rank != 1 or len(x.sized) != x.shape[0]:
        return ()
    if op == "Gather" and len(given) == 1:
        return tuple(x.sized[index] for index in given[0])
    if op == "Slice" and len(given) == 2 and len(given[0]) == 1 and all(h is None for h in how[3:]):
        return x.sized[given[0][0] : given[1][0]]
    return ()


def _steers(op: str, index: int, inputs: Sequence[Tensor | None]) -> bool:
    if op == "Gather":  # of channels or of a table: that is a choice
        return inputs[0] is not None and bool(inputs[0].tracks())
    return index in STEERING.get(op, ())


def _notes(tensors: Iterable[Tensor]) -> list[Note]:
    return [
        Note(Kind.SIZE, axis, f"a value that follows from the input's size enters: {_digest(x.elements)}")
        for x in tensors
        if x.elements is not None
        for axis in sorted(_axes(x))
    ]


def _digest(elements: Elements) -> str:
    """The same for the same values, however often they are repeated along an axis: how often is a matter of place."""
    if elements.size == 1:
        return f"{elements.numbers()[0]:g}"
    array = elements.array()
    for axis in range(array.ndim):
        first = array.take(range(min(1, array.shape[axis])), axis)
        if (array == first).all():
            array = first
    return f"{array.item():g}" if array.size == 1 else f"{crc32(array.tobytes()):08x}"
