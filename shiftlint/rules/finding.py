"""What a rule finds: a finding, its level, and its fingerprint for baselines."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass
if TYPE_CHECKING:
    pass


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
    """

    code: str
    level: Level
    message: str
    advice: str = ""
    node: str = ""


def fingerprint(finding: Finding) -> str:
    """16 hexadecimal digits that stay as long as code, node and message do."""
    return hashlib.sha256(f"{finding.code}\0{finding.node}\0{finding.message}".encode()).hexdigest()[:16]
