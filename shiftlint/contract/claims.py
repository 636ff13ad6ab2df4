"""The claims of a contract along one input axis, and the sizes for which all of them hold."""

from __future__ import annotations

from math import ceil, lcm

from shiftlint.contract.values import AxisContract, Contract, OutputContract

STEPS = 3  # output steps that an image must have free of padding


def claims(contract: Contract, axis: int) -> list[tuple[OutputContract, AxisContract]]:
    """The outputs that follow this input axis with a period."""
    return [
        (o, a)
        for o in contract.outputs
        for a in o.axes
        if a.input_axis == axis and a.period and a.sizes
    ]


def smallest_legal(contract: Contract, axis: int, least: int) -> int | None:
    """The smallest size >= `least` px that is legal for all outputs; a static size as it is."""
    known = [a.sizes for _, a in claims(contract, axis) if a.sizes]
    fixed = [s.max for s in known if s.max is not None and s.min == s.max]
    start = fixed[0] if fixed else max([least, *(s.min for s in known)])
    span = lcm(*(s.modulus for s in known))
    return next((n for n in range(start, start + span) if all(s.legal(n) for s in known)), None)


def grid(contract: Contract, axis: int) -> int:
    """Input px by which a tile may move, and a size may grow and stay legal for all outputs."""
    claimed = [a for _, a in claims(contract, axis)]
    return lcm(*(a.period or 1 for a in claimed), *(a.sizes.modulus for a in claimed if a.sizes))


def enough(axis: AxisContract) -> int:
    """Input px that give `STEPS` clean output steps, with room for windows that differ by phase."""
    if axis.output_size is None or axis.step is None or axis.period is None:
        return 1
    reads = [r for r in axis.reads or () if r]
    spread = max((r[0] for r in reads), default=0) - min((r[0] for r in reads), default=0)
    steps = STEPS + ceil(spread / axis.period)
    return ceil(
        (sum(axis.border) + steps * axis.step + axis.output_size.offset) / axis.output_size.scale
    )
