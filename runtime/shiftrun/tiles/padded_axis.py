"""The padding of an image along one axis, once for every tile size, and its result's outputs.

    valid network:   before | image | far side up to a legal size that covers the result
    padded network:         | image | far side up to a legal size, cropped again

where `before` is the origin rounded up to a period.

`--pad none` keeps only the outputs whose windows end inside the image: the interior of the result
of every other padding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shiftlint.contract.values import (
    AxisContract,
    Explanation,
    OutputSize,
    Sizes,
    told,
    unknown_first,
)
from shiftlint.errors import InputError


@dataclass(frozen=True, slots=True)
class Frame:
    """The padded image along one axis, and its outputs [first, stop) that are the result."""

    image_px: int
    before_px: int
    padded_px: int
    first: int
    stop: int
    origin_px: int

    @property
    def output_px(self) -> int:
        """Size of the result."""
        return self.stop - self.first


def is_valid(axis: AxisContract) -> bool:
    """Whether no padding of the network reaches the outputs."""
    return not axis.padding and axis.border == (0, 0)


def sizes_of(axis: AxisContract, reasons: Sequence[Explanation] = ()) -> tuple[Sizes, OutputSize]:
    """The legal sizes of an axis; InputError, with `reasons`, if the contract has none."""
    if axis.sizes is None or axis.output_size is None:
        own = along(axis, reasons)
        because = f", got none: {told(own)}" if own else ", got none"
        raise InputError(
            f"no known legal input size (axis {axis.name}): expected a contract with "
            f"sizes{because}. See shiftlint check.",
            code=own[0].code if own else None,
        )
    return axis.sizes, axis.output_size


def along(axis: AxisContract, reasons: Sequence[Explanation]) -> tuple[Explanation, ...]:
    """The reasons that concern this axis, unknowns first."""
    return unknown_first(reason for reason in reasons if reason.axis in (axis.input_axis, -1))


def frame(axis: AxisContract, image_px: int, pad: str) -> Frame:
    """The padding of the image, the same for every tile size; `pad` as in `make_plan`.

    Raises
    ------
    InputError
        `pad="none"` with an image that is too small, or of an illegal size for a padded network.
    """
    sizes, output = sizes_of(axis)
    endless = replace(
        sizes, max=None
    )  # a static network reads no more than `max`; the image may be larger than one read
    if pad == "none":
        return _unpadded_frame(axis, endless, output, image_px)
    if not is_valid(axis):
        padded_px = legal_size(endless, image_px, axis)
        stop = min(output.of(padded_px), math.ceil(output.scale * image_px - output.offset))
        if stop < 1:
            raise InputError(
                f"image too small (axis {axis.name}): expected more than {image_px} px. The "
                "network crops its own padding."
            )
        return Frame(image_px, 0, padded_px, 0, stop, 0)
    period = axis.period or 1
    before_px = -(-axis.origin // period) * period
    first = math.floor((before_px - axis.origin) * output.scale)
    stop = first + math.ceil(output.scale * image_px)
    padded_px = legal_size(
        endless, max(before_px + image_px, math.ceil((stop + output.offset) / output.scale)), axis
    )
    return Frame(image_px, before_px, padded_px, first, stop, 0)


def _unpadded_frame(axis: AxisContract, sizes: Sizes, output: OutputSize, image_px: int) -> Frame:
    """Only outputs that depend on image px alone; the fill to a legal size reaches none."""
    if image_px < sizes.min:
        raise InputError(
            f"image too small (axis {axis.name}): expected at least {sizes.min} px with --pad "
            f"none, got {image_px}. "
            "Use --pad reflect."
        )
    padded_px = legal_size(sizes, image_px, axis)
    stop = output.of(padded_px)
    if padded_px != image_px:
        if not is_valid(axis) or axis.reads is None or not axis.step or not axis.period:
            raise InputError(
                f"illegal image size (axis {axis.name}): expected {padded_px} px with --pad "
                f"none, got {image_px}. "
                "Use --pad reflect."
            )
        for phase, window in enumerate(axis.reads):
            if window is not None:  # the first output of this phase that reads beyond the image
                stop = min(
                    stop,
                    axis.step * max(0, math.ceil((image_px - window[1]) / axis.period)) + phase,
                )
    if stop < 1:
        raise InputError(
            f"image too small (axis {axis.name}): expected more than {image_px} px with --pad "
            "none. Use --pad reflect."
        )
    return Frame(image_px, 0, padded_px, 0, stop, axis.origin if is_valid(axis) else 0)


def legal_size(sizes: Sizes, at_least: int, axis: AxisContract) -> int:
    size = sizes.next_legal(at_least)
    if size is None:
        raise InputError(
            f"no legal input size (axis {axis.name}): expected one of at least {at_least} px, got "
            "none. See shiftlint check."
        )
    return size
