"""Settings of `shiftlint check`: the command line over `[tool.shiftlint]` of the nearest
pyproject.toml.

    [tool.shiftlint]
    ignore = ["SL604"]
    severity = { SL104 = "error" }
    train-window = 20

    [tool.shiftlint.per-model."models/*_3d.onnx"]
    train-window = [12, 20, 20]

Keys are the names of the options. The tables of `per-model` are taken in their order, where their
glob matches the file's path from the folder of pyproject.toml; then comes the command line. Lists
replace lists.
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
SIZES = (
    "train-window",
    "tile",
    "tile-stride",
    "image",
    "halo",
    "spacing",
)  # of a wish, one per axis
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
        Measure with onnxruntime, too.
    select, ignore : tuple of str
        Codes or beginnings of codes; the longest that fits decides, `ignore` at a tie. An empty
        `select` is all.
    severity : mapping
        Levels by code or beginning of a code; the longest that fits.
    """

    wish: Wish = field(default_factory=Wish)
    input: str | None = None
    verify: bool = False
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severity: Mapping[str, Level] = field(default_factory=dict)

    def apply(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """The findings that are asked for, at their level."""
        return tuple(self._leveled(f) for f in findings if self.wants(f.code))

    def wants(self, code: str) -> bool:
        """Whether findings of this code are asked for."""
        chosen = _longest(code, self.select) if self.select else 0
        ignored = _longest(code, self.ignore)
        return chosen is not None and (ignored is None or ignored < chosen)

    def _leveled(self, finding: Finding) -> Finding:
        fitting = [prefix for prefix in self.severity if finding.code.startswith(prefix)]
        return replace(finding, level=self.severity[max(fitting, key=len)]) if fitting else finding


@dataclass(frozen=True, slots=True)
class Configuration:
    """The table `[tool.shiftlint]` of one file; empty where there is none."""

    folder: Path = Path()
    table: Mapping[str, Any] = field(default_factory=dict)

    def settings(self, path: str, command_line: Mapping[str, Any]) -> Settings:
        """The settings for one model; keys of `command_line` are option names, None where an option
        is not given.

        Raises
        ------
        InputError
            A value that the option does not take, or a code that no rule has.
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
    """The configuration of the nearest pyproject.toml with a `[tool.shiftlint]`, from `start`
    upward.

    Raises
    ------
    InputError
        The file is no TOML, has a key that is unknown, or a value that its key does not take.
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
    """The table [tool.shiftlint]; None where there is none. ValueError where the text is no
    TOML.
    """
    if not MENTIONED.search(text):
        return None
    import tomllib  # 10 ms: only where the table may be

    return tomllib.loads(text).get("tool", {}).get("shiftlint")


def _check(table: Any, file: Path) -> None:
    """Unknown keys and wrong values are refused: a typing error must not switch a rule off
    silently.
    """
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
    """The place as TOML writes it, with indices: tool.shiftlint.per-model."models/*".tile[0]."""
    place = "tool.shiftlint"
    for part in path:
        place += (
            f"[{part}]"
            if isinstance(part, int)
            else f".{part if BARE_KEY.fullmatch(part) else json.dumps(part)}"
        )
    return place


def _size(value: Any, name: str) -> Any:
    """Whole numbers as int, as a schema takes 64.0 for one."""
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
            f"no such rule ({option}): expected a code or its beginning, as SL301 or SL3, got "
            f"{value!r}."
        )
    return code


def _longest(code: str, prefixes: Iterable[str]) -> int | None:
    return max((len(prefix) for prefix in prefixes if code.startswith(prefix)), default=None)
