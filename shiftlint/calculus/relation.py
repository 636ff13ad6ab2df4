"""Periodic interval relations: the elements that one axis reads of another, in exact integers.

    Relation(period a, step b, reads[0..b)):
    element  b·k + phi  reads only  a·k + lo[phi] … a·k + hi[phi]  for all integers k

The scale is b/a. Every spatially local operator is such a relation between its output and its
input; a network is their composition (`then`), and branches meet in a `join`. The calculus does not
know ONNX or sizes: `shiftlint.calculus.tensor` tracks borders, where a window would leave the
tensor.

The relation of a U-Net with valid convolutions and l poolings of factor f to its image has period
f^l: the U-Net is equivariant to these shifts (Rumberger et al. 2021, section 3.1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from math import gcd, lcm

from shiftlint.contract.values import Window, hull

LONGEST_STEP = 2048  # phases of one relation; networks have a few hundred at most


class PeriodTooLong(ValueError):
    """A relation has more phases than any real network: a mistake or an attack.

    Attributes
    ----------
    phases : int
    """

    def __init__(self, phases: int) -> None:
        super().__init__(f"a grid of {phases} phases")
        self.phases = phases


class SlopeMismatch(ValueError):
    """Two relations of different scale meet: their phases drift apart, so they share no period."""


@dataclass(frozen=True, slots=True)
class Relation:
    """One axis of a tensor in terms of another.

    Attributes
    ----------
    period : int
        a > 0, in elements of the axis that is read.
    step : int
        b > 0, in elements of the axis that reads.
    reads : tuple of Window or None
        One entry per phase of `step`; None for a phase that reads nothing.
    """

    period: int
    step: int
    reads: tuple[Window | None, ...]
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # looked up far more often than created
        object.__setattr__(self, "_hash", hash((self.period, self.step, self.reads)))
        if self.period < 1 or self.step < 1 or len(self.reads) != self.step:
            raise ValueError(
                f"not a relation: period {self.period}, step {self.step}, {len(self.reads)} phases"
            )

    def __hash__(self) -> int:
        return self._hash

    @property
    def scale(self) -> Fraction:
        """Reading elements per element that is read: b/a."""
        return Fraction(self.step, self.period)

    def window(self, element: int) -> Window | None:
        """The elements that `element` reads; None if it reads nothing."""
        k, phase = divmod(element, self.step)
        reads = self.reads[phase]
        return reads and (reads[0] + self.period * k, reads[1] + self.period * k)

    def unroll(self, factor: int) -> Relation:
        """The same relation with step and period multiplied by `factor`."""
        if factor == 1:
            return self
        _check_step(self.step * factor)
        return Relation(
            self.period * factor,
            self.step * factor,
            tuple(self.window(e) for e in range(self.step * factor)),
        )

    def then(self, inner: Relation) -> Relation:
        """The composition: this relation reads an axis that `inner` relates to a third axis.

        The middle axis is unrolled to lcm(inner.step, self.period); windows are hulls over *all*
        middle elements.
        """
        return _compose(self, inner)

    def hull(self, first: int, last: int) -> Window | None:
        """The smallest window that contains those of the elements first … last.

        The windows repeat after `step` elements, moved by `period`: the lowest starts among the
        first `step` elements, the highest ends among the last.
        """
        low = [
            w[0] for e in range(first, min(last + 1, first + self.step)) if (w := self.window(e))
        ]
        high = [
            w[1] for e in range(max(first, last + 1 - self.step), last + 1) if (w := self.window(e))
        ]
        return (min(low), max(high)) if low else None


@lru_cache(maxsize=1024)
def window(size: int, *, stride: int = 1, dilation: int = 1, before: int = 0) -> Relation:
    """A sliding window (convolution, pooling).

    Output k reads stride·k - before … stride·k - before + dilation·(size - 1).
    """
    return Relation(stride, 1, ((-before, dilation * (size - 1) - before),))


@lru_cache(maxsize=1024)
def transposed_window(
    size: int, *, stride: int = 1, dilation: int = 1, before: int = 0
) -> Relation:
    """A transposed convolution.

    Output j reads ceil((j + before - dilation·(size - 1)) / stride) … floor((j + before) / stride).
    A phase that no kernel element reaches reads nothing; with dilation 1 this needs size < stride.
    """
    _check_step(stride)
    phases: list[Window | None] = []
    for j in range(stride):
        taps = [
            tap for tap in range(min(size, stride)) if (j + before - dilation * tap) % stride == 0
        ]
        if not taps:  # the taps that fit repeat after `stride` at the latest
            phases.append(None)
            continue
        repeats = stride // gcd(dilation, stride)
        last = taps[0] + (size - 1 - taps[0]) // repeats * repeats
        phases.append(
            ((j + before - dilation * last) // stride, (j + before - dilation * taps[0]) // stride)
        )
    return Relation(1, stride, tuple(phases))


def shift(elements: int) -> Relation:
    """Output k reads k + elements: a crop, or a pad if negative."""
    return IDENTITY if elements == 0 else Relation(1, 1, ((elements, elements),))


def strided(stride: int, start: int = 0) -> Relation:
    """Output k reads stride·k + start."""
    return Relation(stride, 1, ((start, start),))


def blocks(size: int) -> Relation:
    """Output k reads the block size·k … size·k + size - 1 (the outer part of a split axis)."""
    return Relation(size, 1, ((0, size - 1),))


def repeat(factor: int) -> Relation:
    """Outputs factor·k … factor·k + factor - 1 read k (nearest upsampling, pixel shuffle)."""
    _check_step(factor)
    return Relation(1, factor, ((0, 0),) * factor)


def join(first: Relation, second: Relation) -> Relation:
    """The relation of elements that combine one of each: the common step, hulls phase by phase.

    Raises
    ------
    SlopeMismatch
        The scales differ.
    """
    return first if first is second or first == second else _join(first, second)


@lru_cache(maxsize=1024)
def _join(first: Relation, second: Relation) -> Relation:
    if first.scale != second.scale:
        raise SlopeMismatch(f"scale {first.scale} meets scale {second.scale}")
    step = lcm(first.step, second.step)
    one, two = first.unroll(step // first.step), second.unroll(step // second.step)
    return Relation(
        one.period, step, tuple(hull(a, b) for a, b in zip(one.reads, two.reads, strict=True))
    )


def at_least(relation: Relation, period: int) -> Relation:
    """`relation` with a period that is also a multiple of `period`."""
    return relation.unroll(period // gcd(period, relation.period))


def _check_step(step: int) -> None:
    if step > LONGEST_STEP:
        raise PeriodTooLong(step)


@lru_cache(maxsize=4096)  # a network repeats few compositions at many sizes
def _compose(outer: Relation, inner: Relation) -> Relation:
    if inner == IDENTITY:
        return outer
    middle = lcm(inner.step, outer.period)
    unrolled = outer.unroll(middle // outer.period)
    period = inner.period * (middle // inner.step)
    return Relation(period, unrolled.step, tuple(r and inner.hull(*r) for r in unrolled.reads))


IDENTITY = Relation(1, 1, ((0, 0),))
