"""Stored proofs: a file for each kind of run, next to the models in the zoo's cache.

A proof holds for one network on one device, runtime and read shape: the key. If the cache cannot be
read or written, a run just proves itself again; so does a run on a device of unknown name, which
may be a different one next time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shiftlint.console.whole_files import write_atomically
from shiftlint.errors import InputError

FOLDER = "proofs"
Key = Mapping[str, Any]


@dataclass
class Proofs:
    """The keys that were proved, in this process or earlier.

    Attributes
    ----------
    home : callable () to Path
        The cache folder; called when a proof is looked up.
    """

    home: Callable[[], Path]
    _known: set[str] = field(default_factory=set)

    def __contains__(self, key: Key) -> bool:
        text = _text(key)
        if text not in self._known and key["device"] and _stored(self._path(text)) == text:
            self._known.add(text)
        return text in self._known

    def add(self, key: Key) -> None:
        """Store a proof; only in this process without a writable cache or a device name."""
        text = _text(key)
        self._known.add(text)
        if not key["device"]:
            return
        path = self._path(text)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, text.encode())
        except (OSError, InputError):
            return

    def _path(self, text: str) -> Path:
        return self.home() / FOLDER / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"


def _text(key: Key) -> str:
    return json.dumps(key, sort_keys=True, indent=1) + "\n"


def _stored(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
