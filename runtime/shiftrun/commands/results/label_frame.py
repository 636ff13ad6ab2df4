"""The frame of the labels: that of the image, so that the two overlay, or of a part of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from shiftlint.errors import InputError
from shiftrun.arrays.box import Box, box_at, everything, intersection, shape_of, within
from shiftrun.arrays.calibration import Calibration
from shiftrun.arrays.readers import Reader
from shiftrun.arrays.views import Cropped, Framed
from shiftrun.files.reading.images import Image
from shiftrun.model.model import Model
from shiftrun.model.model_file import INSTANCE_OUTPUTS
from shiftrun.tiles.plan import Plan
from shiftrun.tiles.regions import Region, resolve_region


@dataclass(frozen=True, slots=True)
class LabelFrame:
    """The frame of a label image.

    Attributes
    ----------
    box : Box
        The part of the whole frame that is written.
    origin : tuple of int
        The position of output 0 of the result in the whole frame: with `--pad none`, the px that
        the network consumes.
    region : Box or None
        The part of the result that is computed; None: all.
    scales : tuple of float
        Px of the frame per px of the image.
    """

    box: Box
    origin: tuple[int, ...]
    region: Box | None
    scales: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of the label image."""
        return shape_of(self.box)

    @property
    def is_image(self) -> bool:
        """Whether a px of the labels is a px of the image."""
        return all(scale == 1 for scale in self.scales)

    def labels(self, computed: Reader) -> Reader:
        """The label image; parts that were not computed are background."""
        if computed.shape == self.shape:
            return computed
        start = [part.start for part in self.region] if self.region else [0] * len(self.box)
        places = zip(start, self.origin, self.box, strict=True)
        return Framed(
            computed,
            self.shape,
            tuple(first + origin - part.start for first, origin, part in places),
        )

    def image(self, whole: Image) -> Image:
        """The part of the image under the labels."""
        box = (slice(0, whole.shape[0]), *self.box)
        return (
            whole
            if self.shape == whole.shape[1:]
            else replace(whole, source=Cropped(whole.source, box))
        )

    def calibration(self, of_image: Calibration) -> Calibration:
        """The labels' calibration, from the image's; extra leading axes are unchanged."""
        others = len(of_image.axes) - len(self.box)
        resampled = of_image.resampled((*(1,) * others, *self.scales))
        return resampled.cropped((*(0,) * others, *(part.start for part in self.box)))


def label_frame(model: Model, plan: Plan, region: Region | None) -> LabelFrame:
    """The frame of one image's labels: the image's, or the outputs' if the scale changes.

    Parameters
    ----------
    model : Model
    plan : Plan
        Of the whole image.
    region : tuple of slice or None
        Px of the frame.

    Raises
    ------
    InputError
        The region is not inside the frame, or contains no output.
    """
    scales = tuple(float(scale) for scale in model.scales(INSTANCE_OUTPUTS))
    in_image = all(scale == 1 for scale in scales)
    shape = tuple(axis.image_px for axis in plan.axes) if in_image else plan.output_shape
    origin = tuple(axis.origin_px for axis in plan.axes) if in_image else (0,) * len(shape)
    if region is None:
        return LabelFrame(everything(shape), origin, None, scales)
    box = resolve_region(region, shape)
    result = box_at(origin, plan.output_shape)
    common = intersection(box, result)
    if common is None:
        raise InputError(
            "region without outputs (--region, --pad none): expected px that the network labels, "
            "got only the rim."
        )
    return LabelFrame(box, origin, within(common, result), scales)
