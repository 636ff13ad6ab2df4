"""JSON Schemas (2020-12) of all documents of shiftlint, shiftrun and shiftzoo; validation."""

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
        The schema's `description` of this place; otherwise the validator's message.
    got : object
        The value found there.
    unknown, known : tuple of str
        Keys in `got` that the schema does not allow, and keys that it allows; empty for other
        errors.
    """

    path: tuple[str | int, ...]
    expected: str
    got: object
    unknown: tuple[str, ...] = ()
    known: tuple[str, ...] = ()


class SchemaError(ValueError):
    """A document breaks its schema; the message states place, expected value and value found.

    Attributes
    ----------
    breach : Breach, optional
        The same facts as values, for callers that write their own message.
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
        The document violates the schema; has the path, the expected value and the value found.
    """
    if conforms(document, load(name)):
        return
    # takes 0.1 s: imported only if `conforms` cannot decide
    from jsonschema import Draft202012Validator
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
    """Facts of a ValidationError, of the innermost described schema, or the outermost."""
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
