"""The pages of the repository and their code blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAMES = (
    "README.md",
    *(f"{folder}/README.md" for folder in ("shiftlint", "runtime", "zoo", "tests", "schemas")),
)
BLOCK = re.compile(
    r"^```(?P<kind>\w*)(?: (?P<label>\S+))?\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL
)
ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: the language, the word behind it ("" if there is none), and the text."""

    kind: str
    label: str
    text: str

    @property
    def file(self) -> str:
        """The path that the block names, behind its language or in a comment on its first line; ""
        if it names none.
        """
        named = re.match(r"# (\S+\.\w+)\n", self.text)
        return self.label if "." in self.label else named[1] if named else ""


@dataclass(frozen=True, slots=True)
class Command:
    """A line that begins with a dollar, without its comment, and what is shown below it ("" if
    nothing is).
    """

    text: str
    output: str


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str) -> list[Block]:
    return [
        Block(found["kind"], found["label"] or "", found["text"]) for found in BLOCK.finditer(text)
    ]


def commands(block: Block) -> list[Command]:
    if block.kind != "console":
        return []
    found = re.finditer(
        r"^\$ (?P<command>[^\n]+)\n(?P<output>(?:(?!\$ )[^\n]*\n)*)", block.text, re.MULTILINE
    )
    return [Command(one["command"].split("  #")[0].strip(), one["output"]) for one in found]


def sections(text: str, beginning: str) -> list[str]:
    """The parts of a page under second-level headings that begin like this."""
    return [
        part
        for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]
        if part.startswith(beginning)
    ]


def agrees(shown: str, printed: str) -> bool:
    """Whether a command printed what is shown; an ellipsis stands for the rest of a line's
    beginning, or for any lines.
    """
    pattern = ""
    for line in shown.splitlines(keepends=True):
        if line == f"{ELLIPSIS}\n":
            pattern += r"(?:[^\n]*\n)*?"
        elif line.startswith(ELLIPSIS):
            pattern += r"[^\n]*" + re.escape(line.removeprefix(ELLIPSIS))
        else:
            pattern += re.escape(line)
    return re.fullmatch(pattern, printed) is not None
