"""A baseline: findings that are known, so that only new ones are reported.

A finding is known by its file (from the folder of the baseline), code, node and a hash of its message. The file is JSON, sorted,
one finding per line, so that it can be read and merged.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from shiftlint.console.whole_files import write_atomically
from shiftlint.errors import InputError
from shiftlint.rules.finding import Finding, fingerprint
from shiftschemas import SchemaError, validate

if TYPE_CHECKING:
    from shiftlint.linting.check import Checked

Key = tuple[str, str, str, str]  # file, code, node, hash


def read_baseline(path: Path) -> frozenset[Key]:
    """The known findings; InputError where the file cannot be read or is no baseline."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        validate(document, "baseline", where=str(path))
    except OSError as error:
        raise InputError(
            f"cannot read the baseline ({path}): expected a file, got: {error.strerror}. Write one with --write-baseline."
        ) from error
    except (ValueError, SchemaError) as error:
        raise InputError(f"no baseline ({path}): expected what --write-baseline writes, got: {error}") from error
    return frozenset((row["file"], row["code"], row["node"], row["hash"]) for row in document["findings"])


def write_baseline(path: Path, files: Iterable[Checked]) -> int:
    """Write all findings as known; return how many."""
    keys = sorted({key_of(path, file.path, finding) for file in files for finding in file.findings})
    rows = [json.dumps(dict(zip(("file", "code", "node", "hash"), key, strict=True))) for key in keys]
    text = '{"schema_version": 1, "findings": [\n' + ",\n".join(rows) + "\n]}\n"
    write_atomically(path, text.encode())
    return len(keys)


def without_known(files: Sequence[Checked], path: Path) -> tuple[list[Checked], int]:
    """The files without the findings of the baseline, and how many those were."""
    known = read_baseline(path)
    kept = [replace(f, findings=tuple(x for x in f.findings if key_of(path, f.path, x) not in known)) for f in files]
    return kept, sum(len(f.findings) for f in files) - sum(len(f.findings) for f in kept)


def key_of(baseline: Path, file: str, finding: Finding) -> Key:
    """What a finding is known by."""
    local = file if file == "-" else Path(os.path.relpath(file, baseline.parent)).as_posix()
    return local, finding.code, finding.node, fingerprint(finding)
