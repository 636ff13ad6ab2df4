"""Every rule's manual runs: the bad example fires the rule and says why, the good one does not.

Mutants are noticed.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from shiftlint.cli import cli
from shiftlint.rules.case import Case
from shiftlint.rules.catalog import modules
from shiftlint.rules.finding import Finding, Level
from tests.shiftlint.rules.manuals import Example, examples_of, save

# what the findings of a rule's bad examples must name, in the order of the manual: numbers and
# names of the example
FACTS = {
    "SL001": ["example.onnx, 24"],
    "SL002": ["Sharpen, my.domain"],
    "SL003": ["Slice, ends"],
    "SL004": ["If, condition"],
    "SL005": ["image, mask, --input"],
    "SL101": ["2, 3"],
    "SL102": ["Resize, align_corners"],
    "SL103": ["Add, 1/2, 1"],
    "SL104": ["0, 2, 1, 6"],
    "SL105": ["got none, --train-window"],
    "SL106": ["out, y 1, x 2"],
    "SL201": ["zero, Conv, 2"],
    "SL202": ["reflect, Pad, 1"],
    "SL203": ["SAME_UPPER, Conv"],
    "SL301": ["2, 9, 8"],
    "SL302": ["128, 64"],
    "SL303": ["2, 5, 4", "2, 35, 27"],
    "SL304": ["2, 1"],
    "SL305": ["out, 4, 75%"],
    "SL401": ["InstanceNormalization"],
    "SL402": ["DynamicQuantizeLinear"],
    "SL403": ["BatchNormalization", "RandomNormalLike"],
    "SL501": ["out, 1, 16, 64"],
    "SL502": ["learned"],
    "SL601": ["example.onnx, period, 1"],
    "SL602": ["input.batch, independent, fixed"],
    "SL603": ["sha256, index.json, example, " + "0" * 64],
    "SL604": ["no license, no data"],
    "SL605": ["halo, rdf.yaml, out, y, 2, 1"],
    "SL901": ["out, y, 1"],
    "SL902": ["out, y, 3"],
}
FOLLOWED = [  # other options for the first bad example's network, and the facts then
    ("SL101", "--train-window 1", "1, 2, 3"),
    ("SL301", "--tile 15", "15, 2, 14"),
    ("SL302", "--tile 63", "63, 64"),
    ("SL303", "--tile 8 --tile-stride 7", "7, 2, 6"),
    ("SL303", "--tile 8 --image 37", "37, 29, 2"),
    ("SL304", "--tile 64 --halo 3", "got 3, 2"),
    ("SL305", "--tile 2", "2"),
    ("SL501", "--objects 7 --spacing 6", "7, 6"),
]


ALL = [example for code in modules() for example in examples_of(code)]
EACH = pytest.mark.parametrize(
    "example", ALL, ids=lambda e: f"{e.code}-{'bad' if e.bad else 'good'}"
)


def check(example: Example, folder: Path, *options: str) -> list[Finding]:
    path = save(example, folder)
    arguments = ["check", str(path), *example.options, *options, "--output-format", "json"]
    result = CliRunner().invoke(cli, arguments, standalone_mode=False)
    assert result.exception is None, result.exception
    fields = ("message", "advice", "node", "axis")
    return [
        Finding(
            row["code"],
            Level(row["level"]),
            tensor=row["output"],
            **{name: row[name] for name in fields},
        )
        for row in json.loads(result.stdout)["models"][0]["findings"]
    ]


def missing(facts: str, findings: Iterable[Finding]) -> list[str]:
    """The facts, separated by commas, that no finding states in words."""
    text = " ".join(f"{finding.message} {finding.advice}" for finding in findings)
    return [
        fact
        for fact in facts.split(", ")
        if not re.search(rf"(?<![\w.#]){re.escape(fact)}(?!\w)", text)
    ]


def complaints(code: str, folder: Path, patch: pytest.MonkeyPatch) -> list[str]:
    """The violations of a rule's manual by the rule; none if it keeps its promises."""
    module, found = modules()[code], []
    facts = iter(FACTS[code])
    for number, example in enumerate(examples_of(code)):
        findings = check(example, folder)
        own = [finding for finding in findings if finding.code == code]
        if bool(own) != example.bad:
            found.append(
                f"example {number}: expected {'a finding' if example.bad else 'none'}, got {own}"
            )
        if any(finding.level != module.LEVEL for finding in own):
            found.append(f"example {number}: expected level {module.LEVEL}, got {own}")
        if example.bad and (unsaid := missing(next(facts), own)):
            found.append(f"example {number}: expected {unsaid} to be named, got {own}")
        with patch.context() as without:
            without.setattr(module, "check", lambda case: ())
            left = check(example, folder)
        if left != [finding for finding in findings if finding.code != code]:
            found.append(
                f"example {number}: expected nothing but its own findings to go with the rule, "
                f"got {left}"
            )
    return found


@pytest.mark.parametrize("code", modules())
def test_examples(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert complaints(code, tmp_path, monkeypatch) == []


Check = Callable[[Case], Iterable[Finding]]


def silent(_: Check, code: str) -> Check:
    """Yields nothing."""
    return lambda case: ()


def loud(check: Check, code: str) -> Check:
    """Yields for the good example, too: what it said last, or else its title."""
    return lambda case: [*check(case), Finding(code, modules()[code].LEVEL, modules()[code].TITLE)]


def inverted(check: Check, code: str) -> Check:
    """Yields where the rule does not."""
    return lambda case: (
        () if list(check(case)) else [Finding(code, modules()[code].LEVEL, ", ".join(FACTS[code]))]
    )


def misnamed(check: Check, code: str) -> Check:
    """Yields the findings of the rule and repeats them under another code."""
    return lambda case: [
        one for found in check(case) for one in (found, replace(found, code="SL999"))
    ]


def vague(check: Check, code: str) -> Check:
    """Says the title of the rule instead of the facts."""
    return lambda case: [
        replace(found, message=modules()[code].TITLE, advice="") for found in check(case)
    ]


def weighed(check: Check, code: str) -> Check:
    """Yields at another level."""
    other = {Level.ERROR: Level.INFO, Level.WARNING: Level.ERROR, Level.INFO: Level.ERROR}
    return lambda case: [replace(found, level=other[found.level]) for found in check(case)]


@pytest.mark.parametrize("mutant", [silent, loud, inverted, misnamed, vague, weighed])
@pytest.mark.parametrize("code", modules())
def test_a_mutant_is_noticed(
    code: str,
    mutant: Callable[[Check, str], Check],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The examples can fail: they report any rule that does something else than it should."""
    monkeypatch.setattr(modules()[code], "check", mutant(modules()[code].check, code))
    assert complaints(code, tmp_path, monkeypatch)


@EACH
def test_what_is_deselected_is_gone_and_the_others_stay(example: Example, tmp_path: Path) -> None:
    findings = check(example, tmp_path)
    own = [finding for finding in findings if finding.code == example.code]
    assert check(example, tmp_path, "--select", example.code) == own
    assert check(example, tmp_path, "--ignore", example.code) == [
        finding for finding in findings if finding not in own
    ]


@pytest.mark.parametrize(("code", "options", "facts"), FOLLOWED)
def test_the_message_follows_the_facts(code: str, options: str, facts: str, tmp_path: Path) -> None:
    example = replace(
        next(one for one in examples_of(code) if one.bad), options=shlex.split(options)
    )
    assert missing(facts, check(example, tmp_path, "--select", code)) == []


@pytest.mark.parametrize("code", modules())
def test_catalog(code: str) -> None:
    module = modules()[code]
    manual = module.__doc__ or ""
    assert module.__name__.rsplit(".", 1)[1].startswith(f"{code.lower()}_")
    assert isinstance(module.LEVEL, Level)
    assert manual.startswith(f"{code} · {module.TITLE}.\n")
    assert "\nDo: " in manual
    assert {example.bad for example in examples_of(code)} == {True, False}
    bad = sum(example.bad for example in examples_of(code))
    assert len(FACTS.get(code, ())) == bad, (
        f"FACTS: expected what the {bad} bad examples of {code} must name"
    )
