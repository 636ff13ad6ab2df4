"""Find the input sizes for which a contract holds.

Analysis runs at concrete sizes, so claims cover the sizes that were analyzed and their repetitions:
along one axis, all residues modulo the period at a large size, then downward to the smallest size
that behaves the same, then one and two periods further up, at a huge size, and on both sides of
every integer constant of a clamping operator (a baked crop, Min, Max). Sizes that behave alike form
a class; the contract describes one class, the aligned one. If a baked crop takes effect, that is
the class below it. Other sizes that run are reported as misaligned.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from shiftlint.analysis.probe import AxisBehavior, Probe
from shiftlint.analysis.size_dependence import operand
from shiftlint.calculus.note import SizeError
from shiftlint.calculus.tensor import Tensor
from shiftlint.contract.values import Sizes

# px; with many divisors: the grid of most networks is aligned at one of them
TYPICAL = (3840, 5040, 4096, 480, 240)
EXPORTED = (  # px; usual sizes of example inputs
    224,
    256,
    64,
    128,
    192,
    384,
    512,
    32,
    96,
    160,
    288,
    320,
    448,
    640,
    768,
    1024,
    28,
    1280,
    1536,
    2048,
)
SMALLER = (1920, 960, 480, 240, 120, 60)  # px; tried if behavior does not repeat at large sizes
HUGE = 1 << 17  # px; analyzed once, to see whether any claim has an upper end
SEARCHED = 160  # sizes above a typical one to try before a network has no legal size
# px by which an axis without a class is lengthened, to test the classes of the other axes
BESIDE = (1, 2, 3, 4, 5, 7, 8)
MANY = 128  # residues; longer periods are only sampled
CLAMPING = frozenset(
    {"Slice", "Min", "Max", "Clip", "Where", "Mod", "Pad", "CenterCropPad", "Resize", "Range"}
    | {"Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Equal"}
)
MULTIPLES = (1, 2, 3, 4, 8, 16, 32, 64)
SENTINEL = (1 << 31) - 1  # "to the end" in a Slice
MOST_CONSTANTS = 16

Behaves = Callable[[int], AxisBehavior | None]


@dataclass(frozen=True, slots=True)
class SizeClass:
    """Sizes of one axis that obey one contract, their common behavior, and an example."""

    behavior: AxisBehavior
    sizes: Sizes
    example: int


def typical_sizes(probe: Probe) -> tuple[int, ...]:
    """Sizes at which the network runs and, if possible, every output axis has a period.

    Raises
    ------
    SizeError
        None of the tried sizes is legal; the message is that of the first.
    """
    legal = None
    told = set()
    for count, sizes in enumerate(candidates(probe)):
        if probe.legal(sizes):
            legal = legal or sizes
            axes = probe.at(sizes).axes
            if all(axis.periodic for axis in axes.values()):
                return sizes
            told.add(frozenset(note for axis in axes.values() for note in axis.notes))
            if count >= len(TYPICAL) - 1 and len(told) == 1:
                return legal  # no period, independent of the size
    if legal is None:
        probe.at(next(candidates(probe)))  # raises with the reason
        raise SizeError("all tried sizes give an empty output")
    return legal


def candidates(probe: Probe) -> Iterator[tuple[int, ...]]:
    """Typical sizes; all neighbors of the first; sizes that differ by axis; usual export sizes."""
    static = probe.static
    if all(n is not None for n in static):
        yield tuple(n for n in static if n is not None)
        return

    def filled(sizes: Iterable[int]) -> tuple[int, ...]:
        return tuple(
            fixed if fixed is not None else n for fixed, n in zip(static, sizes, strict=True)
        )

    rank = len(static)
    yield from (filled((n,) * rank) for n in TYPICAL)
    yield from (filled((TYPICAL[0] + r,) * rank) for r in range(1, SEARCHED))
    if rank > 1:
        yield from (
            filled(TYPICAL[0] + r for r in residues)
            for residues in product(range(8), repeat=min(rank, 3))
        )
    yield from (filled((n,) * rank) for n in EXPORTED)


def size_classes(
    probe: Probe, base: tuple[int, ...], output: str
) -> tuple[list[SizeClass | None], tuple[int, ...] | None]:
    """The aligned class of sizes of each spatial axis of one output; None if it has no period.

    Axes that are alike at `base` are first analyzed together; sizes that work for only one of them
    are then not claimed. Else each axis is analyzed alone, with the others at `base`. A class must
    hold at any size of the other axes.

    Returns
    -------
    classes : list of SizeClass or None
    rectangle : tuple of int, optional
        Different sizes of alike axes at which the network is another function than at equal sizes,
        such as because of a pad to a square: then there are no classes.
    """
    if probe.alike(base):
        together = [
            _searched(probe, base, position, output, together=True) for position in range(len(base))
        ]
        if all(
            known is not None and known.sizes.modulus == known.behavior.relation.period
            for known in together
        ):
            differs = _rectangle_that_differs(probe, [known for known in together if known], output)
            return ([None] * len(base), differs) if differs else (together, None)
    alone = [
        _searched(probe, base, position, output, together=False) for position in range(len(base))
    ]
    while True:  # dropping a class may invalidate the classes of other axes
        kept = [
            known if known and _holds_beside(probe, base, alone, i, output) else None
            for i, known in enumerate(alone)
        ]
        if kept == alone:
            return kept, None
        alone = kept


def _searched(
    probe: Probe, base: tuple[int, ...], position: int, output: str, *, together: bool
) -> SizeClass | None:
    """The class of one axis around `base`, else around smaller sizes.

    All axes change `together`, or this axis alone.
    """
    axis = probe.axes[position]
    found = probe.at(base).axes.get((output, axis))
    if found is None or not found.periodic:
        return None
    modulus = found.relation.period
    if probe.static[position] is not None:
        size = base[position]
        return SizeClass(found, Sizes(size, size, modulus, (size % modulus,)), size)

    def behaves(size: int) -> AxisBehavior | None:
        sizes = (
            probe.diagonal(size, base)
            if together
            else (*base[:position], size, *base[position + 1 :])
        )
        return probe.at(sizes).axes.get((output, axis)) if size > 0 and probe.legal(sizes) else None

    known = _class_at(behaves, base[position], modulus, probe)
    for size in SMALLER:
        if known is not None or size >= base[position]:
            continue
        residue = base[position] % modulus
        known = _class_at(behaves, size - size % modulus + residue, modulus, probe)
    if (
        known is None
        and base[position] in EXPORTED
        and not any(behaves(base[position] + n) for n in (-modulus, -1, 1, modulus))
    ):
        size = base[position]  # an export that declares any size but runs only at this one
        return SizeClass(found, Sizes(size, size, modulus, (size % modulus,)), size)
    return known


def _rectangle_that_differs(
    probe: Probe, classes: Sequence[SizeClass], output: str
) -> tuple[int, ...] | None:
    """Sizes from the classes, one axis longer, at which the output has another program; or None."""
    examples = tuple(known.example for known in classes)
    here = _program(probe, examples, output)
    for position, known in enumerate(classes):
        sizes = (*examples[:position], _another(known), *examples[position + 1 :])
        if _program(probe, sizes, output) != here:
            return sizes
    return None


def _holds_beside(
    probe: Probe,
    base: tuple[int, ...],
    classes: Sequence[SizeClass | None],
    position: int,
    output: str,
) -> bool:
    """Whether the class of one axis, found with the others at `base`, holds at other sizes."""
    own = classes[position]
    assert own is not None
    for other, known in enumerate(classes):
        if other == position or probe.static[other] is not None:
            continue
        lengths = (
            [_another(known)]
            if known is not None
            else [2 * base[other], base[other] // 2, *(base[other] + n for n in BESIDE)]
        )
        for length in lengths:
            sizes = [list(base), list(base)]
            for one, size in zip(sizes, (own.example, _another(own)), strict=True):
                one[position], one[other] = size, length
            first, second = (_program(probe, tuple(one), output) for one in sizes)
            if first != second or (known is not None and first is None):
                return False
            found = (
                None
                if first is None
                else probe.at(tuple(sizes[0])).axes.get((output, probe.axes[position]))
            )
            if found is not None and not found.same_class(own.behavior):
                return False
    return True


def _program(probe: Probe, sizes: tuple[int, ...], output: str) -> Hashable:
    """The program of an output; None if the network does not run."""
    return operand(probe.at(sizes).outputs[output]) if probe.legal(sizes) else None


def larger_sizes(
    probe: Probe, base: tuple[int, ...], position: int, output: str
) -> Iterator[tuple[int, ...]]:
    """Sizes that run, one and two periods larger than `base` along one axis or all alike axes."""
    found = probe.at(base).axes.get((output, probe.axes[position]))
    modulus = 1 if found is None else found.relation.period
    for k in (1, 2):
        size = base[position] + k * modulus
        alone = (*base[:position], size, *base[position + 1 :])
        yield from (sizes for sizes in (alone, probe.diagonal(size, base)) if probe.legal(sizes))


def _another(known: SizeClass) -> int:
    """A size congruent to a class's example: about twice as long, else the largest, or smallest."""
    sizes, modulus = known.sizes, known.sizes.modulus
    most = 2 * known.example if sizes.max is None else min(sizes.max, 2 * known.example)
    longer = known.example + (most - known.example) // modulus * modulus
    return (
        longer
        if longer > known.example
        else known.example - (known.example - sizes.min) // modulus * modulus
    )


def _class_at(behaves: Behaves, base: int, modulus: int, probe: Probe) -> SizeClass | None:
    """The class of the sizes around `base`; None if behavior does not repeat there.

    Sizes repeat with the period or a multiple of it: a network may pad its input to such a
    multiple.
    """
    here = behaves(base)
    if here is None or not here.periodic:
        return None
    for factor in MULTIPLES:
        repeats = modulus * factor
        size = base if repeats > MANY else _aligned(behaves, base, repeats)
        chosen = None if size is None else behaves(size)
        if (
            size is not None
            and chosen is not None
            and all(_repeats(behaves, chosen, size + k * repeats) for k in (1, 2))
        ):
            return _class_of(behaves, size, chosen, repeats, probe)
    return None


def _class_of(
    behaves: Behaves, size: int, behavior: AxisBehavior, modulus: int, probe: Probe
) -> SizeClass | None:
    """The class of `size`, with sizes that repeat with `modulus`.

    All obey one contract; sizes that differ by multiples of the period, like a tile and its image,
    give the same local function.
    """
    start = size - size % modulus
    residues = range(modulus) if modulus <= MANY else sorted({0, 1, modulus - 1, size % modulus})
    seen = {r: b for r in residues if (b := behaves(start + r)) is not None}

    def fits(size: int) -> bool:
        return _repeats(behaves, seen[size % modulus], size)

    period = behavior.relation.period
    # the last of each is kept
    leaders = {r % period: seen[r] for r in sorted(seen, key=lambda r: r == size % modulus)}
    members = [
        r
        for r, b in seen.items()
        if b.same_class(behavior)
        and b.program == leaders[r % period].program
        and all(fits(start + r + k * modulus) for k in (1, 2))
    ]
    points = _breakpoints(probe, modulus)
    lowest = {r: _last(fits, start + r, modulus, -1, points) or r or modulus for r in members}
    highest = [h for r in members if (h := _last(fits, start + r, modulus, 1, points)) is not None]
    first = max(lowest.values()) - modulus + 1
    minimum = next(
        n
        for n in range(max(first, 1), first + 2 * modulus + 1)
        if n % modulus in lowest and n >= lowest[n % modulus]
    )
    others = tuple(sorted(set(seen) - set(members)))
    return SizeClass(
        behavior,
        Sizes(minimum, min(highest, default=None), modulus, tuple(sorted(members)), others),
        size,
    )


def _repeats(behaves: Behaves, chosen: AxisBehavior, size: int) -> bool:
    found = behaves(size)
    return found is not None and found.repeats(chosen)


def _aligned(behaves: Behaves, base: int, modulus: int) -> int | None:
    """Size to describe: of the smallest period; preferably a multiple of `modulus` or `base`."""
    start = base - base % modulus
    periods = {
        n: b.relation.period
        for n in range(start, start + modulus)
        if (b := behaves(n)) is not None and b.periodic
    }
    best = [
        n for n in (start, base, *periods) if n in periods and periods[n] == min(periods.values())
    ]
    return best[0] if best else None


def _last(
    fits: Callable[[int], bool], size: int, modulus: int, direction: int, points: list[int]
) -> int | None:
    """The last size from `size` on, in steps of `modulus`, that fits; None if there is no end.

    Tests the breakpoints on the way and the far end; if one does not fit, bisection finds the last
    that does.
    """
    end = 0 if direction < 0 else HUGE
    near = {round((p - size) / modulus) for p in points}
    counts = {abs(k + d) for k in near for d in (-1, 0, 1) if (k + d) * direction > 0}
    far = (size - 1) // modulus + 1 if direction < 0 else max((end - size) // modulus, 3)
    known = 0
    for count in sorted({c for c in counts if direction > 0 or c < far} | {far}):
        if direction > 0 and fits(size + count * modulus):
            known = count
            continue
        if direction < 0 and count < far and fits(size - count * modulus):
            known = count
            continue
        while count - known > 1:
            middle = (known + count) // 2
            known, count = (
                (middle, count) if fits(size + direction * middle * modulus) else (known, middle)
            )
        return size + direction * known * modulus
    return None


def _breakpoints(probe: Probe, modulus: int) -> list[int]:
    """Input sizes at which a constant may start or stop to take effect, at any resolution."""
    factors = [f for f in range(1, min(modulus, 64) + 1) if modulus % f == 0]
    found: set[int] = set()
    for call in probe.calls:
        if call.node.op in CLAMPING:
            given = [_numbers(probe.constants.get(name)) for name in call.node.inputs]
            given += [
                list(value) for value in call.node.attributes.values() if isinstance(value, tuple)
            ]
            bounded = call.node.op == "Slice" and len(call.node.inputs) > 2
            if not (bounded and _crops_ends(*given[1:3], *given[4:5])):
                found.update(size for numbers in given for size in _sizes(numbers))
    return sorted({c * f for c in sorted(found)[:MOST_CONSTANTS] for f in factors})


def _crops_ends(
    starts: Sequence[Any] = (), ends: Sequence[Any] = (), steps: Sequence[Any] = (1,)
) -> bool:
    """Whether a Slice drops a fixed number of elements at each end; a short axis becomes empty."""
    inner = [
        start >= 0 and (end < 0 or end >= SENTINEL)
        for start, end in zip(starts, ends, strict=False)
    ]
    return (
        bool(inner)
        and all(inner)
        and len(starts) == len(ends)
        and len(steps) > 0
        and min(steps) > 0
    )


def _numbers(tensor: Tensor | None) -> list[Any]:
    """The elements of a small constant; [] for any other tensor."""
    elements = None if tensor is None else tensor.elements
    return elements.numbers() if elements is not None and elements.size <= MOST_CONSTANTS else []


def _sizes(numbers: Sequence[Any]) -> Iterator[int]:
    """The integers that may be a size."""
    few = numbers if len(numbers) <= MOST_CONSTANTS else ()
    return (abs(number) for number in few if type(number) is int and 8 < abs(number) < SENTINEL)
