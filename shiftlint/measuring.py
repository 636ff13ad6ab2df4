"""What a contract claims, held against what a network does: shifts, tiles and windows on random images.

Nothing here knows how the network is run: a `Subject` is a contract and a function from an image to the outputs. Along one
axis, with period a, step b and border [p, q], for an image of n px and its output of m px:

    shift    L of n + a px:       out(L[a:])[e] = out(L[:n])[e + b]                     for p <= e < m - q - b
    tiles    L of n + a·k px:     out(L[a·j : a·j + n])[e] = out(L)[e + b·j]            for p <= e < m - q
    windows  X changed from px x on (or before x): every clean e with a window below x (or from x on) stays as it is, to the bit

A network that depends on the whole axis keeps its period where the sums over the image stay: it is shown a patch on an empty image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, inf, lcm, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftlint.contract import AxisContract, Contract, OutputContract

Array = NDArray[Any]
Window = tuple[int, int]

TOLERANCE = 1e-3  # standard deviations of the output: what rounding may amount to
LOOSE_TOLERANCE = 1e-2  # where the contract says that rounding depends on the place, and for half precision
LARGEST_IMAGE = 1 << 22  # px
MOST_POSITIONS = 24  # at which one side of the windows is probed
GLOBAL_MARGIN = 16  # px; windows in a branch that ends in one number for the whole image are not in its contract
STEPS = 3  # clean output steps that an image must have
SHIFT, TILES = "SL901", "SL902"
TOO_SMALL = "the network is too small, or its border too wide, to measure this"


class RunError(ValueError):
    """The network did not run on an image of a size that was called legal."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One claim, measured.

    Attributes
    ----------
    code : str
        The rule that a contradiction falls under.
    output, axis : str
    what : str
        The claim, as in "shift by 16 px".
    difference : float
        The largest, in standard deviations of the output.
    holds : bool or None
        None: nothing was claimed, the figure is for information.
    detail : str
    """

    code: str
    output: str
    axis: str
    what: str
    difference: float
    holds: bool | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """A network under measurement.

    Attributes
    ----------
    run : callable
        From an image to the outputs by name; RunError where it does not run.
    draw : callable
        From the sizes of the spatial axes to a random image of the input's type.
    axes : tuple of int
        The spatial dimensions of the input.
    small : tuple of int
        Legal sizes of these axes, as small as is sensible.
    reach : dict
        By (output, input axis): the window of an axis whose contract holds none because it is global.
    tolerance : float
    """

    contract: Contract
    run: Callable[[Array], dict[str, Array]]
    draw: Callable[[Sequence[int]], Array]
    axes: tuple[int, ...]
    small: tuple[int, ...]
    reach: dict[tuple[str, int], Window]
    tolerance: float = TOLERANCE

    def claims(self, axis: int) -> list[tuple[OutputContract, AxisContract]]:
        """The outputs that follow this input axis with a period."""
        return [(o, a) for o in self.contract.outputs for a in o.axes if a.input_axis == axis and a.period and a.sizes]

    def legal(self, axis: int, least: int) -> int | None:
        """The smallest size of at least `least` px that all outputs call legal; a static size whatever it is."""
        known = [a.sizes for _, a in self.claims(axis) if a.sizes]
        fixed = [s.max for s in known if s.max is not None and s.min == s.max]
        start = fixed[0] if fixed else max([least, *(s.min for s in known)])
        span = lcm(*(s.modulus for s in known))
        return next((n for n in range(start, start + span) if all(s.legal(n) for s in known)), None)

    def sizes(self, axis: int, size: int) -> tuple[int, ...]:
        """All spatial sizes, with `size` along `axis` and small ones along the others."""
        return tuple(size if a == axis else s for a, s in zip(self.axes, self.small, strict=True))


def measure(subject: Subject, *, divisors: bool = True) -> Iterator[Measurement]:
    """All claims of the contract, axis by axis; with `divisors`, shifts that it does not claim, too."""
    for axis in subject.axes:
        claims = subject.claims(axis)
        size = subject.legal(axis, max((enough(a) for _, a in claims), default=1))
        if not claims or size is None:
            continue
        if prod(subject.sizes(axis, size)) > LARGEST_IMAGE:
            yield Measurement(SHIFT, "", claims[0][1].name, "nothing", 0.0, None, f"an image of {size} px is too large to measure")
            continue
        try:
            yield from output_sizes(subject, axis, size)
            yield from shifts(subject, axis, size, divisors=divisors)
            yield from windows(subject, axis, size)
            yield from tiles(subject, axis)
        except RunError as error:
            yield Measurement(SHIFT, "", claims[0][1].name, "runs at legal sizes", inf, False, str(error))


def output_sizes(subject: Subject, axis: int, size: int) -> Iterator[Measurement]:
    """The sizes of the outputs at a legal size and at the smallest one."""
    smallest = subject.legal(axis, 1) or size
    for n in sorted({smallest, size}):
        outputs = subject.run(subject.draw(subject.sizes(axis, n)))
        for output, a in subject.claims(axis):
            got, claimed = outputs[output.name].shape[a.output_axis], a.output_size.of(n) if a.output_size else None
            detail = f"{n} px give {got} px, claimed {claimed}"
            yield Measurement(SHIFT, output.name, a.name, "output size", float(got != claimed), got == claimed, detail)


def enough(axis: AxisContract) -> int:
    """Input px that give `STEPS` clean steps of output, and room for windows that differ from phase to phase."""
    if axis.output_size is None or axis.step is None or axis.period is None:
        return 1
    reads = [r for r in axis.reads or () if r]
    spread = max((r[0] for r in reads), default=0) - min((r[0] for r in reads), default=0) if reads else 0
    steps = STEPS + ceil(spread / axis.period)
    return ceil((sum(axis.border) + steps * axis.step + axis.output_size.offset) / axis.output_size.scale)


def shifts(subject: Subject, axis: int, size: int, *, divisors: bool = True) -> Iterator[Measurement]:
    """Shift by the period, which must agree, and by its proper divisors, which need not."""
    claims = subject.claims(axis)
    for period in sorted({a.period for _, a in claims if a.period}):
        for shift in [d for d in range(1 if divisors else period, period + 1) if period % d == 0]:
            chosen = [(o, a) for o, a in claims if a.period == period and (shift * (a.step or 1)) % period == 0]
            if chosen:
                yield from _shift(subject, axis, size, shift, chosen)


def _shift(
    subject: Subject, axis: int, size: int, shift: int, claims: Sequence[tuple[OutputContract, AxisContract]]
) -> Iterator[Measurement]:
    is_global = any(a.is_global for _, a in claims)
    if is_global:
        pair = _moved_patch(subject, axis, size, shift, claims)
        if pair is None:
            yield from (Measurement(SHIFT, o.name, a.name, f"shift by {shift} px", 0.0, None, TOO_SMALL) for o, a in claims)
            return
        first, second = pair
    else:
        image = subject.draw(subject.sizes(axis, size + shift))
        first, second = _part(image, axis, 0, size), _part(image, axis, shift, shift + size)
    before, after = subject.run(first), subject.run(second)
    for output, a in claims:
        moved = shift * (a.step or 1) // (a.period or 1)
        one, two = before[output.name], after[output.name]
        length = one.shape[a.output_axis]
        low, high = a.border[0], length - a.border[1] - moved
        claimed = shift == a.period
        what = f"shift by {shift} px"
        if high <= low:
            yield Measurement(SHIFT, output.name, a.name, what, 0.0, None, TOO_SMALL)
            continue
        gap = difference(
            _part(one, a.output_axis, low + moved, high + moved),
            _part(two, a.output_axis, low, high),
            float(np.std(one, dtype=float)),
        )
        holds = gap <= tolerance(subject, a) if claimed else None
        yield Measurement(SHIFT, output.name, a.name, what, gap, holds, _verdict(gap, claimed, tolerance(subject, a)))


def _verdict(gap: float, claimed: bool, allowed: float) -> str:
    if claimed:
        return "bit-identical" if gap == 0 else "agrees" if gap <= allowed else "the period does not hold"
    return "agrees, too: the period is not minimal for these weights" if gap <= allowed else "differs, as expected"


def _moved_patch(
    subject: Subject, axis: int, size: int, shift: int, claims: Sequence[tuple[OutputContract, AxisContract]]
) -> tuple[Array, Array] | None:
    """Two empty images with the same patch, `shift` px earlier in the second; None where its effect cannot stay off the border."""
    reach = max(high - low for low, high in (subject.reach.get((o.name, axis), (0, 0)) for o, _ in claims))
    border = max(ceil(max(a.border) * (a.period or 1) / (a.step or 1)) for _, a in claims)
    near = far = border + reach + shift + GLOBAL_MARGIN
    patch = max(8, shift)
    wanted = subject.legal(axis, max(size, near + shift + patch + far))
    if wanted is None or wanted < near + shift + patch + far:
        return None
    content = subject.draw(subject.sizes(axis, patch))
    first = np.zeros_like(subject.draw(subject.sizes(axis, wanted)))
    second = first.copy()
    _part(first, axis, near + shift, near + shift + patch)[...] = content
    _part(second, axis, near, near + patch)[...] = content
    return first, second


def windows(subject: Subject, axis: int, size: int) -> Iterator[Measurement]:
    """Change the image outside the windows of every phase: nothing may change."""
    for output, a in subject.claims(axis):
        if a.reads is None:
            continue
        found = measured_windows(subject, output.name, a, size)
        if found is None:
            yield Measurement(SHIFT, output.name, a.name, "windows", 0.0, None, TOO_SMALL)
            continue
        wrong = [
            f"phase {phase} reads {got[0]} … {got[1]}, claimed {claim[0]} … {claim[1]}"
            if claim
            else f"phase {phase} reads px, claimed none"
            for phase, (claim, got) in enumerate(zip(a.reads, found, strict=True))
            if got and (claim is None or got[0] < claim[0] or got[1] > claim[1])
        ]
        detail = wrong[0] if wrong else "nothing outside of them is read"
        yield Measurement(SHIFT, output.name, a.name, "windows", inf if wrong else 0.0, not wrong, detail)


def measured_windows(
    subject: Subject, output: str, a: AxisContract, size: int, *, slack: int = 0, most: int = MOST_POSITIONS
) -> list[Window | None] | None:
    """What every phase was seen to read, relative to the period's origin; None where no output px is clean.

    The image is changed beyond (and before) every claimed window's end, and, to see how tight the claim is, from `slack` px
    inside of it on. What is seen is never wider than the truth.
    """
    assert a.period is not None
    assert a.step is not None
    assert a.reads is not None
    image = subject.draw(subject.sizes(a.input_axis, size))
    length = subject.run(image)[output].shape[a.output_axis]
    first, last = -(-a.border[0] // a.step), (length - a.border[1]) // a.step - 1  # whole clean steps
    if last < first:
        return None
    middle = a.period * ((first + last) // 2)
    inside = {0, slack}
    ends = sorted({r[1] + 1 - s for r in a.reads if r for s in inside})
    starts = sorted({r[0] + s for r in a.reads if r for s in inside})
    lowest: dict[int, int] = {}
    highest: dict[int, int] = {}
    for x in _some(ends, most):
        for phase, k in _changed(subject, output, a, image, slice(max(middle + x, 0), None)):
            seen = middle + x - a.period * k
            highest[phase] = max(seen, highest.get(phase, seen))
    for x in _some(starts, most):
        for phase, k in _changed(subject, output, a, image, slice(None, max(middle + x, 0))):
            seen = middle + x - 1 - a.period * k
            lowest[phase] = min(seen, lowest.get(phase, seen))
    return [(lowest[p], highest[p]) if p in lowest and p in highest else None for p in range(a.step)]


def _some(values: list[int], most: int) -> list[int]:
    """At most `most` of the values, evenly spread."""
    return values if len(values) <= most else [values[i * len(values) // most] for i in range(most)]


def _changed(subject: Subject, output: str, a: AxisContract, image: Array, part: slice) -> Iterable[tuple[int, int]]:
    """Phase and step number of the clean output px that change with this part of the image."""
    assert a.step is not None
    index = (slice(None),) * a.input_axis + (part,)
    if image[index].size == 0:
        return
    before = subject.run(image)[output]
    changed = np.zeros(before.shape[a.output_axis], bool)
    for strength in (1, 50):
        other = image.copy()
        fresh = subject.draw([image.shape[i] for i in subject.axes])[index]
        with np.errstate(over="ignore"):
            other[index] = fresh * strength if image.dtype.kind == "f" else fresh
        after = subject.run(other)[output]
        same = (before == after) | ((before != before) & (after != after))
        if not a.bitwise:  # rounded coordinates give px beyond the window a weight of 1e-7
            same |= np.abs(before.astype(float) - after) <= LOOSE_TOLERANCE * float(np.std(before, dtype=float))
        changed |= ~np.moveaxis(same, a.output_axis, 0).reshape(len(changed), -1).all(axis=1)
        if image.dtype.kind != "f":
            break
    for element in np.flatnonzero(changed):
        if a.border[0] <= element < len(changed) - a.border[1]:
            k, phase = divmod(int(element), a.step)
            yield phase, k


def tiles(subject: Subject, axis: int) -> Iterator[Measurement]:
    """Write tiles by the contract and compare with the whole; dynamic sizes only."""
    claims = [(o, a) for o, a in subject.claims(axis) if not a.is_global and a.sizes and a.sizes.max is None]
    for output, a in claims:
        pieces = stitch(subject, axis, output.name, a)
        if pieces is None:
            yield Measurement(TILES, output.name, a.name, "tiles", 0.0, None, "no tile that is small enough to measure")
            continue
        stitched, whole, count = pieces
        if any(p.kind == "wrap" for p in a.padding):  # a tile wraps around itself, at the image's border, too
            end = whole.shape[a.output_axis] - a.border[1]
            stitched, whole = (_part(x, a.output_axis, a.border[0], end) for x in (stitched, whole))
        gap = difference(stitched, whole, float(np.std(whole, dtype=float)))
        holds = gap <= tolerance(subject, a)
        detail = "bit-identical" if gap == 0 else "agrees" if holds else "tiled differs from whole"
        yield Measurement(TILES, output.name, a.name, f"{count} tiles against the whole", gap, holds, detail)


def stitch(subject: Subject, axis: int, output: str, a: AxisContract) -> tuple[Array, Array, int] | None:
    """(stitched from tiles, whole, number of tiles) along one axis; None where it would be too large."""
    assert a.period is not None
    assert a.step is not None
    assert a.output_size is not None
    tile = subject.legal(axis, enough(a))
    if tile is None:
        return None
    kept = (a.output_size.of(tile) - sum(a.border)) // a.step  # whole steps that one inner tile writes
    grid = lcm(*(c.period or 1 for _, c in subject.claims(axis))) // a.period
    hop = max(kept // grid, 0) * grid
    whole_size = tile + 2 * hop * a.period
    if hop < 1 or prod(subject.sizes(axis, whole_size)) > LARGEST_IMAGE:
        return None
    image = subject.draw(subject.sizes(axis, whole_size))
    whole = subject.run(image)[output]
    parts, written = [], 0
    for number in range(3):
        origin = number * hop
        out = subject.run(_part(image, axis, origin * a.period, origin * a.period + tile))[output]
        length = out.shape[a.output_axis]
        end = length if number == 2 else length - a.border[1]
        parts.append(_part(out, a.output_axis, written - origin * a.step, end))
        written = origin * a.step + end
    return np.concatenate(parts, a.output_axis), whole, len(parts)


def measured_border(subject: Subject, output: str, a: AxisContract, size: int) -> Window | None:
    """Output px at either end of a tile that differ from the whole, the tile lying inside of it; None for static sizes."""
    if a.period is None or a.step is None or a.sizes is None or a.sizes.max is not None:
        return None
    steps = lcm(*(c.period or 1 for _, c in subject.claims(a.input_axis))) // a.period
    hop = ceil((size + a.period) / (steps * a.period)) * steps
    image = subject.draw(subject.sizes(a.input_axis, size + 2 * hop * a.period))
    whole = subject.run(image)[output]
    tile = subject.run(_part(image, a.input_axis, hop * a.period, hop * a.period + size))[output]
    length = tile.shape[a.output_axis]
    same = _part(whole, a.output_axis, hop * a.step, hop * a.step + length)
    scale = float(np.std(whole, dtype=float)) or 1.0
    apart = np.abs(np.nan_to_num(tile.astype(float) - same)) > 1e-5 * scale
    rows = np.flatnonzero(np.moveaxis(apart, a.output_axis, 0).reshape(length, -1).any(axis=1))
    near, far = rows[rows < length // 2], rows[rows >= length // 2]
    return (int(near.max()) + 1 if len(near) else 0, length - int(far.min()) if len(far) else 0)


def difference(one: Array, two: Array, scale: float) -> float:
    """The largest difference, in units of `scale`; inf where the shapes differ or only one is a number."""
    if one.shape != two.shape:
        return inf
    with np.errstate(invalid="ignore"):
        gap = np.abs(one.astype(float) - two.astype(float))
    same = (one == two) | ((one != one) & (two != two))
    gap = np.where(same, 0.0, np.where(np.isnan(gap), inf, gap))
    largest = float(gap.max(initial=0.0))
    return largest / scale if scale > 0 and np.isfinite(scale) else largest


def tolerance(subject: Subject, a: AxisContract) -> float:
    """What rounding may amount to."""
    return subject.tolerance if a.bitwise else max(subject.tolerance, LOOSE_TOLERANCE)


def _part(array: Array, axis: int, start: int, end: int) -> Array:
    """The elements start … end - 1 along one axis."""
    return array[(slice(None),) * axis + (slice(start, end),)]
