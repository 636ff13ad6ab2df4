"""The rule that reports a note."""

from __future__ import annotations

from collections.abc import Iterable

from shiftlint.calculus.note import Kind, Note, Reason

CONTROL_FLOW = frozenset({"If", "Loop", "Scan", "SequenceMap"})
DYNAMIC_QUANTIZATION = frozenset(
    {"DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM"}
)
FROM_SIZES = frozenset(
    {Reason.NOT_CONSTANT, Reason.NOT_ONE_NUMBER, Reason.INDEX_FROM_IMAGE, Reason.COUNT_FROM_IMAGE}
)
CODES = {Kind.POSITION: "SL102", Kind.SIZE: "SL102", Kind.STRIDES: "SL103", Kind.RANDOM: "SL403"}


def code_of(note: Note) -> str:
    """The code of the rule that reports this note."""
    if note.kind is Kind.GLOBAL:
        return "SL402" if note.op in DYNAMIC_QUANTIZATION else "SL401"
    if note.kind is not Kind.UNKNOWN:
        return CODES[note.kind]
    if note.op in CONTROL_FLOW:
        return "SL004"
    return "SL003" if note.reason in FROM_SIZES else "SL002"


def causes(notes: Iterable[Note]) -> list[Note]:
    """The notes without those that only follow from an unanalyzed input."""
    notes = list(notes)
    first = [note for note in notes if note.reason is not Reason.FOLLOWS_UNANALYZED]
    return first if any(note.kind is Kind.UNKNOWN for note in first) else notes
