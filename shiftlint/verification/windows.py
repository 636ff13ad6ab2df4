"""Measure windows: changing the image outside the claimed windows must not change the output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import inf

import numpy as np

from shiftlint.contract.measurement import Claim, Measurement
from shiftlint.contract.values import AxisContract, Window
from shiftlint.verification.subject import (
    LOOSE_TOLERANCE,
    MOST_POSITIONS,
    SHIFT,
    TOO_SMALL,
    Array,
    Subject,
)


def windows(subject: Subject, axis: int, size: int) -> Iterator[Measurement]:
    """Change the image outside the windows of every phase; the output must not change."""
    for output, a in subject.claims(axis):
        if a.reads is None:
            continue
        found = measured_windows(subject, output.name, a, size)
        if found is None:
            yield Measurement(SHIFT, output.name, a.name, Claim.WINDOWS, 0.0, None, TOO_SMALL)
            continue
        wrong = [
            f"phase {phase} reads {got[0]} … {got[1]}, claimed {claim[0]} … {claim[1]}"
            if claim
            else f"phase {phase} reads px, claimed none"
            for phase, (claim, got) in enumerate(zip(a.reads, found, strict=True))
            if got and (claim is None or got[0] < claim[0] or got[1] > claim[1])
        ]
        detail = wrong[0] if wrong else "nothing outside them is read"
        yield Measurement(
            SHIFT, output.name, a.name, Claim.WINDOWS, inf if wrong else 0.0, not wrong, detail
        )


def measured_windows(
    subject: Subject,
    output: str,
    a: AxisContract,
    size: int,
    *,
    slack: int = 0,
    most: int = MOST_POSITIONS,
) -> list[Window | None] | None:
    """The observed window of each phase, relative to the period's origin; None without clean px.

    The image is changed beyond (and before) the end of every claimed window, and, to see how tight
    the claim is, from `slack` px inside it. Observed windows are never wider than the true ones.
    """
    assert a.period is not None
    assert a.step is not None
    assert a.reads is not None
    image = subject.draw(subject.sizes(a.input_axis, size))
    length = subject.run(image)[output].shape[a.output_axis]
    # whole clean steps
    first, last = -(-a.border[0] // a.step), (length - a.border[1]) // a.step - 1
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
    return [
        (lowest[p], highest[p]) if p in lowest and p in highest else None for p in range(a.step)
    ]


def _some(values: list[int], most: int) -> list[int]:
    """At most `most` of the values, evenly spread."""
    return values if len(values) <= most else [values[i * len(values) // most] for i in range(most)]


def _changed(
    subject: Subject, output: str, a: AxisContract, image: Array, part: slice
) -> Iterable[tuple[int, int]]:
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
            same |= np.abs(before.astype(float) - after) <= LOOSE_TOLERANCE * float(
                np.std(before, dtype=float)
            )
        changed |= ~np.moveaxis(same, a.output_axis, 0).reshape(len(changed), -1).all(axis=1)
        if image.dtype.kind != "f":
            break
    for element in np.flatnonzero(changed):
        if a.border[0] <= element < len(changed) - a.border[1]:
            k, phase = divmod(int(element), a.step)
            yield phase, k
