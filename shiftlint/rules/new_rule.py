"""Write a starter rule: a module that flags one operator, with manual, examples and test row.

The module goes to the folder of the rules with the same first digit. It passes the tests as it is;
change it from there.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from shiftlint.console.whole_files import write_atomically
from shiftlint.errors import InputError
from shiftlint.rules import catalog
from shiftlint.rules.catalog import modules

OPERATOR = "Softsign"  # a new rule flags this until it is written
OPSET = 17  # of the examples
NODE = "bend"  # in the bad example; the finding must name it
TEST = Path("tests/shiftlint/rules/test_rules.py")
ROW = re.compile(r'^    "(SL\d{3})": \[.*\],\n', re.MULTILINE)
FILLERS = {"a", "an", "are", "is", "its", "of", "or", "that", "the", "to"}
TEMPLATE = '''"""{code} · {title}.

Why this matters: how tiles of such a network go wrong, in a sentence or two.

Do: what to do about it.

Bad:

    <ir_version: 8, opset_import: ["": {opset}]>
    g (float[n,1,h,w] image) => (float[n,1,h,w] out) {{
      [{node}] out = {operator}(image)
    }}

Good:

    <ir_version: 8, opset_import: ["": {opset}]>
    g (float[n,1,h,w] image) => (float[n,1,h,w] out) {{
      out = {other}(image)
    }}
"""

from __future__ import annotations

from collections.abc import Iterator

from shiftlint.rules.case import Case
from shiftlint.rules.finding import Finding, Level

CODE = "{code}"
LEVEL = Level.WARNING
TITLE = "{title}"


def check(case: Case) -> Iterator[Finding]:
    """One finding per {operator}."""
    for node in case.nodes:
        if node.op == "{operator}":
            yield Finding(
                CODE,
                LEVEL,
                f"{{node.op}} {{node.name!r}}: expected no such node on the path, got one.",
                "Export the network without it.",
                node.name,
            )
'''


def new_rule(code: str, title: str, operator: str = OPERATOR) -> list[Path]:
    """Write a rule's module and test row into the checkout that this package is imported from.

    Parameters
    ----------
    code : str
        A free code in a hundred that has a folder.
    title : str
        What the rule finds, in a few words without a period at the end.
    operator : str
        ONNX operator with the image as its only input; the rule flags it at first.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    InputError
        A value is invalid, or the package is not in a writable checkout.
    """
    code, title = code.upper(), title.strip()
    _check_title(title)
    _check_operator(operator)
    room = _room(code)
    test = room.parents[2] / TEST
    for place in (room, test):
        if not place.exists():
            raise InputError(
                f"no checkout ({room.parents[2]}): expected {TEST} in it. Clone the repository "
                "and pip install -e it."
            )
        if not os.access(place, os.W_OK):
            raise InputError(
                f"cannot write ({place}): expected a checkout of your own. Clone the repository "
                "and pip install -e it."
            )
    rows = _with_row(test, code, operator)
    module = room / f"{code.lower()}_{_slug(title)}.py"
    other = "Relu" if operator != "Relu" else "Sigmoid"
    write_atomically(
        module,
        TEMPLATE.format(
            code=code, title=title, operator=operator, other=other, node=NODE, opset=OPSET
        ).encode(),
    )
    try:
        write_atomically(test, rows.encode())
    except InputError:
        module.unlink()
        raise
    return [module, test]


def _room(code: str) -> Path:
    """The folder of the rules with the same first digit."""
    known = modules()
    if not re.fullmatch(r"SL\d{3}", code):
        raise InputError(
            f"bad code ({code}): expected SL and three digits, such as SL199. shiftlint rule "
            "lists all codes."
        )
    if code in known:
        raise InputError(
            f"code is taken ({code}): expected a free code, got that of {known[code].__name__}. "
            "shiftlint rule lists all codes."
        )
    rooms = {one[:3]: module.__name__.split(".")[-2] for one, module in known.items()}
    if code[:3] not in rooms:
        listed = ", ".join(f"{start}xx {name}" for start, name in rooms.items())
        raise InputError(
            f"no folder for this code ({code}): expected one of {listed}. Create the folder and "
            "its first rule by hand."
        )
    return Path(catalog.__file__).parent / rooms[code[:3]]


def _check_title(title: str) -> None:
    if not re.fullmatch(r"""[^\n"\\{}]{1,110}""", title) or title.endswith(".") or not _slug(title):
        raise InputError(
            f"bad title ({title!r}): expected one line without quotes, braces or a final period. "
            "Say what the rule finds."
        )


def _check_operator(operator: str) -> None:
    from onnx import defs

    if defs.has(operator, max_inclusive_version=OPSET):
        schema = defs.get_schema(operator, OPSET, "")
        if schema.min_input <= 1 <= schema.max_input and not any(
            one.required for one in schema.attributes.values()
        ):
            return
    raise InputError(
        f"no such operator (--operator {operator}): expected an ONNX operator that takes only the "
        f"image, such as {OPERATOR}. Omit --operator, and write the examples by hand."
    )


def _slug(title: str) -> str:
    """The first four meaningful words, as a module name."""
    words = [word for word in re.findall(r"[a-z0-9]+", title.lower()) if word not in FILLERS]
    return "_".join(words[:4])


def _with_row(test: Path, code: str, operator: str) -> str:
    """The test file's text with one more row of FACTS: what the bad example must name."""
    text = test.read_text(encoding="utf-8")
    table = text[text.index("FACTS = {") :] if "FACTS = {" in text else ""
    before = [row for row in ROW.finditer(table[: table.find("\n}\n") + 1]) if row[1] < code]
    if not before:
        raise InputError(
            f'unknown format ({test}): expected rows like "{code}": [...] in FACTS, got none. Add '
            "the row by hand."
        )
    place = len(text) - len(table) + before[-1].end()
    return f'{text[:place]}    "{code}": ["{operator}, {NODE}"],\n{text[place:]}'
