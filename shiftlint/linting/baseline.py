"""A baseline lists known findings; only new ones are reported.

A finding is identified by its file (relative to the baseline's folder), code, node and fingerprint,
which does not depend on the wording of messages. The file is sorted JSON with one finding per line,
easy to read and merge. In version 1 the fingerprint was that of the message: such files are still
read, and rewritten once all files that they list are checked together.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from shiftlint.console.whole_files import write_atomically
from shiftlint.errors import InputError
from shiftlint.rules.finding import Finding, fingerprint
from shiftschemas import SchemaError, validate

if TYPE_CHECKING:
    from shiftlint.linting.check import Checked

Key = tuple[str, str, str, str]  # file, code, node, fingerprint
VERSION = 2
NOT_ANALYZED = ("SL002", "SL003", "SL004")


@dataclass(frozen=True, slots=True)
class Hidden:
    """Files without the findings of a baseline.

    Attributes
    ----------
    files : list of Checked
        The files with their new findings.
    count : int
        Number of known findings.
    rewritten : bool
        The baseline was of version 1 and has been rewritten.
    """

    files: list[Checked]
    count: int
    rewritten: bool = False


def read_baseline(path: Path) -> tuple[int, tuple[Key, ...]]:
    """The version and findings of a baseline; InputError if it is unreadable or not a baseline."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        validate(document, "baseline", where=str(path))
    except OSError as error:
        raise InputError(
            f"cannot read the baseline ({path}): expected a file, got: {error.strerror}. Write "
            "one with --write-baseline."
        ) from error
    except (ValueError, SchemaError) as error:
        raise InputError(
            f"not a baseline ({path}): expected a file by --write-baseline, got: {error}"
        ) from error
    rows = tuple(
        (row["file"], row["code"], row["node"], row["hash"]) for row in document["findings"]
    )
    return document["schema_version"], rows


def write_baseline(path: Path, files: Iterable[Checked]) -> int:
    """Write all findings as known; return their number."""
    return _write(
        path, {key_of(path, file.path, finding) for file in files for finding in file.findings}
    )


def without_known(files: Sequence[Checked], path: Path) -> Hidden:
    """The files without the findings of the baseline; a baseline of version 1 is rewritten."""
    version, rows = read_baseline(path)
    known = frozenset(rows) if version == VERSION else _of_version_1(rows, files, path)
    kept = [
        replace(f, findings=tuple(x for x in f.findings if key_of(path, f.path, x) not in known))
        for f in files
    ]
    count = sum(len(f.findings) for f in files) - sum(len(f.findings) for f in kept)
    complete = {row[0] for row in rows} <= {_local(path, file.path) for file in files}
    if version == VERSION or not complete:
        return Hidden(kept, count)
    _write(path, known)
    return Hidden(kept, count, rewritten=True)


def key_of(baseline: Path, file: str, finding: Finding) -> Key:
    """The key that identifies a finding."""
    return _local(baseline, file), finding.code, finding.node, fingerprint(finding)


def _local(baseline: Path, file: str) -> str:
    return file if file == "-" else Path(os.path.relpath(file, baseline.parent)).as_posix()


def _of_version_1(rows: Sequence[Key], files: Sequence[Checked], path: Path) -> frozenset[Key]:
    """The findings that a baseline of version 1 lists.

    Messages have changed since then, so findings are matched by file, code and node, up to the
    number listed. The codes in `NOT_ANALYZED` were one code then.
    """
    left = Counter((file, _former(code), node) for file, code, node, _ in rows)
    known: set[Key] = set()
    for file in files:
        for finding in file.findings:
            key = key_of(path, file.path, finding)
            place = key[0], _former(finding.code), finding.node
            if left[place]:
                left[place] -= 1
                known.add(key)
    return frozenset(known)


def _former(code: str) -> str:
    return NOT_ANALYZED[0] if code in NOT_ANALYZED else code


def _write(path: Path, keys: Iterable[Key]) -> int:
    ordered = sorted(keys)
    rows = [
        json.dumps(dict(zip(("file", "code", "node", "hash"), key, strict=True))) for key in ordered
    ]
    text = f'{{"schema_version": {VERSION}, "findings": [\n' + ",\n".join(rows) + "\n]}\n"
    write_atomically(path, text.encode())
    return len(ordered)
