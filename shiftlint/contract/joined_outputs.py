"""Outputs that are computed together: those on one grid, and their common axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shiftlint.contract.values import AxisContract, OutputContract, hull
from shiftlint.errors import InputError


def joined_axes(outputs: Sequence[OutputContract]) -> tuple[AxisContract, ...]:
    """The common axes of several outputs: equal grids, the hull of windows, the wider border.

    Raises
    ------
    InputError
        The outputs are on different grids.
    """
    joined = outputs[0].axes
    for output in outputs[1:]:
        if not same_grid(outputs[0], output):
            raise InputError(
                f"outputs on different grids ({outputs[0].name}, {output.name}): expected equal "
                "steps, sizes and origins. "
                "Run them one by one with shiftrun embed --output."
            )
        joined = tuple(_join(a, b) for a, b in zip(joined, output.axes, strict=True))
    return joined


def same_grid(a: OutputContract, b: OutputContract) -> bool:
    """Whether two outputs can be computed together: equal steps, sizes and origins."""
    return len(a.axes) == len(b.axes) and all(
        _grid(x) == _grid(y) for x, y in zip(a.axes, b.axes, strict=True)
    )


def _grid(axis: AxisContract) -> tuple[object, ...]:
    return axis.period, axis.step, axis.output_size, axis.input_axis, axis.origin


def _join(a: AxisContract, b: AxisContract) -> AxisContract:
    reads = (
        None
        if a.reads is None or b.reads is None
        else tuple(hull(x, y) for x, y in zip(a.reads, b.reads, strict=True))
    )
    border = (max(a.border[0], b.border[0]), max(a.border[1], b.border[1]))
    padding = tuple(dict.fromkeys((*a.padding, *b.padding)))
    is_global, bitwise = a.is_global or b.is_global, a.bitwise and b.bitwise
    rounding = a.rounding.join(b.rounding)
    return replace(
        a,
        reads=reads,
        border=border,
        padding=padding,
        is_global=is_global,
        bitwise=bitwise,
        rounding=rounding,
    )
