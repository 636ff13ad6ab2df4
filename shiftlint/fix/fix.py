"""The steps of `shiftlint fix` on one file, in order: valid twin, crop, metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import lcm
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shiftlint.analysis.derive_contract import contract_of
from shiftlint.analysis.image_layout import open_probe
from shiftlint.calculus.note import SizeError
from shiftlint.contract.claims import claims, enough, smallest_legal
from shiftlint.contract.values import Contract
from shiftlint.errors import InputError
from shiftlint.fix.crop_output import crop_outputs
from shiftlint.fix.model_file import graph_of, has_external_data, load_model
from shiftlint.fix.stored_metadata import with_metadata
from shiftlint.fix.to_valid import refuse, valid_twin
from shiftlint.fix.valid_twin import NotConvertible, Part
from shiftlint.verification.subject import difference

if TYPE_CHECKING:
    import onnx

# relative to the original's largest value: tensors of other sizes are summed in a different order
CLOSE = 1e-5
ROOM = 8  # extra periods of the test image, because crops before strides remove some


@dataclass(frozen=True, slots=True)
class Fixed:
    """A model before and after, the contract after, and a sentence per change."""

    before: onnx.ModelProto
    after: onnx.ModelProto
    contract: Contract
    done: tuple[str, ...]


def fix(
    path: Path,
    values: Mapping[str, str],
    *,
    crop_output: bool = False,
    to_valid: bool = False,
    input_name: str | None = None,
) -> Fixed:
    """Fix a model in memory, without writing it.

    Raises
    ------
    InputError
        The file cannot be analyzed, or has no valid twin.
    """
    import onnx

    before = load_model(path)
    after = onnx.ModelProto()
    after.CopyFrom(before)
    done = []
    if to_valid:
        after, sentence = _to_valid(after, str(path), input_name)
        done.append(sentence)
    if crop_output:
        contract = contract_of(graph_of(after), where=str(path), input_name=input_name)
        cropped = crop_outputs(after, contract, where=str(path))
        names = ", ".join(cropped) or "no output; all end on a whole step"
        done.append(f"cropped to a whole number of steps: {names}")
    contract = with_metadata(after, values, where=str(path), input_name=input_name)
    done.append("stored the contract in the metadata")
    return Fixed(before, after, contract, tuple(done))


def _to_valid(
    model: onnx.ModelProto, where: str, input_name: str | None
) -> tuple[onnx.ModelProto, str]:
    """The twin, checked to be valid and compared with the original."""
    if has_external_data(model):
        raise refuse(
            NotConvertible("weights in other files: merge them into one file first"), where
        )
    graph = graph_of(model)
    contract = contract_of(graph, where=where, input_name=input_name)
    probe = open_probe(graph, where=where, input_name=input_name)
    sizes = _sizes(contract, probe.axes, where)
    if not any(axis.padding for output in contract.outputs for axis in output.axes):
        return model, "already valid: no padding reaches an output"
    try:
        twin, parts = valid_twin(model, graph, probe, sizes)
        left = contract_of(graph_of(twin), where=where, input_name=input_name)
        padded = sorted(
            {p.node for output in left.outputs for axis in output.axes for p in axis.padding}
        )
        if padded:
            raise NotConvertible(f"padding that remains, such as at {padded[0]!r}")
        larger = tuple(
            n + _modulus(contract, axis) for n, axis in zip(sizes, probe.axes, strict=True)
        )
        dynamic = all(not isinstance(probe.image.shape[axis], int) for axis in probe.axes)
        gap = max(
            _gap(model, twin, contract, parts, n, where)
            for n in ([sizes, larger] if dynamic else [sizes])
        )
        if gap > CLOSE:
            raise NotConvertible(
                f"an output that differs from the original's interior by {gap:.1g} of its largest "
                "value"
            )
    except (NotConvertible, SizeError) as error:
        raise refuse(NotConvertible(str(error)), where) from error
    return (
        twin,
        f"valid twin: its output is the original's interior, largest difference {gap:.1g} of its "
        "largest value",
    )


def _sizes(contract: Contract, axes: tuple[int, ...], where: str) -> tuple[int, ...]:
    """An aligned size per axis, with room for crops."""
    sizes = []
    for axis in axes:
        claimed = [a for _, a in claims(contract, axis)]
        if not claimed or any(a.is_global for a in claimed):
            raise refuse(
                NotConvertible("a network that has no period or depends on the whole image"),
                where,
            )
        size = smallest_legal(
            contract, axis, max(enough(a) + ROOM * (a.period or 1) for a in claimed)
        )
        if size is None:
            raise refuse(NotConvertible("outputs without a common legal size"), where)
        sizes.append(size)
    return tuple(sizes)


def _modulus(contract: Contract, axis: int) -> int:
    return lcm(
        *(
            a.sizes.modulus
            for o in contract.outputs
            for a in o.axes
            if a.input_axis == axis and a.sizes
        )
    )


def _gap(
    model: onnx.ModelProto,
    twin: onnx.ModelProto,
    contract: Contract,
    parts: Mapping[str, Part],
    sizes: tuple[int, ...],
    where: str,
) -> float:
    """The largest difference between the twin's outputs and the same parts of the original."""
    from shiftlint.verification.onnxruntime_session import open_session
    from shiftlint.verification.verify import subject_of

    graph = graph_of(model)
    subject = subject_of(open_session(model.SerializeToString()), graph, contract, where=where)
    other = subject_of(open_session(twin.SerializeToString()), graph, contract, where=where)
    image = subject.draw(sizes)
    whole, inside = subject.run(image), other.run(image)
    gaps = []
    for name, part in parts.items():
        ends = (n + s for n, s in zip(part.near, inside[name].shape[2:], strict=True))
        index = (
            slice(None),
            slice(None),
            *(slice(n, e) for n, e in zip(part.near, ends, strict=True)),
        )
        gaps.append(
            difference(inside[name], whole[name][index], float(np.abs(whole[name]).max(initial=0)))
        )
    if not gaps:
        raise InputError(f"no output follows the image ({where}): expected at least one, got none.")
    return max(gaps)
