"""The registry of transfer functions: what each operator does to the axes of its inputs.

A transfer function is pure. It takes abstract tensors by position, None for an omitted input, and the operator's attributes by
keyword, under their ONNX names and with their ONNX defaults, and returns one tensor per output. Its signature *is* the operator's
attribute table. It raises `SizeError` where the operator does not run at these sizes and `Unsupported` where this use of it is not
analyzed; the interpreter adds the node.

A function that declares the keyword `outputs` is told the number of outputs of the node (Split); one that declares `run` gets a
function that interprets a subgraph in the scope of the node (If, Loop). A function made from a table (`signed`) carries the
attribute table of its operator in `__signature__`. What cannot be analyzed is registered by `unknown`, with its reason.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from shiftlint.axes import Tensor, Unsupported

TransferFunction = Callable[..., "Tensor | tuple[Tensor, ...]"]
F = TypeVar("F", bound=TransferFunction)


@dataclass(frozen=True, slots=True)
class Transfer:
    """A registered transfer function and what its signature says.

    Attributes
    ----------
    function : TransferFunction
    since : int
        The first opset it holds for.
    keywords : frozenset of str
    minimum_inputs, maximum_inputs : int
        None: any number.
    any_attribute : bool
        It takes whatever attributes there are.
    types : dict
        The annotation of each keyword.
    required : frozenset of str
        Attributes without a default.
    positional : int
        Inputs that stand before variadic ones.
    gaps : bool
        Whether variadic inputs may be omitted.
    """

    function: TransferFunction
    since: int
    keywords: frozenset[str]
    minimum_inputs: int
    maximum_inputs: int | None
    any_attribute: bool
    types: dict[str, str]
    required: frozenset[str]
    positional: int
    gaps: bool

    @property
    def attributes(self) -> frozenset[str]:
        """The keywords that are attributes of the operator."""
        return self.keywords - SUPPLIED


SUPPLIED = frozenset({"outputs", "run"})  # keywords that the interpreter fills in
_REGISTRY: dict[tuple[str, str], list[Transfer]] = {}


def transfer(op: str, *, since: int, domain: str = "") -> Callable[[F], F]:
    """Register the decorated function for `op` of `domain` from opset `since` on."""

    def register(function: F) -> F:
        parameters = _signature(function).parameters.values()
        keywords = frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
        variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        minimum = sum(p.default is p.empty for p in positional)
        free = any(p.kind is p.VAR_KEYWORD for p in parameters)
        versions = _REGISTRY.setdefault((domain, op), [])
        if any(known.since == since for known in versions):
            raise ValueError(f"{domain or 'ai.onnx'}::{op} since {since} is registered twice")
        maximum = None if variadic else len(positional)
        types = {p.name: _types(p) for p in parameters if p.kind is p.KEYWORD_ONLY}
        required = frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty) - SUPPLIED
        gaps = any(p.kind is p.VAR_POSITIONAL and "None" in str(p.annotation) for p in parameters)
        versions.append(Transfer(function, since, keywords, minimum, maximum, free, types, required, len(positional), gaps))
        versions.sort(key=lambda known: known.since)
        return function

    return register


def signed(function: F, attributes: dict[str, Any], name: str, does: str) -> F:
    """Give a function made from a table, `f(*inputs, **attributes)`, the signature, the name and the manual of an operator."""
    own = _signature(function)
    inputs = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    keywords = [inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=value) for key, value in attributes.items()]
    function.__signature__ = own.replace(parameters=[*inputs, *keywords])  # type: ignore[attr-defined]
    function.__name__ = name.lower()
    function.__doc__ = f"{does}\n\nSpec: https://onnx.ai/onnx/operators/onnx__{name}.html"
    return function


def unknown(op: str, reason: str, *, since: int = 1, domain: str = "") -> None:
    """Register `op` as one that is not analyzed, for `reason`."""

    def function(*inputs: Tensor | None, **attributes: Any) -> Tensor:
        raise Unsupported(reason)

    function.__name__ = op.lower()
    function.__doc__ = f"Not analyzed: {reason}.\n\nSpec: https://onnx.ai/onnx/operators/onnx__{op}.html"
    transfer(op, since=since, domain=domain)(function)


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    given = getattr(function, "__signature__", None)
    return given if isinstance(given, inspect.Signature) else inspect.signature(function)


def find(op: str, domain: str, opset: int) -> Transfer | None:
    """The transfer function of `op` in `opset`: the newest that is not newer; None if there is none."""
    versions = registry().get((domain, op), [])
    return next((known for known in reversed(versions) if known.since <= opset), None)


def registry() -> dict[tuple[str, str], list[Transfer]]:
    """All transfer functions by (domain, op)."""
    import shiftlint.ops  # noqa: F401  # its modules register themselves

    return _REGISTRY


def misfit(known: Transfer, inputs: Sequence[str], attributes: dict[str, Any]) -> str | None:
    """What in a node is not in its operator's specification: the number of inputs, an attribute, the type of one."""
    if not known.any_attribute:
        unexpected = sorted(attributes.keys() - known.attributes)
        if unexpected:
            return f"attribute {unexpected[0]}"
        wrong = [name for name, value in attributes.items() if not _fits(value, known.types[name])]
        if wrong:
            return f"attribute {wrong[0]} of a wrong type"
        lacking = sorted(known.required - attributes.keys())
        if lacking:
            return f"no attribute {lacking[0]}"
    count = len(inputs)
    if count < known.minimum_inputs or any(not name for name in inputs[: known.minimum_inputs]):
        return "an input left out"
    if known.maximum_inputs is None:
        return "an input left out" if not known.any_attribute and not known.gaps and "" in inputs[known.positional :] else None
    return f"{count} inputs" if count > known.maximum_inputs and any(inputs[known.maximum_inputs :]) else None


def arguments(known: Transfer, attributes: dict[str, Any], outputs: int, run: Any) -> dict[str, Any]:
    """The keyword arguments of one call."""
    supplied = SUPPLIED & known.keywords
    if not supplied:
        return attributes
    return attributes | {name: outputs if name == "outputs" else run for name in supplied}


def _fits(value: Any, types: str) -> bool:
    """Whether an attribute has one of the types of an annotation."""
    for one in types.split(" | "):
        match one:
            case "Any":
                return True
            case "int":
                fits = type(value) is int
            case "float":
                fits = type(value) in {int, float}
            case "str":
                fits = type(value) is str
            case "Ints" | "tuple[int, ...]":
                fits = type(value) is tuple and all(type(v) is int for v in value)
            case "tuple[float, ...]":
                fits = type(value) is tuple and all(type(v) in {int, float} for v in value)
            case "tuple[str, ...]":
                fits = type(value) is tuple and all(type(v) is str for v in value)
            case "Tensor":
                fits = isinstance(value, Tensor)
            case _:
                fits = False
        if fits:
            return True
    return False


def _types(parameter: inspect.Parameter) -> str:
    """The annotation of a keyword; of one from a table, the type of its default."""
    if isinstance(parameter.annotation, str):
        return parameter.annotation
    return type(parameter.default).__name__ if isinstance(parameter.default, int | float | str) else "Any"
