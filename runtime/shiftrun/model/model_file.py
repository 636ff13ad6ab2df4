"""A model file: inputs, outputs, grids and clustering, from its contract and metadata."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from shiftlint.contract.joined_outputs import joined_axes, same_grid
from shiftlint.contract.metadata import Metadata
from shiftlint.contract.values import AxisContract, Contract, OutputContract, told, unknown_first
from shiftlint.errors import InputError
from shiftrun.arrays.readers import Reader
from shiftrun.clustering.one_window.label_window import Clustering
from shiftrun.inference.network_input import Source
from shiftrun.inference.normalization import percentile_normalization
from shiftrun.tiles.label_grid import GRIDS, row_edges
from shiftrun.tiles.padded_axis import frame, sizes_of
from shiftrun.tiles.plan import Edges

INSTANCE_OUTPUTS = ("embedding", "foreground")


@dataclass(frozen=True)
class ModelFile:
    """A model file.

    Attributes
    ----------
    path : Path
    sha256 : str
        Of the file.
    contract : Contract
    contract_source : str
        "stored" (in the file, confirmed), "computed" (the file has none), or "recomputed (stale)"
        (by force).
    metadata : Metadata
    """

    path: Path
    sha256: str
    contract: Contract
    contract_source: str
    metadata: Metadata

    @property
    def dimensions(self) -> int:
        """Number of spatial axes."""
        return len(self.contract.input.shape) - 2

    @property
    def input_axes(self) -> tuple[int, ...]:
        """The spatial axes of the input, from the first output that has all of them."""
        outputs = [
            output for output in self.contract.outputs if len(output.axes) == self.dimensions
        ] or self.contract.outputs
        return tuple(axis.input_axis for axis in outputs[0].axes)

    @property
    def channels(self) -> int | None:
        """Number of input channels; None if the network does not fix it."""
        size = next(
            size
            for i, size in enumerate(self.contract.input.shape)
            if i > 0 and i not in self.input_axes
        )
        return size if isinstance(size, int) else None

    def outputs(self, names: tuple[str, ...] = ()) -> tuple[OutputContract, ...]:
        """The contracts of the named outputs, by default of the first that has all spatial axes.

        Raises
        ------
        InputError
            There is no such output, or it is not an image.
        """
        images = {
            output.name: output
            for output in self.contract.outputs
            if len(output.axes) == self.dimensions
        }
        if not images:
            raise self._no_image(
                f"no image output ({self.path}): expected an output with {self.dimensions} "
                "spatial axes, got none"
            )
        for name in names:
            if name not in images:
                advice = (
                    "shiftrun embed runs any network."
                    if name in INSTANCE_OUTPUTS
                    else "Choose one with --output."
                )
                what = f"no such output ({self.path}): expected {name!r}, got {', '.join(images)}"
                raise self._no_image(what, name, advice)
        return tuple(images[name] for name in names or tuple(images)[:1])

    def _no_image(
        self, what: str, name: str | None = None, advice: str = "See shiftlint check."
    ) -> InputError:
        """The error for outputs that are not images, with the reasons."""
        lost = [output for output in self.contract.outputs if name in (None, output.name)]
        reasons = unknown_first(reason for output in lost for reason in output.reasons)
        because = f": {told(reasons)}" if reasons else ""
        return InputError(f"{what}{because}. {advice}", code=reasons[0].code if reasons else None)

    def groups(self, names: tuple[str, ...] = ()) -> tuple[tuple[str, ...], ...]:
        """The named outputs ("all": every image) by grid; one group can be computed together."""
        if names == ("all",):
            names = tuple(
                output.name
                for output in self.contract.outputs
                if len(output.axes) == self.dimensions
            )
        found: list[list[OutputContract]] = []
        for output in self.outputs(tuple(dict.fromkeys(names))):
            for group in found:
                if same_grid(group[0], output):
                    group.append(output)
                    break
            else:
                found.append([output])
        return tuple(tuple(output.name for output in group) for group in found)

    def axes(self, outputs: tuple[str, ...] = ()) -> tuple[AxisContract, ...]:
        """The contract of each spatial axis that serves all the named outputs."""
        return joined_axes(self.outputs(outputs))

    def row_edges(self, shape: tuple[int, ...], pad: str) -> Edges:
        """Where the result of an image of spatial `shape` is cut into rows of label windows."""
        axes = self.axes(INSTANCE_OUTPUTS)
        result = tuple(
            frame(axis, size, pad).output_px for axis, size in zip(axes, shape, strict=True)
        )
        return row_edges(result, GRIDS[self.dimensions])

    def scales(self, outputs: tuple[str, ...] = ()) -> tuple[Fraction, ...]:
        """Px of the named outputs per px of the image, by spatial axis."""
        return tuple(sizes_of(axis)[1].scale for axis in self.axes(outputs))

    def source(self, image: Reader, normalize: str = "model", *, where: str = "image") -> Source:
        """The network's input from an image (C, *space): normalized ("model") or only float32
        ("none").

        Raises
        ------
        InputError
            NaN or infinite px; a constant image; "model" without normalization in the metadata.
        """
        if normalize == "none":
            return Source(image, None, where)
        if self.metadata.percentiles is None:
            raise InputError(
                f"no normalization ({self.path}): expected metadata `normalization` with "
                "percentiles, got none. "
                "Pass --normalize none if the image is already normalized."
            )
        return Source(
            image, percentile_normalization(image, self.metadata.percentiles, where=where), where
        )

    def clustering(
        self, bandwidth: float | None, threshold: float | None, min_size: int | None
    ) -> Clustering:
        """Clustering settings: arguments, else metadata; InputError without a bandwidth."""
        bandwidth = self.metadata.bandwidth if bandwidth is None else bandwidth
        if bandwidth is None:
            raise InputError(
                f"no bandwidth ({self.path}): expected metadata `bandwidth` or --bandwidth, got "
                "none. Pass --bandwidth."
            )
        threshold = self.metadata.foreground_threshold if threshold is None else threshold
        min_size = self.metadata.min_size if min_size is None else min_size
        return Clustering(
            bandwidth, threshold or 0.0, min_size or 0, self.metadata.fragment_border or 0.0
        )
