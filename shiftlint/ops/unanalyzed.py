"""Operators that are not analyzed, with the reason; on the path, they leave nothing claimed."""

from __future__ import annotations

from shiftlint.calculus.note import Reason
from shiftlint.ops.registry import unknown

UNANALYZED: dict[str, Reason] = {
    "Col2Im": Reason.PATCHES_SUMMED,
    "ConcatFromSequence": Reason.SEQUENCES,
    "ImageDecoder": Reason.DECODED,
    "MaxRoiPool": Reason.REGIONS,
    "MaxUnpool": Reason.WRITTEN_AT_COMPUTED,
    "NonMaxSuppression": Reason.REGIONS,
    "RegexFullMatch": Reason.TEXT,
    "RoiAlign": Reason.REGIONS,
    "SequenceAt": Reason.SEQUENCES,
    "SequenceConstruct": Reason.SEQUENCES,
    "SequenceEmpty": Reason.SEQUENCES,
    "SequenceErase": Reason.SEQUENCES,
    "SequenceInsert": Reason.SEQUENCES,
    "SequenceLength": Reason.SEQUENCES,
    "SequenceMap": Reason.SEQUENCES,
    "SplitToSequence": Reason.SEQUENCES,
    "StringNormalizer": Reason.TEXT,
    "StringSplit": Reason.TEXT,
    "TfIdfVectorizer": Reason.TEXT,
    "Unique": Reason.COUNT_FROM_IMAGE,
}

for _op, _reason in UNANALYZED.items():
    unknown(_op, _reason)
