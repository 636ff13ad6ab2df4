"""The index of a zoo as values: the content of `index.json` (schemas/index.schema.json)."""

from __future__ import annotations

import difflib
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shiftlint.errors import InputError
from shiftschemas import validate

INDEX_VARIABLE, INDEX_NAME = "SHIFTZOO_INDEX", "index.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """A model of the index.

    Attributes
    ----------
    name, version, description, license : str
    file : str
        Name of the ONNX file.
    bytes : int
    sha256 : str
    document : dict
        The whole row, as in the schema.
    """

    name: str
    version: str
    description: str
    license: str
    file: str
    bytes: int
    sha256: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Index:
    """The models, and the places of their files: folders and http(s) addresses, tried in order."""

    origin: str
    places: tuple[str, ...]
    entries: tuple[Entry, ...]

    def entry(self, name: str) -> Entry:
        """The model of this name; InputError with the nearest names if there is none."""
        for entry in self.entries:
            if entry.name == name:
                return entry
        known = [entry.name for entry in self.entries]
        near = difflib.get_close_matches(name, known, n=1)
        advice = f"Did you mean {near[0]}?" if near else "shiftzoo list shows them."
        raise InputError(
            f"no such model ({name}): expected a file or one of "
            f"{', '.join(known) or 'an empty zoo'}. {advice}"
        )


def is_address(place: str) -> bool:
    """Whether a place is a web address, not a folder."""
    return place.startswith(("http://", "https://"))


def parse_index(text: str, *, home: str, where: str) -> Index:
    """Parse an index; `home` is its folder or address, `where` names it in errors."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"index is not JSON ({where}): {error}. Download it again, or check {INDEX_VARIABLE}."
        ) from error
    validate(document, "index", where=where)
    mirrors = (
        mirror if is_address(mirror) or is_address(home) else str(Path(home) / mirror)
        for mirror in document["mirrors"]
    )
    names = ("name", "version", "description", "license", "file", "bytes", "sha256")
    entries = tuple(
        Entry(**{name: row[name] for name in names}, document=row) for row in document["models"]
    )
    return Index(where, (home, *mirrors), entries)


def file_sha256(path: Path) -> str:
    """The sha256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
