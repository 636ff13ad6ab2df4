"""Read sizes and halos from a bioimage.io description (rdf.yaml), specification 0.4 or 0.5.

Spec: https://github.com/bioimage-io/spec-bioimage-io
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from shiftlint.contract.values import AxisContract, Contract


@dataclass(frozen=True, slots=True)
class Described:
    """One spatial axis: input sizes min + k·step; output = scale · input + offset; halo in output
    px. None: not given.
    """

    minimum: int | None
    step: int | None
    scale: Fraction | None
    offset: Fraction | None
    halo: int | None


def described_axes(path: Path, contract: Contract) -> Iterator[tuple[str, AxisContract, Described]]:
    """The axes of the contract that a description covers; none if the file cannot be read."""
    document = _read(path)
    inputs, outputs = document.get("inputs"), document.get("outputs")
    if not isinstance(inputs, list) or not isinstance(outputs, list) or not inputs:
        return
    image = next((i for i in inputs if _name(i) == contract.input.name), inputs[0])
    for position, output in enumerate(contract.outputs):
        tensor = next(
            (o for o in outputs if _name(o) == output.name),
            outputs[position] if position < len(outputs) else None,
        )
        for axis in output.axes:
            described = tensor and _described(image, tensor, axis)
            if described:
                yield output.name, axis, described


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    try:
        document = json.loads(text)
    except ValueError:
        try:
            import yaml  # optional
        except ImportError:
            return {}
        try:
            document = yaml.safe_load(text)
        except yaml.YAMLError:
            return {}
    return document if isinstance(document, dict) else {}


def _name(tensor: Any) -> str | None:
    return tensor.get("id") or tensor.get("name") if isinstance(tensor, dict) else None


def _described(image: Any, tensor: Any, axis: AxisContract) -> Described | None:
    if not isinstance(image, dict) or not isinstance(tensor, dict):
        return None
    if isinstance(image.get("axes"), str):
        return _described_04(image, tensor, axis)
    return _described_05(image, tensor, axis)


def _described_05(
    image: dict[str, Any], tensor: dict[str, Any], axis: AxisContract
) -> Described | None:
    """Axes are objects; the output's size refers to an input's:
    size = reference · reference scale / scale + offset.
    """
    given, result = _axis_05(image, axis.name), _axis_05(tensor, axis.name)
    if given is None or result is None:
        return None
    size, law = given.get("size"), result.get("size")
    minimum = size if isinstance(size, int) else size.get("min") if isinstance(size, dict) else None
    step = size.get("step") if isinstance(size, dict) else None
    refers = isinstance(law, dict) and "tensor_id" in law
    scale = (
        Fraction(str(given.get("scale", 1))) / Fraction(str(result.get("scale", 1)))
        if refers
        else None
    )
    offset = Fraction(str(law.get("offset", 0))) if isinstance(law, dict) and refers else None
    halo = result.get("halo")
    return Described(minimum, step, scale, offset, halo if isinstance(halo, int) else None)


def _axis_05(tensor: dict[str, Any], name: str) -> dict[str, Any] | None:
    axes = tensor.get("axes")
    found = (
        (a for a in axes if isinstance(a, dict) and a.get("id") == name)
        if isinstance(axes, list)
        else iter(())
    )
    return next(found, None)


def _described_04(
    image: dict[str, Any], tensor: dict[str, Any], axis: AxisContract
) -> Described | None:
    """Axes are letters; shapes are lists or min and step; size = reference · scale + 2·offset."""
    if axis.name not in image["axes"] or axis.name not in str(tensor.get("axes")):
        return None
    here, there = image["axes"].index(axis.name), str(tensor["axes"]).index(axis.name)
    shape, law, halo = image.get("shape"), tensor.get("shape"), tensor.get("halo")
    sizes = shape if isinstance(shape, dict) else {"min": shape}
    scale, offset = (
        _item(law.get(key), there) if isinstance(law, dict) else None for key in ("scale", "offset")
    )
    return Described(
        _item(sizes.get("min"), here),
        _item(sizes.get("step"), here),
        None if scale is None else Fraction(str(scale)),
        None if offset is None else 2 * Fraction(str(offset)),
        _item(halo, there),
    )


def _item(values: Any, index: int) -> Any:
    return values[index] if isinstance(values, list) and index < len(values) else None
