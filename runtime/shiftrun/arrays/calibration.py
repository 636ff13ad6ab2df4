"""The position of px in space: px size and unit along every axis, and the first px's position.

Units have their OME-NGFF names ("micrometer"); "" is a px of unknown size. Each format stores it
differently:

    OME-TIFF    PhysicalSizeX="0.65" PhysicalSizeXUnit="µm"
    ImageJ      XResolution = px per unit, ResolutionUnit = none, unit = "micron",
                spacing = size of a px along z
    TIFF        XResolution = px per unit, ResolutionUnit = inch or centimeter
    OME-Zarr    axes [{"name": "x", "unit": "micrometer"}], scale and translation
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

Length = tuple[float, str]  # of a px, and its unit

METERS = {
    "angstrom": 1e-10,
    "picometer": 1e-12,
    "nanometer": 1e-9,
    "micrometer": 1e-6,
    "millimeter": 1e-3,
    "centimeter": 1e-2,
    "inch": 0.0254,
    "meter": 1.0,
}
SYMBOLS = {
    "angstrom": "Å",
    "picometer": "pm",
    "nanometer": "nm",
    "micrometer": "µm",
    "millimeter": "mm",
    "centimeter": "cm",
    "inch": "in",
    "meter": "m",
}
SPELLINGS = {symbol: name for name, symbol in SYMBOLS.items()} | {
    "μm": "micrometer",  # the Greek letter; above is the micro sign
    "um": "micrometer",
    "micron": "micrometer",
    "microns": "micrometer",
    "\\u00B5m": "micrometer",  # ImageJ's spelling
    '"': "inch",
}
TIFF_UNITS = {2: "inch", 3: "centimeter"}


@dataclass(frozen=True, slots=True)
class Calibration:
    """The grid of an image in space, per spatial axis in array order.

    Attributes
    ----------
    axes : str
        Such as "YX".
    sizes : tuple of float
        Of a px; 1 where the unit is "".
    units : tuple of str
        A name of OME-NGFF, or "".
    origin : tuple of float
        The position of the center of px 0, in the same units.
    """

    axes: str
    sizes: tuple[float, ...]
    units: tuple[str, ...]
    origin: tuple[float, ...]

    @property
    def known(self) -> bool:
        """Whether any axis has a size."""
        return any(self.units)

    @property
    def lengths(self) -> dict[str, Length]:
        """The axes that have a size."""
        return {
            name: (size, unit)
            for name, size, unit in zip(self.axes, self.sizes, self.units, strict=True)
            if unit
        }

    def cropped(self, first: Sequence[int]) -> Calibration:
        """The calibration of the image cropped at px `first`."""
        moved = zip(self.origin, self.sizes, first, strict=True)
        return replace(self, origin=tuple(origin + size * px for origin, size, px in moved))

    def resampled(self, scales: Sequence[Fraction | float]) -> Calibration:
        """The calibration of an image with `scales` px per px of this one."""
        return replace(
            self,
            sizes=tuple(
                size / float(scale) for size, scale in zip(self.sizes, scales, strict=True)
            ),
        )

    def in_one_unit(self) -> Calibration | None:
        """The same in the unit of the last axis; None if an axis cannot be converted."""
        unit = self.units[-1]
        if all(other == unit for other in self.units):
            return self if unit else None
        if not set(self.units) <= set(METERS):
            return None
        factors = [METERS[other] / METERS[unit] for other in self.units]
        sizes = tuple(size * factor for size, factor in zip(self.sizes, factors, strict=True))
        origin = tuple(place * factor for place, factor in zip(self.origin, factors, strict=True))
        return Calibration(self.axes, sizes, (unit,) * len(self.axes), origin)


def calibration(
    axes: str, lengths: Mapping[str, Length], origin: Mapping[str, float] | None = None
) -> Calibration:
    """The calibration of the spatial `axes`; lengths not positive or without unit are unknown."""
    found = [lengths.get(name, (1.0, "")) for name in axes]
    found = [
        (size, unit) if unit and math.isfinite(size) and size > 0 else (1.0, "")
        for size, unit in found
    ]
    start = tuple((origin or {}).get(name, 0.0) for name in axes)
    return Calibration(
        axes, tuple(size for size, _ in found), tuple(unit for _, unit in found), start
    )


def unit_name(text: str) -> str:
    """The OME-NGFF name of a unit in a file; "" for px and unknown units."""
    text = text.strip()
    return SPELLINGS.get(text) or (text.lower() if text.lower() in METERS else "")


def ome_lengths(xml: str) -> dict[str, Length]:
    """The px sizes in the first image of an OME-XML document; {} if missing or unreadable."""
    from xml.etree import ElementTree

    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return {}
    pixels = next(
        (element for element in root.iter() if element.tag.rpartition("}")[2] == "Pixels"), None
    )
    found: dict[str, Length] = {}
    for name in "XYZ":
        size = None if pixels is None else pixels.get(f"PhysicalSize{name}")
        if pixels is not None and size is not None:
            found[name] = (_number(size), unit_name(pixels.get(f"PhysicalSize{name}Unit", "µm")))
    return found


def imagej_lengths(metadata: Mapping[str, Any], per_unit: Mapping[str, float]) -> dict[str, Length]:
    """The px sizes of an ImageJ file; `per_unit`: px per unit by axis, from the resolution tags."""
    unit = unit_name(str(metadata.get("unit", "")))
    found = {name: (_inverse(px), unit) for name, px in per_unit.items() if px > 0}
    spacing = metadata.get("spacing")
    return found | ({"Z": (float(spacing), unit)} if isinstance(spacing, int | float) else {})


def tag_lengths(per_unit: Mapping[str, float], unit: int) -> dict[str, Length]:
    """The px sizes from the resolution tags of TIFF."""
    return {
        name: (_inverse(px), TIFF_UNITS.get(unit, "")) for name, px in per_unit.items() if px > 0
    }


def resolution_tags(of: Calibration) -> dict[str, Any]:
    """The resolution tags for `tifffile.imwrite`, per inch or centimeter; {} if unknown."""
    lengths = of.lengths
    if not {"X", "Y"} <= set(lengths) or not {lengths["X"][1], lengths["Y"][1]} <= set(METERS):
        return {}
    inches = lengths["X"][1] == lengths["Y"][1] == "inch"
    per = METERS["inch" if inches else "centimeter"]
    sizes = [lengths[name][0] * (METERS[lengths[name][1]] / per) for name in "XY"]
    return {
        "resolution": (_inverse(sizes[0]), _inverse(sizes[1])),
        "resolutionunit": 2 if inches else 3,
    }


def ome_attributes(of: Calibration) -> dict[str, Any]:
    """The OME-XML attributes for `tifffile.imwrite(ome=True)`."""
    found: dict[str, Any] = {}
    for name, (size, unit) in of.lengths.items():
        if unit in SYMBOLS:
            found |= {f"PhysicalSize{name}": size, f"PhysicalSize{name}Unit": SYMBOLS[unit]}
    return found


def _number(text: str) -> float:
    """The number in an attribute; other text counts as unknown."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _inverse(value: float) -> float:
    """Px per unit from px size, or back, to the nine digits that TIFF fractions hold."""
    return float(f"{1 / value:.9g}")
