"""A contract for a reader: one table per output."""

from __future__ import annotations

from shiftlint.contract.values import AxisContract, Contract, OutputContract, Window


def render(path: str, contract: Contract) -> str:
    """The text that `shiftlint analyze` prints for one model."""
    image = contract.input
    lines = [
        f"{path}",
        f"  input {image.name} {list(image.shape)} {image.dtype}, batch {image.batch}",
    ]
    for output in contract.outputs:
        lines += _output(output)
    return "\n".join(lines)


def _output(output: OutputContract) -> list[str]:
    aware = "location-aware" if output.location_aware else "not location-aware"
    capacity = "no bound" if output.capacity is None else f"at most {output.capacity}"
    lines = [
        f"  output {output.name} {list(output.shape)}",
        f"    upsampling {output.upsampling} ({aware}), same-looking objects apart: {capacity}",
    ]
    for axis in output.axes:
        lines += [f"    {axis.name}: {line}" for line in _axis(axis)]
    return lines + [
        f"    because of {reason}" for reason in dict.fromkeys(map(str, output.reasons))
    ]


def _axis(axis: AxisContract) -> list[str]:
    if axis.period is None or axis.sizes is None or axis.output_size is None:
        return ["no period"]
    sizes, size = axis.sizes, axis.output_size
    lines = [
        f"period {axis.period} input px, step {axis.step} output px, output = {size.scale}·n - "
        f"{size.offset}"
    ]
    if axis.is_global:
        lines.append("depends on the whole axis")
    elif axis.reads is not None:
        lines += [f"phases {phases} read {window}" for phases, window in _phases(axis.reads)]
    if axis.padding:
        kinds = ", ".join(sorted({p.kind for p in axis.padding}))
        lines.append(
            f"padded with {kinds} by {len(axis.padding)} nodes, reaching {axis.border[0]} px and "
            f"{axis.border[1]} px"
        )
    most = "" if sizes.max is None else f" to {sizes.max}"
    residues = ", ".join(map(str, sizes.residues))
    lines.append(f"legal sizes from {sizes.min}{most}, {residues} modulo {sizes.modulus}")
    return lines


def _phases(reads: tuple[Window | None, ...]) -> list[tuple[str, str]]:
    """Group consecutive phases with the same window."""
    runs: list[tuple[int, int, Window | None]] = []
    for phase, window in enumerate(reads):
        if runs and runs[-1][2] == window:
            runs[-1] = (runs[-1][0], phase, window)
        else:
            runs.append((phase, phase, window))
    return [
        (
            f"{a}" if a == b else f"{a}-{b}",
            "nothing" if window is None else f"{window[0]} … {window[1]}",
        )
        for a, b, window in runs
    ]
