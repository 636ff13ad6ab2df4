"""Measure the claims of a contract: shifts, tiles and windows on random images.

This module does not depend on how the network is run: a `Subject` is a contract and a function from
an image to the outputs. Along one axis, with period a, step b and border [p, q], for an image of
n px and its output of m px:

    shift    L of n + a px:     out(L[a:])[e] = out(L[:n])[e + b]            for p <= e < m - q - b
    tiles    L of n + a·k px:   out(L[a·j : a·j + n])[e] = out(L)[e + b·j]   for p <= e < m - q
    windows  X changed from px x on (or before x): every clean e with a window below x (or from x
             on) stays bit-identical

A network that depends on the whole axis keeps its period only if the sums over the image do not
change: it is measured with a patch on an empty image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, inf, prod

import numpy as np

from shiftlint.contract.claims import enough
from shiftlint.contract.measurement import Claim, Measurement
from shiftlint.contract.values import AxisContract, OutputContract
from shiftlint.verification.subject import (
    GLOBAL_MARGIN,
    LARGEST_IMAGE,
    SHIFT,
    TOO_SMALL,
    Array,
    RunError,
    Subject,
    difference,
    part,
    tolerance,
)
from shiftlint.verification.tiles import tiles
from shiftlint.verification.windows import windows


def measure(subject: Subject, *, divisors: bool = True) -> Iterator[Measurement]:
    """All claims of the contract, axis by axis; with `divisors`, also shifts it does not claim."""
    for axis in subject.axes:
        claims = subject.claims(axis)
        size = subject.legal(axis, max((enough(a) for _, a in claims), default=1))
        if not claims or size is None:
            continue
        if prod(subject.sizes(axis, size)) > LARGEST_IMAGE:
            yield Measurement(
                SHIFT,
                "",
                claims[0][1].name,
                Claim.MEASURABLE,
                0.0,
                None,
                f"an image of {size} px is too large to measure",
            )
            continue
        try:
            yield from output_sizes(subject, axis, size)
            yield from shifts(subject, axis, size, divisors=divisors)
            yield from windows(subject, axis, size)
            yield from tiles(subject, axis)
        except RunError as error:
            yield Measurement(SHIFT, "", claims[0][1].name, Claim.RUNS, inf, False, str(error))


def output_sizes(subject: Subject, axis: int, size: int) -> Iterator[Measurement]:
    """The output sizes at a legal size and at the smallest legal size."""
    smallest = subject.legal(axis, 1) or size
    for n in sorted({smallest, size}):
        outputs = subject.run(subject.draw(subject.sizes(axis, n)))
        for output, a in subject.claims(axis):
            got, claimed = (
                outputs[output.name].shape[a.output_axis],
                a.output_size.of(n) if a.output_size else None,
            )
            detail = f"{n} px give {got} px, claimed {claimed}"
            yield Measurement(
                SHIFT,
                output.name,
                a.name,
                Claim.OUTPUT_SIZE,
                float(got != claimed),
                got == claimed,
                detail,
            )


def shifts(
    subject: Subject, axis: int, size: int, *, divisors: bool = True
) -> Iterator[Measurement]:
    """Shift by the period, which must agree, and by its proper divisors, which need not."""
    claims = subject.claims(axis)
    for period in sorted({a.period for _, a in claims if a.period}):
        for shift in [d for d in range(1 if divisors else period, period + 1) if period % d == 0]:
            chosen = [
                (o, a)
                for o, a in claims
                if a.period == period and (shift * (a.step or 1)) % period == 0
            ]
            if chosen:
                yield from _shift(subject, axis, size, shift, chosen)


def _shift(
    subject: Subject,
    axis: int,
    size: int,
    shift: int,
    claims: Sequence[tuple[OutputContract, AxisContract]],
) -> Iterator[Measurement]:
    is_global = any(a.is_global for _, a in claims)
    if is_global:
        pair = _moved_patch(subject, axis, size, shift, claims)
        if pair is None:
            yield from (
                Measurement(SHIFT, o.name, a.name, Claim.SHIFT, 0.0, None, TOO_SMALL, shift)
                for o, a in claims
            )
            return
        first, second = pair
    else:
        image = subject.draw(subject.sizes(axis, size + shift))
        first, second = part(image, axis, 0, size), part(image, axis, shift, shift + size)
    before, after = subject.run(first), subject.run(second)
    for output, a in claims:
        moved = shift * (a.step or 1) // (a.period or 1)
        one, two = before[output.name], after[output.name]
        length = one.shape[a.output_axis]
        low, high = a.border[0], length - a.border[1] - moved
        claimed = shift == a.period
        if high <= low:
            yield Measurement(SHIFT, output.name, a.name, Claim.SHIFT, 0.0, None, TOO_SMALL, shift)
            continue
        gap = difference(
            part(one, a.output_axis, low + moved, high + moved),
            part(two, a.output_axis, low, high),
            float(np.std(one, dtype=float)),
        )
        holds = gap <= tolerance(subject, a) if claimed else None
        yield Measurement(
            SHIFT,
            output.name,
            a.name,
            Claim.SHIFT,
            gap,
            holds,
            _verdict(gap, claimed, tolerance(subject, a)),
            shift,
        )


def _verdict(gap: float, claimed: bool, allowed: float) -> str:
    if claimed:
        return (
            "bit-identical"
            if gap == 0
            else "agrees"
            if gap <= allowed
            else "the period does not hold"
        )
    return (
        "agrees as well: the period is not minimal for these weights"
        if gap <= allowed
        else "differs, as expected"
    )


def _moved_patch(
    subject: Subject,
    axis: int,
    size: int,
    shift: int,
    claims: Sequence[tuple[OutputContract, AxisContract]],
) -> tuple[Array, Array] | None:
    """Two empty images with the same patch, `shift` px earlier in the second.

    None if the effect of the patch would reach the border.
    """
    reach = max(
        high - low for low, high in (subject.reach.get((o.name, axis), (0, 0)) for o, _ in claims)
    )
    border = max(ceil(max(a.border) * (a.period or 1) / (a.step or 1)) for _, a in claims)
    near = far = border + reach + shift + GLOBAL_MARGIN
    patch = max(8, shift)
    wanted = subject.legal(axis, max(size, near + shift + patch + far))
    if wanted is None or wanted < near + shift + patch + far:
        return None
    content = subject.draw(subject.sizes(axis, patch))
    first = np.zeros_like(subject.draw(subject.sizes(axis, wanted)))
    second = first.copy()
    part(first, axis, near + shift, near + shift + patch)[...] = content
    part(second, axis, near, near + patch)[...] = content
    return first, second
