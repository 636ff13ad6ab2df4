"""TODO shiftlint/rules/finding.py"""

from __future__ import annotations
import importlib
import pkgutil
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from math import isfinite
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING
from shiftlint.calculus.note import Kind, Note
from shiftlint.calculus.tensor import Tensor
from shiftlint.contract.values import AxisContract, Contract
from shiftlint.errors import InputError
from shiftlint.contract.metadata import Metadata
from shiftlint.onnx_file.graph import Node
import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from shiftlint.console.whole_files import write_atomically
from shiftlint.errors import InputError
pass
from shiftschemas import SchemaError, validate
if TYPE_CHECKING:
    from shiftlint.linting.check import Checked
if TYPE_CHECKING:
    from shiftlint.contract.measurement import Measurement


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
