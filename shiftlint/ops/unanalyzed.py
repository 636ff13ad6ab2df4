"""What is known and not analyzed, each with its reason: where such an operator lies on the path, nothing is claimed."""

from __future__ import annotations

from shiftlint.ops.registry import unknown

SEQUENCES = "sequences of tensors are not followed"
TEXT = "text is no image"
REGIONS = "regions are taken at places that are computed"

UNANALYZED: dict[str, str] = {
    "Col2Im": "patches are summed at their places",
    "ConcatFromSequence": SEQUENCES,
    "ImageDecoder": "the image is decoded inside of the network",
    "MaxRoiPool": REGIONS,
    "MaxUnpool": "elements are written at places that are computed",
    "NonMaxSuppression": REGIONS,
    "RegexFullMatch": TEXT,
    "RoiAlign": REGIONS,
    "SequenceAt": SEQUENCES,
    "SequenceConstruct": SEQUENCES,
    "SequenceEmpty": SEQUENCES,
    "SequenceErase": SEQUENCES,
    "SequenceInsert": SEQUENCES,
    "SequenceLength": SEQUENCES,
    "SequenceMap": SEQUENCES,
    "SplitToSequence": SEQUENCES,
    "StringNormalizer": TEXT,
    "StringSplit": TEXT,
    "TfIdfVectorizer": TEXT,
    "Unique": "as many elements as the image decides",
}

for _op, _reason in UNANALYZED.items():
    unknown(_op, _reason)
