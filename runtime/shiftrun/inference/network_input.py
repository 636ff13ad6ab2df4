"""The input of a network: windows of the padded and normalized image, made on demand.

The plan defines the padding, per axis, as a list of image px: position i of the padded image shows
px `index[i]`, or nothing (-1, zeros after normalization). A window reads the hull of its px from
the file and selects them. Normalization is the same for every px, so a window has the same values
as in the whole padded image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftlint.errors import InputError
from shiftrun.arrays.box import Box
from shiftrun.arrays.readers import Reader, as_reader
from shiftrun.arrays.views import Arranged
from shiftrun.inference.normalization import Normalization
from shiftrun.tiles.plan import Plan

OUTSIDE = -1


@dataclass(frozen=True, slots=True)
class Source:
    """An image as the network's input.

    Attributes
    ----------
    image : Reader
        (C, *space), as stored.
    normalization : Normalization or None
        None: only converted to float32.
    where : str
        The name of the image in errors.
    """

    image: Reader
    normalization: Normalization | None = None
    where: str = "image"

    def window(self, box: Box, index: tuple[NDArray[np.intp], ...]) -> NDArray[np.float32]:
        """The window `box` (*space) of the padded image, float32 (C, *space).

        `index` is that of `padding_index`.

        Raises
        ------
        InputError
            NaN or infinite px, or the file is damaged.
        """
        chosen = [positions[part] for positions, part in zip(index, box, strict=True)]
        hulls = [_hull(positions) for positions in chosen]
        stored = self.image.read((slice(0, self.image.shape[0]), *hulls))
        values = self.normalized(stored)
        for axis, (positions, hull) in enumerate(zip(chosen, hulls, strict=True), start=1):
            local = positions - hull.start
            if len(local) != values.shape[axis] or (np.diff(local) != 1).any() or local[0] < 0:
                values = np.take(values, np.maximum(local, 0), axis=axis)
                outside = positions == OUTSIDE
                if outside.any():
                    values[(slice(None),) * axis + (outside,)] = 0
        return values

    def normalized(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Normalize px, or convert them to float32; refuses px that are not finite."""
        if self.normalization is not None:
            return self.normalization.apply(values)
        result = values.astype(np.float32)
        if not np.isfinite(result).all():
            raise InputError(
                f"not a finite image ({self.where}): expected finite intensities, got NaN or "
                "infinite pixels. Replace them first."
            )
        return result


def padding_index(plan: Plan) -> tuple[NDArray[np.intp], ...]:
    """Per axis, the image px at every position of the padded image, -1 where there is none."""
    mode: Any = "constant" if plan.pad == "none" else plan.pad
    settings: dict[str, Any] = {"constant_values": OUTSIDE} if mode == "constant" else {}
    return tuple(
        np.pad(np.arange(axis.image_px), pair, mode=mode, **settings)
        for axis, pair in zip(plan.axes, plan.padding, strict=True)
    )


def as_image(image: Any, dimensions: int, channels: int | None) -> Reader:
    """An image (*space) or (C, *space) as (C, *space); InputError if the network cannot take it."""
    reader = as_reader(image)
    if len(reader.shape) == dimensions:
        reader = Arranged(reader, (-1, *range(dimensions)))
    if len(reader.shape) != dimensions + 1 or channels not in {None, reader.shape[0]}:
        raise InputError(
            f"wrong axes (image): expected {dimensions} spatial axes and {channels or 'any'} "
            "channels first, "
            f"got shape {reader.shape}."
        )
    return reader


def _hull(positions: NDArray[np.intp]) -> slice:
    inside = positions[positions >= 0]
    if len(inside) == 0:
        return slice(0, 1)
    return slice(int(inside.min()), int(inside.max()) + 1)
