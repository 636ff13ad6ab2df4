"""Turn notes, failures and measurements into findings of a rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import isfinite
from typing import TYPE_CHECKING

from shiftlint.calculus.note import Note
from shiftlint.rules.case import Case
from shiftlint.rules.finding import Finding, Level

if TYPE_CHECKING:
    from shiftlint.contract.measurement import Measurement


def each(
    case: Case, found: Iterable[Note], code: str, level: Level, advice: str
) -> Iterator[Finding]:
    """One finding per note, along all axes that it holds for."""
    axes = case.note_axes()
    for note in found:
        message = f"{note.op} {note.node!r}: {note.text}."
        axis = axes[note.kind, note.node, note.fact]
        yield Finding(code, level, message, advice, note.node, axis=axis, fact=note.fact)


def failed(case: Case, code: str, level: Level) -> Iterator[Finding]:
    """One finding if the analysis failed for this rule's reason."""
    if case.failure is not None and case.failure.code == code:
        yield Finding(code, level, case.failure.message, fact=(("what", case.failure.what),))


def contradicted(case: Case, code: str, level: Level) -> Iterator[Finding]:
    """One finding per measurement of this rule that failed."""
    for m in case.measurements:
        if m.code == code and m.holds is False:
            yield Finding(
                code,
                level,
                f"{_place(m)}{m.what}: {m.detail}"
                + (
                    f" (largest difference {m.difference:.2g} standard deviations)."
                    if isfinite(m.difference)
                    else "."
                ),
                "Run whole images, and report the model.",
                tensor=m.output,
                axis=m.axis,
                fact=(("claim", m.claim.name), ("count", m.count)),
            )


def _place(m: Measurement) -> str:
    names = [
        *([f"output {m.output!r}"] if m.output else []),
        *([f"axis {m.axis}"] if m.axis else []),
    ]
    return ", ".join(names) + (": " if names else "")
