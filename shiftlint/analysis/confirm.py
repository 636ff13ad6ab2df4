"""Confirm a plan at its actual sizes: the contract holds, for the whole image as for its tiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shiftlint.analysis.causes import cause_of, sentence, written
from shiftlint.analysis.image_layout import open_probe
from shiftlint.analysis.probe import AxisBehavior, Probe
from shiftlint.analysis.rounding import fewest_px
from shiftlint.calculus.note import SizeError
from shiftlint.contract.values import AxisContract, Contract
from shiftlint.onnx_file.reader import read_graph


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The guarantees of a plan at its actual sizes.

    Attributes
    ----------
    refusals : tuple of str
        Why tiles differ from the whole image.
    rounding : tuple of str
        Why they agree only up to rounding.
    """

    refusals: tuple[str, ...] = ()
    rounding: tuple[str, ...] = ()


def confirmed(
    path: str | Path,
    contract: Contract,
    sizes: tuple[int, ...],
    *,
    whole: tuple[int, ...] | None = None,
    batch: int = 1,
    threads: int = 1,
) -> Confirmation:
    """Evaluate the network at the actual sizes of a plan.

    Parameters
    ----------
    path : str or Path
    contract : Contract
    sizes : tuple of int
        Size of a tile's input, px per spatial axis.
    whole : tuple of int, optional
        Size of the whole image as a single input, where the network must be the same local
        function.
    batch : int
        Tiles per run.
    threads : int
        Threads per tile.

    Raises
    ------
    InputError
        As in `analyze`.
    """
    probe = open_probe(read_graph(Path(path)), where=str(path), input_name=contract.input.name)
    try:
        behavior = probe.at(sizes)
        batched = batch == 1 or probe.independent(sizes, batch)
        small = tuple(_small_layers(probe, sizes, threads))
    except SizeError as error:
        return Confirmation((f"the network does not run at {written(sizes)} px: {error}",))
    found: list[str] = []
    for output in contract.outputs:
        for axis in output.axes:
            actual = behavior.axes.get((output.name, axis.input_axis))
            if actual is None or not _holds(axis, actual, sizes[probe.axes.index(axis.input_axis)]):
                found.append(
                    f"output {output.name}, axis {axis.name} does not behave at {written(sizes)} "
                    "px as its contract says"
                )
        if whole is not None and not found:
            found += _elsewhere(probe, output.name, sizes, whole)
    if not batched:
        found.append(f"images in a batch of {batch} depend on each other")
    return Confirmation(tuple(found), small)


def _small_layers(probe: Probe, sizes: tuple[int, ...], threads: int) -> Iterator[str]:
    """The layer with the fewest px among those whose order of summation depends on their px."""
    layers = [(px, node) for node, px in probe.small_layers(sizes) if px <= fewest_px(threads)]
    if layers:
        px, node = min(layers, key=lambda layer: layer[0])
        yield (
            f"{node.name} ({node.op}) computes {px} px of a tile; up to {fewest_px(threads)} px "
            "onnxruntime sums its products in a different order"
        )


def _elsewhere(
    probe: Probe, output: str, sizes: tuple[int, ...], whole: tuple[int, ...]
) -> list[str]:
    """Where the network computes something different for the whole image than for a tile."""
    whole = tuple(
        n if fixed is None else fixed for n, fixed in zip(whole, probe.static, strict=True)
    )
    try:
        found = probe.difference(output, sizes, whole)
    except SizeError as error:
        return [f"the network does not run at {written(whole)} px: {error}"]
    return [] if found is None else [sentence(cause_of(probe, found, sizes, whole), sizes, whole)]


def _holds(axis: AxisContract, actual: AxisBehavior, size: int) -> bool:
    if axis.period is None:
        return True
    if (
        not actual.periodic
        or axis.output_size is None
        or axis.sizes is None
        or not axis.sizes.legal(size)
    ):
        return False
    border = all(a <= b for a, b in zip(actual.clipped_border, axis.border, strict=True))
    same = (axis.period, axis.step) == (actual.relation.period, actual.relation.step)
    windows = axis.reads is None or axis.reads == actual.relation.reads
    return border and same and windows and axis.output_size.of(size) == actual.output_size
