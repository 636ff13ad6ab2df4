"""A fast check that a document conforms to a schema, without importing a validator.

`conforms` supports the part of JSON Schema 2020-12 that small documents need. True means that a
validator would also accept the document. False only means that a validator must decide: the schema
has an unsupported keyword, or the document is invalid and the validator explains why.
"""

from __future__ import annotations

import re
from typing import Any

Schema = dict[str, Any]

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "integer": (int,),
    "number": (int, float),
}
ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description"}


def conforms(document: Any, schema: Schema, root: Schema | None = None) -> bool:
    """Whether `document` certainly conforms to `schema`; local references resolve in `root`."""
    root = schema if root is None else root
    return all(
        key in ANNOTATIONS or _holds(key, wanted, document, schema, root)
        for key, wanted in schema.items()
    )


def _holds(key: str, wanted: Any, document: Any, schema: Schema, root: Schema) -> bool:
    match key:
        case "type":
            names = wanted if isinstance(wanted, list) else [wanted]
            return any(type(document) in TYPES[name] for name in names)
        case "$ref":
            name = wanted.removeprefix("#/$defs/")
            return name in root.get("$defs", {}) and conforms(document, root["$defs"][name], root)
        case "const":
            return _same(document, wanted)
        case "enum":
            return any(_same(document, one) for one in wanted)
        case "anyOf":
            return any(conforms(document, one, root) for one in wanted)
        case "minimum" | "exclusiveMinimum" | "maximum":
            return type(document) not in TYPES["number"] or _bounded(key, document, wanted)
        case "minLength" | "pattern":
            return not isinstance(document, str) or (
                len(document) >= wanted
                if key == "minLength"
                else re.search(wanted, document) is not None
            )
        case "minItems" | "maxItems":
            return not isinstance(document, list) or (
                len(document) >= wanted if key == "minItems" else len(document) <= wanted
            )
        case "items":
            return not isinstance(document, list) or all(
                conforms(item, wanted, root) for item in document
            )
        case "required":
            return not isinstance(document, dict) or all(name in document for name in wanted)
        case "properties":
            return not isinstance(document, dict) or all(
                conforms(document[n], wanted[n], root) for n in wanted if n in document
            )
        case "additionalProperties":
            others = (
                document.keys() - schema.get("properties", {}) if isinstance(document, dict) else ()
            )
            return not others or (
                isinstance(wanted, dict)
                and all(conforms(document[name], wanted, root) for name in others)
            )
        case _:
            return False


def _bounded(key: str, document: float, bound: float) -> bool:
    if key == "maximum":
        return document <= bound
    return document >= bound if key == "minimum" else document > bound


def _same(document: Any, wanted: Any) -> bool:
    """Whether both are equal scalars of the same type: in JSON, true is not 1."""
    return (
        type(document) is type(wanted)
        and not isinstance(wanted, dict | list)
        and bool(document == wanted)
    )
