"""Settings of `shiftlint check`: the nearest pyproject.toml, overridden by the command line.

    [tool.shiftlint]
    ignore = ["SL604"]
    severity = { SL104 = "error" }
    train-window = 20

    [tool.shiftlint.per-model."models/*_3d.onnx"]
    train-window = [12, 20, 20]

Keys are option names. Tables of `per-model` apply in file order if their glob matches the model's
path relative to the folder of pyproject.toml; the command line applies last. Lists replace lists.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path, PurePosixPath
from typing import Any

from shiftlint.errors import InputError
from shiftlint.rules.case import Wish
from shiftlint.rules.catalog import modules
from shiftlint.rules.finding import Finding, Level
from shiftschemas import Breach, SchemaError, validate

FILE = "pyproject.toml"
MENTIONED = re.compile(
    r"""tool[\s"']*\.[\s"']*shiftlint | ^\s*\[?\s*["']?tool["']?\s*[]=]""",
    re.MULTILINE | re.VERBOSE,
)
# options of a `Wish` that hold one size per axis
SIZES = ("train-window", "tile", "tile-stride", "image", "halo", "spacing")
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Settings:
    """How one file is checked.

    Attributes
    ----------
    wish : Wish
    input : str, optional
        Which input is the image.
    verify : bool
        Also measure with onnxruntime.
    select, ignore : tuple of str
        Codes or code prefixes; the longest match wins, `ignore` at a tie. An empty `select` selects
        all.
    severity : mapping
        Levels by code or code prefix; the longest match wins.
    """

    wish: Wish = field(default_factory=Wish)
    input: str | None = None
    verify: bool = False
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severity: Mapping[str, Level] = field(default_factory=dict)

    def apply(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """The selected findings at their configured levels."""
        return tuple(self._leveled(f) for f in findings if self.wants(f.code))

    def wants(self, code: str) -> bool:
        """Whether findings of this code are selected."""
        chosen = _longest(code, self.select) if self.select else 0
        ignored = _longest(code, self.ignore)
        return chosen is not None and (ignored is None or ignored < chosen)

    def _leveled(self, finding: Finding) -> Finding:
        fitting = [prefix for prefix in self.severity if finding.code.startswith(prefix)]
        return replace(finding, level=self.severity[max(fitting, key=len)]) if fitting else finding


@dataclass(frozen=True, slots=True)
class Configuration:
    """The table `[tool.shiftlint]` of one file; empty if there is none."""

    folder: Path = Path()
    table: Mapping[str, Any] = field(default_factory=dict)

    def settings(self, path: str, command_line: Mapping[str, Any]) -> Settings:
        """The settings for one model; `command_line` maps option names to values (None: not given).

        Raises
        ------
        InputError
            A value is invalid for its option, or no rule has this code.
        """
        merged = dict(self.table)
        for pattern, table in self.table.get("per-model", {}).items():
            if self._matches(path, pattern):
                merged |= table
        merged |= {key: value for key, value in command_line.items() if value is not None}
        names = {f.name for f in fields(Wish)}
        wish = Wish(**{name: _size(merged.get(name.replace("_", "-")), name) for name in names})
        return Settings(
            wish,
            merged.get("input"),
            bool(merged.get("verify", False)),
            _codes(merged.get("select"), "select"),
            _codes(merged.get("ignore"), "ignore"),
            _levels(merged.get("severity") or {}),
        )

    def _matches(self, path: str, pattern: str) -> bool:
        full = Path(path).absolute()
        local = (
            full.relative_to(self.folder).as_posix()
            if full.is_relative_to(self.folder)
            else full.as_posix()
        )
        return PurePosixPath(local).match(pattern)


def find_configuration(start: Path) -> Configuration:
    """The nearest `[tool.shiftlint]` in a pyproject.toml, from `start` upward.

    Raises
    ------
    InputError
        The file is not TOML, has an unknown key, or a value that is invalid for its key.
    """
    for folder in (start.absolute(), *start.absolute().parents):
        path = folder / FILE
        if not path.is_file():
            continue
        try:
            table = _table(path.read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            raise InputError(
                f"cannot read the configuration ({path}): expected TOML, got: {error}."
            ) from error
        if table is not None:
            _check(table, path)
            return Configuration(folder, table)
    return Configuration()


def _table(text: str) -> Any:
    """The table [tool.shiftlint]; None if there is none. ValueError if the text is not TOML."""
    if not MENTIONED.search(text):
        return None
    import tomllib  # 10 ms: import only if the table may exist

    return tomllib.loads(text).get("tool", {}).get("shiftlint")


def _check(table: Any, file: Path) -> None:
    """Reject unknown keys and wrong values: a typo must not silently disable a rule."""
    try:
        validate(table, "settings", where=str(file))
    except SchemaError as error:
        if error.breach is None:
            raise
        raise InputError(_sentence(error.breach, file)) from error


def _sentence(breach: Breach, file: Path) -> str:
    got: object
    if breach.unknown:
        key, known = breach.unknown[0], ", ".join(breach.known)
        what, expected, got, place = (
            "unknown key",
            f"one of {known}",
            key,
            _dotted(*breach.path, key),
        )
    else:
        what, expected, got, place = (
            "wrong configuration",
            breach.expected,
            breach.got,
            _dotted(*breach.path),
        )
    return f"{what} ({file}, {place}): expected {expected}, got {got!r}. Correct or remove it."


def _dotted(*path: str | int) -> str:
    """The place in TOML notation, with indices: tool.shiftlint.per-model."models/*".tile[0]."""
    place = "tool.shiftlint"
    for part in path:
        place += (
            f"[{part}]"
            if isinstance(part, int)
            else f".{part if BARE_KEY.fullmatch(part) else json.dumps(part)}"
        )
    return place


def _size(value: Any, name: str) -> Any:
    """Whole numbers as int, because schemas accept 64.0 as an integer."""
    if value is None or name == "objects":
        return value and int(value)
    return tuple(map(int, value)) if isinstance(value, list | tuple) else (int(value),)


def _codes(values: Iterable[str] | None, option: str) -> tuple[str, ...]:
    return tuple(_known(value, option) for value in values or ())


def _levels(values: Mapping[str, str]) -> dict[str, Level]:
    result = {}
    for code, level in values.items():
        if level not in set(Level):
            raise InputError(
                f"no such level (severity {code}): expected {', '.join(Level)}, got {level!r}."
            )
        result[_known(code, "severity")] = Level(level)
    return result


def _known(value: str, option: str) -> str:
    code = value.strip().upper()
    if not code or not any(known.startswith(code) for known in modules()):
        raise InputError(
            f"no such rule ({option}): expected a code or prefix such as SL301 or SL3, got "
            f"{value!r}."
        )
    return code


def _longest(code: str, prefixes: Iterable[str]) -> int | None:
    return max((len(prefix) for prefix in prefixes if code.startswith(prefix)), default=None)
