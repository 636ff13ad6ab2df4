"""The models of the zoo by name: the index that lists them, and where their files are.

An index is a file `index.json` (schemas/index.schema.json) in the folder of the files that it
lists: the zoo of a checkout, the part in the package, or the output of `shiftzoo release` in a
folder or on a web server. `SHIFTZOO_INDEX` names a different one. Files that are not next to the
index are downloaded once (`download.py`).
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
    """The place of the index: `SHIFTZOO_INDEX`, else the package's, else the checkout's."""
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
        It violates schemas/index.schema.json.
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
    """The file of a zoo model: in a folder, in the cache, or downloaded to it.

    Raises
    ------
    InputError
        Unknown name; no place has the file, or the files found differ from the index.
    """
    index = read_index()
    return fetch(index, index.entry(name), progress=progress)


def fetch(index: Index, entry: Entry, *, progress: Progress | None = None) -> Path:
    """The file of `entry`, as for `find_model`."""
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
