"""The models of the zoo by name: the index that lists them, and where their files lie.

An index is a file `index.json` (schemas/index.schema.json) in the folder of the files that it
lists: the zoo of a checkout, the part of it that comes with the package, or what `shiftzoo release`
wrote to a folder or web server. `SHIFTZOO_INDEX` names another one. What is not beside the index is
downloaded once (`download.py`).
"""

from __future__ import annotations

import os
from pathlib import Path

from shiftlint.errors import InputError
from shiftrun.fetch.index import (
    INDEX_NAME,
    INDEX_VARIABLE,
    Entry,
    Index,
    file_sha256,
    is_address,
    parse_index,
)
from shiftrun.progress import Progress


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
        from shiftrun.fetch.download import index_text

        home = origin.removesuffix("/").removesuffix("/" + INDEX_NAME)
        text = index_text(f"{home}/{INDEX_NAME}")
    else:
        path = Path(origin) / INDEX_NAME if Path(origin).is_dir() else Path(origin)
        home = str(path.parent)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"no index ({path}): expected {INDEX_NAME} of a zoo, got: {error}. Check "
                f"{INDEX_VARIABLE}."
            ) from error
    return parse_index(text, home=home, where=origin)


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
    from shiftrun.fetch.download import cached, download

    known = cached(entry)
    if known is not None:
        return known
    addresses = tuple(place for place in index.places if is_address(place))
    return download(entry, addresses, problems, progress=progress)
