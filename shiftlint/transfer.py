"""The registry of transfer functions: what each operator does to the axes of its inputs.

A transfer function is pure. It takes abstract tensors by position, None for an omitted input, and the operator's attributes by
keyword, under their ONNX names and with their ONNX defaults, and returns one tensor per output. Its signature *is* the operator's
attribute table. It raises `SizeError` where the operator does not run at these sizes and `Unsupported` where this use of it is not
analyzed; the interpreter adds the node.

A function that declares the keyword `outputs` is told the number of outputs of the node (Split).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from shiftlint.axes import Tensor

TransferFunction = Callable[..., "Tensor | tuple[Tensor, ...]"]
F = TypeVar("F", bound=TransferFunction)


@dataclass(frozen=True, slots=True)
class Transfer:
    """A registered transfer function: the first opset it holds for, and the keywords that it takes."""

    function: TransferFunction
    since: int
    keywords: frozenset[str]
    maximum_inputs: int | None


_REGISTRY: dict[tuple[str, str], list[Transfer]] = {}


def transfer(op: str, *, since: int, domain: str = "") -> Callable[[F], F]:
    """Register the decorated function for `op` of `domain` from opset `since` on."""

    def register(function: F) -> F:
        parameters = inspect.signature(function).parameters.values()
        keywords = frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
        variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        maximum = None if variadic else sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
        versions = _REGISTRY.setdefault((domain, op), [])
        if any(known.since == since for known in versions):
            raise ValueError(f"{domain or 'ai.onnx'}::{op} since {since} is registered twice")
        versions.append(Transfer(function, since, keywords, maximum))
        versions.sort(key=lambda known: known.since)
        return function

    return register


def find(op: str, domain: str, opset: int) -> Transfer | None:
    """The transfer function of `op` in `opset`: the newest that is not newer; None if there is none."""
    versions = registry().get((domain, op), [])
    return next((known for known in reversed(versions) if known.since <= opset), None)


def registry() -> dict[tuple[str, str], list[Transfer]]:
    """All transfer functions by (domain, op)."""
    import shiftlint.ops  # noqa: F401  # its modules register themselves

    return _REGISTRY


def arguments(known: Transfer, attributes: dict[str, Any], outputs: int) -> dict[str, Any]:
    """The keyword arguments of one call."""
    return attributes | ({"outputs": outputs} if "outputs" in known.keywords else {})
