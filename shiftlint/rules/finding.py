"""A finding of a rule, its level, and its fingerprint for baselines."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """The severity of a finding; by default a gate fails at `error`."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of a rule.

    Attributes
    ----------
    code : str
    level : Level
    message : str
        What is wrong, where, what was expected and what was found.
    advice : str
        What to do.
    node : str
        The node at fault, or "".
    tensor : str
        The output concerned; "" for the whole network.
    axis : str
        Names of axes, such as "y, x"; "" for all or none.
    fact : tuple of (name, value)
        The finding as values: numbers and names, no sentences.
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
    """16 hexadecimal digits from code, node, tensor, axis and fact; the message does not matter."""
    known = json.dumps(
        [finding.code, finding.node, finding.tensor, finding.axis, finding.fact], default=str
    )
    return hashlib.sha256(known.encode()).hexdigest()[:16]


def message_hash(finding: Finding) -> str:
    """The hash of code, node and message by which baselines of version 1 know a finding."""
    text = f"{finding.code}\0{finding.node}\0{finding.message}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
