"""A baseline lists known findings; only new ones are reported.

A finding is known by its file (relative to the baseline's folder), code, node and fingerprint,
which does not depend on wording. The file is JSON, sorted, one finding per line, so that it can be
read and merged. Files of version 1 have hashes of messages instead: such rows become fingerprints
when their findings occur, and stay as they are until then.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from shiftlint.console.whole_files import write_atomically
from shiftlint.errors import InputError
from shiftlint.rules.finding import Finding, fingerprint, message_hash
from shiftschemas import SchemaError, validate

if TYPE_CHECKING:
    from shiftlint.linting.check import Checked

VERSION = 2
NOT_ANALYZED = ("SL002", "SL003", "SL004")  # one of them may have been reported as another one
# rules whose messages differ from those that version 1 hashed
REWORDED = {*NOT_ANALYZED, "SL102", "SL103", "SL104", "SL105", "SL201", "SL202", "SL203", "SL302"}
REWORDED |= {"SL303", "SL305", "SL402", "SL502", "SL602", "SL605", "SL901", "SL902"}


class Row(NamedTuple):
    """A known finding; `old` if `known` is the hash of its message, else it is its fingerprint."""

    file: str
    code: str
    node: str
    known: str
    old: bool = False


@dataclass(frozen=True, slots=True)
class Hidden:
    """Files without the findings of a baseline.

    Attributes
    ----------
    files : list of Checked
        The files with their new findings.
    count : int
        Number of known findings.
    rewritten : str
        What became of a baseline with rows of version 1; "" if it has none.
    """

    files: list[Checked]
    count: int
    rewritten: str = ""


def read_baseline(path: Path) -> frozenset[Row]:
    """The known findings; InputError if the file is unreadable or not a baseline."""
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
    return frozenset(
        Row(
            row["file"],
            row["code"],
            row["node"],
            row.get("fingerprint", row.get("hash")),
            "hash" in row,
        )
        for row in document["findings"]
    )


def write_baseline(path: Path, files: Iterable[Checked]) -> int:
    """Write all findings as known; return their number."""
    return _write(path, {_row(path, file.path, found) for file in files for found in file.findings})


def without_known(files: Sequence[Checked], path: Path) -> Hidden:
    """Leave out the known findings; rows of version 1 that occur become fingerprints in the
    file.
    """
    rows = read_baseline(path)
    known, left = _with_fingerprints(rows, files, path)
    kept = [
        replace(f, findings=tuple(x for x in f.findings if _row(path, f.path, x) not in known))
        for f in files
    ]
    count = sum(len(f.findings) for f in files) - sum(len(f.findings) for f in kept)
    if not any(row.old for row in rows):
        return Hidden(kept, count)
    try:
        _write(path, known | left)
    except InputError as error:  # a check may run where nothing can be written
        return Hidden(kept, count, f"still of an old version, {error}")
    more = f"; {len(left)} old rows did not occur and are kept" if left else ""
    return Hidden(kept, count, f"rewritten; its findings no longer depend on wording{more}")


def _with_fingerprints(
    rows: frozenset[Row], files: Sequence[Checked], path: Path
) -> tuple[set[Row], set[Row]]:
    """The rows by fingerprint, and the old ones that did not occur.

    An old row is that of the finding with the same message. If its rule has new wording, it stands
    for one finding of the same file, code and node.
    """
    known, old = {row for row in rows if not row.old}, {row for row in rows if row.old}
    open_findings = []
    for file in files:
        for finding in file.findings:
            row = _row(path, file.path, finding)
            same = row._replace(known=message_hash(finding), old=True)
            if same in old:
                old.discard(same)
                known.add(row)
            elif row not in known and row.code in REWORDED:
                open_findings.append(row)
    waiting: dict[tuple[str, str, str], list[Row]] = {}
    for other in sorted(old):
        waiting.setdefault(_place(other), []).append(other)
    for row in open_findings:
        if partners := waiting.get(_place(row)):
            old.discard(partners.pop(0))
            known.add(row)
    return known, old


def _place(row: Row) -> tuple[str, str, str]:
    return row.file, NOT_ANALYZED[0] if row.code in NOT_ANALYZED else row.code, row.node


def _row(baseline: Path, file: str, finding: Finding) -> Row:
    local = file if file == "-" else Path(os.path.relpath(file, baseline.parent)).as_posix()
    return Row(local, finding.code, finding.node, fingerprint(finding))


def _write(path: Path, rows: Iterable[Row]) -> int:
    ordered = sorted(rows)
    lines = [
        json.dumps(
            {"file": row.file, "code": row.code, "node": row.node}
            | {"hash" if row.old else "fingerprint": row.known}
        )
        for row in ordered
    ]
    text = f'{{"schema_version": {VERSION}, "findings": [\n' + ",\n".join(lines) + "\n]}\n"
    write_atomically(path, text.encode())
    return len(ordered)
