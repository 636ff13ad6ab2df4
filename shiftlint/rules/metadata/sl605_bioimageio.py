"""SL605 · the bioimage.io description contradicts the contract.

An `rdf.yaml` (or `bioimageio.yaml`) next to the model tells bioimage.io software how to cut tiles:
`min` and `step` of the input sizes, `scale` and `offset` of the output, and a `halo` that is cut
off on each side. Wrong numbers give wrong pixels without any error. The contract requires that:

- every size min + k·step is legal and aligned,
- scale and offset are those of the output,
- the halo covers the border that padding reaches (output px), and
- the distance between tiles, size - 2·halo, is a multiple of the step.

Reading YAML other than JSON needs PyYAML; without it, nothing is checked.

Do: write the numbers named in the finding.

Bad:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}, float[1,1,2,2] up = {1, 2, 3, 4}> {
      pooled = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(image)
      deep = Conv<pads = [1, 1, 1, 1]>(pooled, w)
      out = ConvTranspose<strides = [2, 2]>(deep, up)
    }

File rdf.yaml:

    {"inputs": [{"id": "image", "axes": [
       {"type": "space", "id": "y", "size": {"min": 64, "step": 2}}]}],
     "outputs": [{"id": "out", "axes": [
       {"type": "space", "id": "y", "halo": 1,
        "size": {"tensor_id": "image", "axis_id": "y", "offset": 0}}]}]}

Good:

    <ir_version: 8, opset_import: ["": 17]>
    g (float[n,1,h,w] image) => (float[n,1,oh,ow] out)
    <float[1,1,3,3] w = {0, 1, 0, 1, 4, 1, 0, 1, 0}, float[1,1,2,2] up = {1, 2, 3, 4}> {
      pooled = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(image)
      deep = Conv<pads = [1, 1, 1, 1]>(pooled, w)
      out = ConvTranspose<strides = [2, 2]>(deep, up)
    }

File rdf.yaml:

    {"inputs": [{"id": "image", "axes": [
       {"type": "space", "id": "y", "size": {"min": 64, "step": 2}}]}],
     "outputs": [{"id": "out", "axes": [
       {"type": "space", "id": "y", "halo": 2,
        "size": {"tensor_id": "image", "axis_id": "y", "offset": 0}}]}]}
"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd
from typing import TYPE_CHECKING

from shiftlint.contract.values import AxisContract
from shiftlint.rules.case import Case
from shiftlint.rules.finding import Finding, Level

if TYPE_CHECKING:
    from shiftlint.contract.bioimageio import Described

CODE = "SL605"
LEVEL = Level.ERROR
TITLE = "the bioimage.io description contradicts the contract"
NAMES = ("rdf.yaml", "bioimageio.yaml")


def check(case: Case) -> Iterator[Finding]:
    """One finding per number that contradicts the contract."""
    for name in NAMES:
        if not case.beside(name).is_file():
            continue
        from shiftlint.contract.bioimageio import described_axes  # most models have no description

        for output, axis, described in described_axes(case.beside(name), case.contract):
            for what, expected, got in _wrong(axis, described):
                yield Finding(
                    CODE,
                    LEVEL,
                    f"{what} ({name}, output {output!r}, axis {axis.name}): expected {expected}, "
                    f"got {got}.",
                    "Write the expected number into the description.",
                    tensor=output,
                    axis=axis.name,
                    fact=(("file", name), ("what", what), ("got", got)),
                )


def _wrong(axis: AxisContract, given: Described) -> Iterator[tuple[str, str, str]]:
    """The numbers that contradict the contract: name, expected, got."""
    sizes, size = axis.sizes, axis.output_size
    if sizes is None or size is None or axis.step is None:
        return
    if (
        given.step
        and (given.step * len(sizes.residues)) % sizes.modulus
        and not _all_legal(axis, given)
    ):
        yield "step", f"a multiple of {sizes.modulus}", str(given.step)
    if given.minimum is not None and not sizes.legal(given.minimum):
        yield "min", f"a legal size such as {sizes.next_legal(given.minimum)}", str(given.minimum)
    if given.scale is not None and given.scale != size.scale:
        yield "scale", str(size.scale), str(given.scale)
    if given.offset is not None and given.offset != -size.offset:
        yield "offset", str(-size.offset), str(given.offset)
    if given.halo is None:
        return
    border = max(axis.border)
    aligned = next(
        (h for h in range(border, border + axis.step + 1) if _on_grid(axis, given, h)), border
    )
    if given.halo < border:
        yield "halo", f"at least {aligned} px, because padding reaches {border}", str(given.halo)
    elif given.halo and not _on_grid(axis, given, given.halo):
        yield (
            "halo",
            f"{aligned} px, to place tiles a multiple of the step {axis.step} apart",
            str(given.halo),
        )


def _all_legal(axis: AxisContract, given: Described) -> bool:
    assert axis.sizes is not None
    start = given.minimum if given.minimum is not None else axis.sizes.min
    count = axis.sizes.modulus // gcd(axis.sizes.modulus, given.step or 1)
    return all(axis.sizes.legal(start + k * (given.step or 1)) for k in range(count))


def _on_grid(axis: AxisContract, given: Described, halo: int) -> bool:
    """Whether the smallest tile size minus twice the halo is a multiple of the step."""
    if (
        given.minimum is None
        or axis.output_size is None
        or axis.sizes is None
        or not axis.sizes.legal(given.minimum)
    ):
        return True
    return (axis.output_size.of(given.minimum) - 2 * halo) % (axis.step or 1) == 0
