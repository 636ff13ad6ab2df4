"""What a rule finds: a finding, its level, and its fingerprint for baselines."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How much a finding weighs; a gate fails at `error` unless told otherwise."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found.

    Attributes
    ----------
    code : str
    level : Level
    message : str
        What, where, expected and got.
    advice : str
        What to do.
    node : str
        The node at fault, "" if none is.
    tensor : str
        The output that is meant, "" for the whole network.
    axis : str
        Names of axes, as "y, x"; "" for all or none.
    fact : tuple of (name, value)
        What was found there, in values: numbers and names, no sentence.
    """

    code: str
    level: Level
    message: str
    advice: str = ""
    node: str = ""
    tensor: str = ""
    axis: str = ""
    fact: tuple[tuple[str, Any], ...] = ()


def fingerprint(finding: Finding) -> str:
    """16 hexadecimal digits that stay as long as code, node, tensor, axis and fact do, whatever the
    words.
    """
    known = json.dumps(
        [finding.code, finding.node, finding.tensor, finding.axis, finding.fact], default=str
    )
    return hashlib.sha256(known.encode()).hexdigest()[:16]
