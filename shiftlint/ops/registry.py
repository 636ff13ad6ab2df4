"""The registry of transfer functions: what each operator does to the axes of its inputs.

A transfer function is pure. It takes abstract tensors by position (None for an omitted input) and
the operator's attributes by keyword, with their ONNX names and defaults. It returns one tensor per
output. Its signature *is* the operator's attribute table. It raises `SizeError` if the operator
does not run at these sizes and `Unsupported` if this use is not analyzed; the interpreter adds the
node.

The decorator `numbered` declares which inputs are ignored when programs are compared
(`shiftlint.analysis.size_dependence`).

A function with the keyword `outputs` receives the node's number of outputs (Split); one with the
keyword `run` receives a function that interprets a subgraph in the node's scope (If, Loop). A
function made from a table (`signed`) carries its operator's attribute table in `__attributes__`.
`unknown` registers an operator that cannot be analyzed, with the reason.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from threading import Lock
from typing import Any, TypeVar

from shiftlint.calculus.note import Reason, Unsupported
from shiftlint.calculus.tensor import Tensor

TransferFunction = Callable[..., "Tensor | tuple[Tensor, ...]"]
F = TypeVar("F", bound=TransferFunction)


@dataclass(frozen=True, slots=True)
class Transfer:
    """A registered transfer function and the facts of its signature.

    Attributes
    ----------
    function : TransferFunction
    since : int
        The first opset that it is valid for.
    keywords : frozenset of str
    minimum_inputs, maximum_inputs : int
        Number of inputs; None: any number.
    any_attribute : bool
        Whether it accepts any attribute.
    types : dict
        The annotation of each keyword.
    required : frozenset of str
        Attributes without a default.
    positional : int
        Number of inputs before the variadic ones.
    gaps : bool
        Whether variadic inputs may be omitted.
    elementwise : bool
        Whether repeats of equal input elements along an axis are irrelevant.
    geometric : frozenset of int
        Inputs that determine where elements go, or how many there are.
    besides : callable, optional
        As in `numbered`.
    parameters : tuple of (int, str)
        Index and name of the inputs annotated as `Parameter`, which may not be computed from the
        image.
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
    elementwise: bool
    geometric: frozenset[int]
    besides: Callable[..., Hashable] | None
    parameters: tuple[tuple[int, str], ...]

    @property
    def attributes(self) -> frozenset[str]:
        """The keywords that are attributes of the operator."""
        return self.keywords - SUPPLIED


MOST_INPUTS = 64  # variadic and geometric
SUPPLIED = frozenset({"outputs", "run"})  # keywords that the interpreter supplies
# (domain, op) -> since -> function
_REGISTRY: dict[tuple[str, str], dict[int, TransferFunction]] = {}
_IMPORTING = Lock()


def transfer(op: str, *, since: int, domain: str = "") -> Callable[[F], F]:
    """Register the decorated function for `op` of `domain` from opset `since` on."""

    def register(function: F) -> F:
        versions = _REGISTRY.setdefault((domain, op), {})
        if since in versions:
            raise ValueError(f"{domain or 'ai.onnx'}::{op} since {since} is registered twice")
        versions[since] = function
        return function

    return register


def numbered(
    *geometric: str, elementwise: bool = False, besides: Callable[..., Hashable] | None = None
) -> Callable[[F], F]:
    """Declare which inputs of the function are ignored when programs are compared.

    Parameters
    ----------
    *geometric : str
        Inputs that determine where elements go, or how many there are. Along image axes, the
        relations of the result already show their effect.
    elementwise : bool
        Whether each result element depends only on elements at its own position, so repeats of
        equal elements along an axis are irrelevant.
    besides : callable (the inputs and attributes of the function) to hashable, optional
        The effect of geometric inputs along the other axes, and sizes that matter although the
        function is elementwise. A tensor in it represents its value.
    """

    def declare(function: F) -> F:
        function.__numbered__ = (elementwise, geometric, besides)  # type: ignore[attr-defined]
        return function

    return declare


@cache
def described(function: TransferFunction, since: int) -> Transfer:
    """The facts of a function's signature, read on first use: a network needs few functions."""
    parameters = signature(function).parameters.values()
    keywords = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    variadic = [p for p in parameters if p.kind is p.VAR_POSITIONAL]
    positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    elementwise, geometric, besides = getattr(function, "__numbered__", (False, (), None))
    inputs = [p.name for p in positional] + [p.name for p in variadic] * MOST_INPUTS
    return Transfer(
        function,
        since,
        keywords=frozenset(p.name for p in keywords),
        minimum_inputs=sum(p.default is p.empty for p in positional),
        maximum_inputs=None if variadic else len(positional),
        any_attribute=any(p.kind is p.VAR_KEYWORD for p in parameters),
        types={p.name: _types(p) for p in keywords},
        required=frozenset(p.name for p in keywords if p.default is p.empty) - SUPPLIED,
        positional=len(positional),
        gaps=any("None" in str(p.annotation) for p in variadic),
        elementwise=elementwise,
        geometric=frozenset(index for index, name in enumerate(inputs) if name in geometric),
        besides=besides,
        parameters=tuple(
            (index, p.name)
            for index, p in enumerate(positional)
            if "Parameter" in str(p.annotation)
        ),
    )


def signed(function: F, attributes: dict[str, Any], name: str, does: str) -> F:
    """Give a table-made `f(*inputs, **attributes)` an operator's signature, name and docs."""
    function.__attributes__ = attributes  # type: ignore[attr-defined]
    function.__name__ = name.lower()
    function.__doc__ = f"{does}\n\nSpec: https://onnx.ai/onnx/operators/onnx__{name}.html"
    return function


def unknown(op: str, reason: Reason, *, since: int = 1, domain: str = "") -> None:
    """Register `op` as not analyzed, for `reason`."""

    def function(*inputs: Tensor | None, **attributes: Any) -> Tensor:
        raise Unsupported(reason)

    function.__name__ = op.lower()
    function.__doc__ = (
        f"Not analyzed: {reason}.\n\nSpec: https://onnx.ai/onnx/operators/onnx__{op}.html"
    )
    transfer(op, since=since, domain=domain)(function)


def signature(function: TransferFunction) -> inspect.Signature:
    """The signature of a transfer function; a table-made one has its operator's attributes."""
    own = inspect.signature(function)
    attributes = getattr(function, "__attributes__", None)
    if attributes is None:
        return own
    inputs = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
    keywords = [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=value)
        for key, value in attributes.items()
    ]
    return own.replace(parameters=[*inputs, *keywords])


def find(op: str, domain: str, opset: int) -> Transfer | None:
    """The newest transfer function of `op` registered up to `opset`, or None."""
    versions = _versions((domain, op))
    since = max((since for since in versions if since <= opset), default=None)
    return None if since is None else described(versions[since], since)


def registry() -> dict[tuple[str, str], list[Transfer]]:
    """All transfer functions by (domain, op), oldest first."""
    _versions(None)
    return {
        key: [described(known[since], since) for since in sorted(known)]
        for key, known in _REGISTRY.items()
    }


def _versions(key: tuple[str, str] | None) -> dict[int, TransferFunction]:
    """The functions registered under `key`. Imports ops modules until one has it; None: all."""
    with _IMPORTING:
        while key not in _REGISTRY and (name := next(_unread(), None)):
            import_module(name)
        return _REGISTRY.get(key, {}) if key else {}


@cache
def _unread() -> Iterator[str]:
    """The modules of shiftlint.ops not imported yet."""
    from shiftlint.ops import module_names

    return iter(module_names())


def misfit(known: Transfer, inputs: Sequence[str], attributes: dict[str, Any]) -> str | None:
    """What in a node violates its operator's specification: input count, attribute or its type."""
    if not known.any_attribute:
        unexpected = sorted(attributes.keys() - known.attributes)
        if unexpected:
            return f"attribute {unexpected[0]}"
        wrong = [name for name, value in attributes.items() if not _fits(value, known.types[name])]
        if wrong:
            return f"attribute {wrong[0]} of the wrong type"
        lacking = sorted(known.required - attributes.keys())
        if lacking:
            return f"no attribute {lacking[0]}"
    count = len(inputs)
    if count < known.minimum_inputs or any(not name for name in inputs[: known.minimum_inputs]):
        return "an input left out"
    if known.maximum_inputs is None:
        return (
            "an input left out"
            if not known.any_attribute and not known.gaps and "" in inputs[known.positional :]
            else None
        )
    return (
        f"{count} inputs"
        if count > known.maximum_inputs and any(inputs[known.maximum_inputs :])
        else None
    )


def arguments(
    known: Transfer, attributes: dict[str, Any], outputs: int, run: Any
) -> dict[str, Any]:
    """The keyword arguments of one call."""
    supplied = SUPPLIED & known.keywords
    if not supplied:
        return attributes
    return attributes | {name: outputs if name == "outputs" else run for name in supplied}


def _fits(value: Any, types: str) -> bool:
    """Whether an attribute value has one of the annotated types."""
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
    """The annotation of a keyword; for a table-made function, the type of its default."""
    if isinstance(parameter.annotation, str):
        return parameter.annotation
    return (
        type(parameter.default).__name__
        if isinstance(parameter.default, int | float | str)
        else "Any"
    )
