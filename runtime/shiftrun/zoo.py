"""The models of the zoo by name: the index that lists them, and where their files lie.

An index is a file `index.json` (schemas/index.schema.json) in the folder of the files that it lists: the zoo of a checkout, the
part of it that comes with the package, or what `shiftzoo release` wrote to a folder or web server. `SHIFTZOO_INDEX` names another
one. What is not beside the index is downloaded once (`download.py`).
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shiftlint.errors import InputError
from shiftschemas import validate

INDEX_VARIABLE, INDEX_NAME = "SHIFTZOO_INDEX", "index.json"
Progress = Callable[[int, int], None]


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
    """The models, and the places that hold their files: folders and http(s) addresses, tried in order."""

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
        raise InputError(f"no such model ({name}): expected a file or one of {', '.join(known) or 'an empty zoo'}. {advice}")


def is_address(place: str) -> bool:
    """Whether a place is a web address, not a folder."""
    return place.startswith(("http://", "https://"))


def default_index() -> str:
    """Where the index is: `SHIFTZOO_INDEX`, else that of the package, else that of the checkout."""
    if wish := os.environ.get(INDEX_VARIABLE):
        return wish
    from importlib.util import find_spec

    package = find_spec("shiftzoo")  # finds the package without running it
    assert package is not None
    assert package.origin is not None
    home = Path(package.origin).parent
    packaged = home / "data"
    return str(packaged if (packaged / INDEX_NAME).is_file() else home.parent)


def read_index(origin: str | None = None) -> Index:
    """Read an index: a folder, a file, or the address of either.

    Raises
    ------
    InputError
        It is missing, or cannot be reached.
    SchemaError
        It breaks schemas/index.schema.json.
    """
    origin = default_index() if origin is None else origin
    if is_address(origin):
        from shiftrun.download import index_text

        home = origin.removesuffix("/").removesuffix("/" + INDEX_NAME)
        text = index_text(f"{home}/{INDEX_NAME}")
    else:
        path = Path(origin) / INDEX_NAME if Path(origin).is_dir() else Path(origin)
        home = str(path.parent)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"no index ({path}): expected {INDEX_NAME} of a zoo, got: {error}. Check {INDEX_VARIABLE}.") from error
    return parse_index(text, home=home, where=origin)


def parse_index(text: str, *, home: str, where: str) -> Index:
    """Read the text of an index whose own folder or address is `home`; `where` names it in errors."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"index is not JSON ({where}): {error}. Download it again, or check {INDEX_VARIABLE}.") from error
    validate(document, "index", where=where)
    mirrors = (mirror if is_address(mirror) or is_address(home) else str(Path(home) / mirror) for mirror in document["mirrors"])
    names = ("name", "version", "description", "license", "file", "bytes", "sha256")
    entries = tuple(Entry(**{name: row[name] for name in names}, document=row) for row in document["models"])
    return Index(where, (home, *mirrors), entries)


def find_model(name: str, *, progress: Progress | None = None) -> Path:
    """The file of a model of the zoo: in a folder, in the cache, or downloaded to it.

    Raises
    ------
    InputError
        Unknown name; no place holds the file, or what they hold differs from the index.
    """
    index = read_index()
    return fetch(index, index.entry(name), progress=progress)


def fetch(index: Index, entry: Entry, *, progress: Progress | None = None) -> Path:
    """The file of `entry`, as `find_model`."""
    problems = []
    for place in index.places:
        if not is_address(place):
            path = Path(place) / entry.file
            if not path.is_file():
                problems.append(f"{place}: not there")
            elif (got := file_sha256(path)) != entry.sha256:
                problems.append(f"{place}: sha256 {got[:12]}…, not {entry.sha256[:12]}…")
            else:
                return path
    from shiftrun.download import cached, download

    known = cached(entry)
    if known is not None:
        return known
    addresses = tuple(place for place in index.places if is_address(place))
    return download(entry, addresses, problems, progress=progress)


def file_sha256(path: Path) -> str:
    """Of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
