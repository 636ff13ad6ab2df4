"""Which input sizes a contract holds for.

Analysis runs at concrete sizes, so a claim is made for those sizes that were looked at and for what repeats: along one axis, all
residues modulo the period at a large size, then downward to the smallest size that behaves the same, then one and two periods
further up. Sizes that behave alike form a class; the contract describes one of them, the aligned one. The others that run are
reported as misaligned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from shiftlint.axes import SizeError
from shiftlint.contract import Sizes
from shiftlint.probe import AxisBehavior, Probe

TYPICAL = (3840, 5040, 4096)  # px; rich in divisors, so that the grid of most networks is aligned at one of them
SEARCHED = 160  # sizes after a typical one that are tried before a network is called illegal everywhere
MANY = 128  # residues; of longer periods only a sample is looked at


@dataclass(frozen=True, slots=True)
class SizeClass:
    """Sizes of one axis that obey one contract, and the behavior that they share."""

    behavior: AxisBehavior
    sizes: Sizes


def typical_sizes(probe: Probe) -> tuple[int, ...]:
    """Sizes at which the network runs, if possible such that every output axis has a period.

    Raises
    ------
    SizeError
        No size that was tried is legal; the message is that of the first.
    """
    legal = None
    for sizes in _candidates(probe):
        if probe.legal(sizes):
            legal = legal or sizes
            if all(axis.periodic for axis in probe.at(sizes).axes.values()):
                return sizes
    if legal is None:
        probe.at(next(_candidates(probe)))  # raises with the reason
        raise SizeError("every size that was tried gives an empty output")
    return legal


def _candidates(probe: Probe) -> Iterator[tuple[int, ...]]:
    """Typical sizes; around the first of them all neighbors; then combinations that differ between axes."""
    static = [n if isinstance(n := probe.image.shape[axis], int) else None for axis in probe.axes]
    if all(n is not None for n in static):
        yield tuple(n for n in static if n is not None)
        return

    def filled(sizes: Iterable[int]) -> tuple[int, ...]:
        return tuple(fixed if fixed is not None else n for fixed, n in zip(static, sizes, strict=True))

    rank = len(static)
    yield from (filled((n,) * rank) for n in TYPICAL)
    yield from (filled((TYPICAL[0] + r,) * rank) for r in range(1, SEARCHED))
    if rank > 1:
        yield from (filled(TYPICAL[0] + r for r in residues) for residues in product(range(16), repeat=rank))


def size_class(probe: Probe, base: tuple[int, ...], position: int, output: str) -> SizeClass | None:
    """The aligned class of sizes of one axis of one output, the other axes staying at `base`.

    `position` counts the spatial axes. None where the axis has no period at `base`.
    """
    axis = probe.axes[position]
    found = probe.at(base).axes.get((output, axis))
    if found is None or not found.periodic:
        return None
    modulus = found.relation.period
    if isinstance(probe.image.shape[axis], int):
        size = base[position]
        return SizeClass(found, Sizes(size, size, modulus, (size % modulus,)))

    def behavior(size: int) -> AxisBehavior | None:
        sizes = (*base[:position], size, *base[position + 1 :])
        return probe.at(sizes).axes.get((output, axis)) if probe.legal(sizes) else None

    residues = range(modulus) if modulus <= MANY else sorted({0, 1, modulus - 1, base[position] % modulus})
    start = base[position] - base[position] % modulus
    seen = {r: b for r in residues if (b := behavior(start + r)) is not None}
    chosen = _aligned(seen, base[position] % modulus)
    members = [r for r, b in seen.items() if b.same_class(chosen)]
    lowest = {r: _smallest(behavior, chosen, start + r, modulus) for r in members}
    repeats = all((b := behavior(start + r + k * modulus)) is not None and b.same_class(chosen) for r in members for k in (1, 2))
    if not repeats:
        return None
    minimum = max(lowest.values()) - modulus + 1
    minimum = next(
        n for n in range(max(minimum, 1), minimum + 2 * modulus + 1) if n % modulus in lowest and n >= lowest[n % modulus]
    )
    others = tuple(sorted(set(seen) - set(members)))
    return SizeClass(chosen, Sizes(minimum, None, modulus, tuple(sorted(members)), others))


def _aligned(seen: dict[int, AxisBehavior], default: int) -> AxisBehavior:
    """The behavior to describe: that of the smallest period, multiples of it first."""
    periodic = {r: b for r, b in seen.items() if b.periodic}
    smallest = min(b.relation.period for b in periodic.values())
    best = [r for r, b in periodic.items() if b.relation.period == smallest]
    return seen[0 if 0 in best else default if default in best else best[0]]


def _smallest(behavior: Callable[[int], AxisBehavior | None], chosen: AxisBehavior, size: int, modulus: int) -> int:
    """The smallest size below `size`, in steps of `modulus`, from which on all behave as `chosen` (by bisection)."""

    def fits(count: int) -> bool:
        found = behavior(size - count * modulus)
        return found is not None and found.same_class(chosen)

    known, too_far = 0, (size - 1) // modulus + 1
    while too_far - known > 1:
        middle = (known + too_far) // 2
        if fits(middle):
            known = middle
        else:
            too_far = middle
    return size - known * modulus
