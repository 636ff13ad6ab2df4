"""Control flow: constant conditions are followed, constant counts unrolled, others must agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shiftlint.calculus.combine import combine_dims
from shiftlint.calculus.note import Kind, Note, Reason, Unsupported
from shiftlint.calculus.tensor import Tensor, constant, derived
from shiftlint.ops.broadcasting import forgotten
from shiftlint.ops.elementwise import pointwise
from shiftlint.ops.registry import numbered, transfer
from shiftlint.ops.shape_values import viewed

RunBody = Callable[[Any, tuple[Tensor, ...]], tuple[Tensor, ...]]
LONGEST_LOOP = 64  # rounds


@transfer("If", since=1)
@numbered("condition")
def if_(
    condition: Tensor, *, then_branch: Any, else_branch: Any, run: RunBody
) -> tuple[Tensor, ...]:
    """The branch that a constant condition chooses; otherwise what both have in common.

    Spec: https://onnx.ai/onnx/operators/onnx__If.html
    """
    chosen = condition.number()
    if chosen is not None:
        return run(then_branch if chosen else else_branch, ())
    first, second = run(then_branch, ()), run(else_branch, ())
    if [t.dims for t in first] != [t.dims for t in second] or any(
        t.opaque for t in (*first, *second)
    ):
        raise Unsupported(Reason.BRANCHES_DIFFER)
    reason = Reason.BRANCH_BY_IMAGE
    decided = [
        Note(Kind.GLOBAL, note.axis, reason, note.period)
        for note in condition.notes
        if note.kind is Kind.GLOBAL
    ]
    if condition.from_image and not decided:
        raise Unsupported(Reason.CONDITION_FROM_IMAGE)
    found = []
    for a, b in zip(map(forgotten, first), map(forgotten, second), strict=True):
        met = [combine_dims(one, two) for one, two in zip(a.dims, b.dims, strict=True)]
        notes = [note for _, more in met for note in more]
        found.append(derived([dim for dim, _ in met], a, b, condition, notes=notes + decided))
    return tuple(found)


@transfer("Loop", since=1)
@numbered("count", "condition", "initial")
def loop(
    count: Tensor | None = None,
    condition: Tensor | None = None,
    *initial: Tensor,
    body: Any,
    run: RunBody,
) -> tuple[Tensor, ...]:
    """Unrolled if the count is constant and small; results gathered per round are not followed.

    Spec: https://onnx.ai/onnx/operators/onnx__Loop.html
    """
    rounds = None if count is None else count.number()
    if not isinstance(rounds, int) or not 0 <= rounds <= LONGEST_LOOP:
        raise Unsupported(Reason.LOOP_TOO_LONG, most=LONGEST_LOOP)
    goes_on = condition if condition is not None else constant(True, "bool")
    state = tuple(initial)
    for round_ in range(rounds):
        if goes_on.number() is None:
            raise Unsupported(Reason.NOT_CONSTANT, operand="condition")
        if not goes_on.number():
            break
        results = run(body, (constant(round_), goes_on, *state))
        if len(results) != 1 + len(state):
            raise Unsupported(Reason.LOOP_GATHERS)
        goes_on, state = results[0], results[1:]
    return state


@transfer("Scan", since=8)
def scan(
    *inputs: Tensor,
    body: Any,
    num_scan_inputs: int,
    directions: tuple[int, ...] | None = None,
    scan_input_axes: tuple[int, ...] | None = None,
    scan_input_directions: tuple[int, ...] | None = None,
    scan_output_axes: tuple[int, ...] | None = None,
    scan_output_directions: tuple[int, ...] | None = None,
) -> Tensor:
    """A state that runs along an axis.

    Spec: https://onnx.ai/onnx/operators/onnx__Scan.html
    """
    raise Unsupported(Reason.SCANNED)


@transfer("Optional", since=15)
def optional(x: Tensor | None = None, *, type: Any = None) -> Tensor:
    """An optional tensor.

    Spec: https://onnx.ai/onnx/operators/onnx__Optional.html
    """
    if x is None:
        raise Unsupported(Reason.ABSENT)
    return viewed(lambda array: array, x) or pointwise(x)


@transfer("OptionalGetElement", since=15)
def optional_get_element(x: Tensor) -> Tensor:
    """The tensor.

    Spec: https://onnx.ai/onnx/operators/onnx__OptionalGetElement.html
    """
    return optional(x)


@transfer("OptionalHasElement", since=15)
def optional_has_element(x: Tensor | None = None) -> Tensor:
    """Whether there is a tensor.

    Spec: https://onnx.ai/onnx/operators/onnx__OptionalHasElement.html
    """
    return constant(x is not None, "bool")
