"""The JSON Schemas (2020-12) of everything that shiftlint, shiftrun and shiftzoo exchange, and the
check against them.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from shiftschemas.conforming import conforms

__all__ = ["Breach", "SchemaError", "load", "validate"]


class Breach(NamedTuple):
    """Where a document breaks its schema.

    Attributes
    ----------
    path : tuple of str or int
        Keys and indices from the top of the document.
    expected : str
        What the schema says of this place (`description`); else what the validator says.
    got : object
        What stands there.
    unknown, known : tuple of str
        Keys in `got` that the schema does not allow, and those it does; empty if something else is
        wrong.
    """

    path: tuple[str | int, ...]
    expected: str
    got: object
    unknown: tuple[str, ...] = ()
    known: tuple[str, ...] = ()


class SchemaError(ValueError):
    """A document that breaks its schema; the message names the place, what was expected and what
    was found.

    Attributes
    ----------
    breach : Breach, optional
        The same as values, for those who say it in words of their own.
    """

    def __init__(self, message: str, breach: Breach | None = None) -> None:
        super().__init__(message)
        self.breach = breach


@cache
def load(name: str) -> dict[str, Any]:
    """Return the schema `name` (as in NAME.schema.json)."""
    text = Path(__file__).with_name(f"{name}.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def validate(document: object, name: str, *, where: str) -> None:
    """Check `document` against schema `name`; `where` names the document in the error.

    Raises
    ------
    SchemaError
        At the first violation, with its path, what the schema expects and what it got.
    """
    if conforms(document, load(name)):
        return
    from jsonschema import (
        Draft202012Validator,
    )  # 0.1 s: only where something is wrong, or not known here
    from jsonschema.exceptions import best_match
    from referencing import Registry, Resource

    def retrieve(uri: str) -> Resource[Any]:
        return Resource.from_contents(load(uri.removesuffix(".schema.json")))

    registry: Registry[Any] = Registry(retrieve=retrieve)  # type: ignore[call-arg]
    error = best_match(Draft202012Validator(load(name), registry=registry).iter_errors(document))
    if error is not None:
        place = error.json_path.removeprefix("$.") if error.json_path != "$" else "top level"
        raise SchemaError(
            f"breaks {name}.schema.json ({where}, {place}): {error.message}.", _breach(error)
        )


def _breach(error: Any) -> Breach:
    """The facts of a ValidationError: those of the innermost schema around it that has a
    description, else of the outermost.
    """
    while error.parent is not None and "description" not in error.schema:
        error = error.parent
    schema, got = error.schema, error.instance
    known = (
        tuple(sorted(schema.get("properties", ())))
        if error.validator == "additionalProperties"
        else ()
    )
    unknown = tuple(key for key in got if key not in known) if known else ()
    return Breach(
        tuple(error.absolute_path), schema.get("description", error.message), got, unknown, known
    )
