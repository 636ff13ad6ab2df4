"""Settings of `shiftlint check`: the command line over `[tool.shiftlint]` of the nearest pyproject.toml.

    [tool.shiftlint]
    ignore = ["SL604"]
    severity = { SL104 = "error" }
    train-window = 20

    [tool.shiftlint.per-model."models/*_3d.onnx"]
    train-window = [12, 20, 20]

Keys are the names of the options. The tables of `per-model` are taken in their order, where their glob matches the file's path
from the folder of pyproject.toml; then comes the command line. Lists replace lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path, PurePosixPath
from typing import Any

from shiftlint.errors import InputError
from shiftlint.rules.case import Wish
from shiftlint.rules.catalog import modules
from shiftlint.rules.finding import Finding, Level

FILE = "pyproject.toml"
MENTIONED = re.compile(r"""tool[\s"']*\.[\s"']*shiftlint | ^\s*\[?\s*["']?tool["']?\s*[]=]""", re.MULTILINE | re.VERBOSE)
SIZES = ("train-window", "tile", "tile-stride", "image", "halo", "spacing")  # of a wish, one per axis
CODES = {"select", "ignore"}
PER_MODEL = {*SIZES, *CODES, "severity", "objects", "input", "verify"}
GLOBAL = {"fail-on", "baseline", "per-model"}


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
        Codes or beginnings of codes; the longest that fits decides, `ignore` at a tie. An empty `select` is all.
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
        """The settings for one model; keys of `command_line` are option names, None where an option is not given.

        Raises
        ------
        InputError
            A value that the option does not take, or a code that no rule has.
        """
        merged = {key: value for key, value in self.table.items() if key not in GLOBAL}
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
        local = full.relative_to(self.folder).as_posix() if full.is_relative_to(self.folder) else full.as_posix()
        return PurePosixPath(local).match(pattern)


def find_configuration(start: Path) -> Configuration:
    """The configuration of the nearest pyproject.toml with a `[tool.shiftlint]`, from `start` upward.

    Raises
    ------
    InputError
        The file is no TOML, or has a key that is unknown.
    """
    for folder in (start.absolute(), *start.absolute().parents):
        path = folder / FILE
        if not path.is_file():
            continue
        try:
            table = _table(path.read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            raise InputError(f"cannot read the configuration ({path}): expected TOML, got: {error}.") from error
        if table is not None:
            _check_keys(table, str(path))
            return Configuration(folder, table)
    return Configuration()


def _table(text: str) -> Any:
    """The table [tool.shiftlint]; None where there is none. ValueError where the text is no TOML."""
    if not MENTIONED.search(text):
        return None
    import tomllib  # 10 ms: only where the table may be

    return tomllib.loads(text).get("tool", {}).get("shiftlint")


def _check_keys(table: Any, where: str) -> None:
    """Unknown keys and values of a wrong type are refused: a typing error must not switch a rule off silently."""
    _expect(isinstance(table, dict), where, "tool.shiftlint", "a table", table)
    for key, value in table.items():
        if key not in PER_MODEL | GLOBAL:
            known = ", ".join(sorted(PER_MODEL | GLOBAL))
            raise InputError(f"unknown key ({where}, tool.shiftlint.{key}): expected one of {known}, got {key!r}.")
        if key != "per-model":
            _check_value(key, value, where)
    models = table.get("per-model", {})
    _expect(isinstance(models, dict), where, "per-model", "a table by glob", models)
    for pattern, options in models.items():
        _expect(isinstance(options, dict), where, f"per-model.{pattern}", "a table", options)
        for key, value in options.items():
            _expect(key in PER_MODEL, where, f"per-model.{pattern}", f"one of {', '.join(sorted(PER_MODEL))}", key)
            _check_value(key, value, where)


def _check_value(key: str, value: Any, where: str) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if key in SIZES:
        sizes = value if isinstance(value, list) else [value]
        least = 0 if key == "halo" else 1
        good = 1 <= len(sizes) <= 3 and all(isinstance(n, int) and not isinstance(n, bool) and n >= least for n in sizes)
        _expect(good, where, key, f"a number of at least {least}, or up to three of them", value)
    elif key in CODES:
        _expect(isinstance(value, list) and all(isinstance(c, str) for c in value), where, key, "a list of codes", value)
    elif key == "severity":
        _expect(isinstance(value, dict), where, key, 'a table such as {SL104 = "error"}', value)
    elif key == "verify":
        _expect(isinstance(value, bool), where, key, "true or false", value)
    elif key == "objects":
        _expect(whole and value >= 1, where, key, "a number of at least 1", value)
    elif key == "fail-on":
        _expect(value in set(Level), where, key, ", ".join(Level), value)
    else:
        _expect(isinstance(value, str), where, key, "text", value)


def _expect(good: bool, where: str, key: str, expected: str, got: object) -> None:
    if not good:
        raise InputError(f"wrong configuration ({where}, {key}): expected {expected}, got {got!r}.")


def _size(value: Any, name: str) -> Any:
    if value is None or name == "objects":
        return value
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _codes(values: Iterable[str] | None, option: str) -> tuple[str, ...]:
    return tuple(_known(value, option) for value in values or ())


def _levels(values: Mapping[str, str]) -> dict[str, Level]:
    result = {}
    for code, level in values.items():
        if level not in set(Level):
            raise InputError(f"no such level (severity {code}): expected {', '.join(Level)}, got {level!r}.")
        result[_known(code, "severity")] = Level(level)
    return result


def _known(value: str, option: str) -> str:
    code = value.strip().upper()
    if not code or not any(known.startswith(code) for known in modules()):
        raise InputError(f"no such rule ({option}): expected a code or its beginning, as SL301 or SL3, got {value!r}.")
    return code


def _longest(code: str, prefixes: Iterable[str]) -> int | None:
    return max((len(prefix) for prefix in prefixes if code.startswith(prefix)), default=None)
