"""A model file, its contract and what can be done with it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftlint.contract import AxisContract, Contract, OutputContract
from shiftlint.errors import InputError
from shiftlint.metadata import Metadata
from shiftrun.arrays import Reader, everything
from shiftrun.axis_plan import Refusal
from shiftrun.frame import frame
from shiftrun.labels import Clustering, label_blocks, label_instances
from shiftrun.normalization import percentile_normalization
from shiftrun.plan import Edges, Plan, automatic_tile, half_tile, joined_axes, make_plan, same_grid
from shiftrun.planner import Budget, budget_of, fastest_tile
from shiftrun.running import Run, ahead
from shiftrun.session import Session
from shiftrun.source import Source, as_image
from shiftrun.stitch import MemoryTarget, Progress
from shiftrun.windows import GRIDS, row_edges, windows_of

INSTANCE_OUTPUTS = ("embedding", "foreground")
TileWish = int | tuple[int, ...] | str  # px for all axes, px per axis, or "auto"


@dataclass(frozen=True)  # no slots: the session is loaded on first use and cached
class Model:
    """An opened model.

    Attributes
    ----------
    path : Path
    sha256 : str
        Of the file.
    contract : Contract
    contract_source : str
        "stored" in the file and confirmed, "computed" because the file has none, or "recomputed (stale)" by force.
    metadata : Metadata
    device : {"auto", "cpu", "cuda"}
    force : bool
        Stitch naively where the exact plan is refused.
    workers : int
        Tiles that are run at a time.
    memory : int or None
        Bytes that the process may use, for automatic tiles; None: what is free.
    """

    path: Path
    sha256: str
    contract: Contract
    contract_source: str
    metadata: Metadata
    device: str = "auto"
    force: bool = False
    workers: int = 1
    memory: int | None = None

    @cached_property
    def session(self) -> Session:
        """The network, loaded by onnxruntime; InputError if that fails."""
        return Session(self.path, self.device, workers=self.workers, image_input=self.contract.input.name)

    @property
    def dimensions(self) -> int:
        """Number of spatial axes."""
        return len(self.contract.input.shape) - 2

    @property
    def channels(self) -> int | None:
        """Number of input channels; None where the network does not say."""
        axes = {axis.input_axis for axis in self.contract.outputs[0].axes}
        size = next(size for i, size in enumerate(self.contract.input.shape) if i > 0 and i not in axes)
        return size if isinstance(size, int) else None

    def outputs(self, names: tuple[str, ...] = ()) -> tuple[OutputContract, ...]:
        """The contracts of the named outputs, by default of the first that has all spatial axes.

        Raises
        ------
        InputError
            There is no such output, or it is no image.
        """
        images = {output.name: output for output in self.contract.outputs if len(output.axes) == self.dimensions}
        for name in names:
            if name not in images:
                raise InputError(
                    f"no such output ({self.path}): expected {name!r}, got {', '.join(images) or 'no output that is an image'}. "
                    + ("shiftrun embed runs any network." if name in INSTANCE_OUTPUTS else "Choose one with --output.")
                )
        if not images:
            raise InputError(f"no image output ({self.path}): expected an output with {self.dimensions} spatial axes, got none.")
        return tuple(images[name] for name in names or tuple(images)[:1])

    def groups(self, names: tuple[str, ...] = ()) -> tuple[tuple[str, ...], ...]:
        """The named outputs ("all": every image) by grid: those of one group can be computed together."""
        if names == ("all",):
            names = tuple(output.name for output in self.contract.outputs if len(output.axes) == self.dimensions)
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
        result = tuple(frame(axis, size, pad).output_px for axis, size in zip(axes, shape, strict=True))
        return row_edges(result, GRIDS[self.dimensions])

    def plan(
        self,
        shape: tuple[int, ...],
        *,
        tile: TileWish = "auto",
        pad: str = "reflect",
        outputs: tuple[str, ...] = (),
        edges: Edges = (),
    ) -> Plan:
        """Plan an image of spatial `shape`; raises InputError as `make_plan`, or SL602 if the contract fails at these sizes."""
        wanted = self.outputs(outputs)
        axes = joined_axes(wanted)
        if len(shape) != len(axes):
            raise InputError(f"wrong number of axes (image): expected {len(axes)} spatial axes, got {len(shape)}.")
        reasons = tuple(dict.fromkeys(reason for output in wanted for reason in output.reasons))
        tiles = self._automatic_tile(shape, axes, pad, edges) if isinstance(tile, str) else tile
        tiles = (tiles,) * len(axes) if isinstance(tiles, int) else tiles
        plan = make_plan(shape, axes, tile=tiles, pad=pad, force=self.force, reasons=reasons, edges=edges)
        return self.confirm(plan, wanted)

    def _automatic_tile(self, shape: tuple[int, ...], axes: tuple[AxisContract, ...], pad: str, edges: Edges) -> tuple[int, ...]:
        found = fastest_tile(shape, axes, self.budget, pad=pad, edges=edges)
        return automatic_tile(shape, axes, pad=pad) if found is None else found

    @cached_property
    def budget(self) -> Budget:
        """What a run of this network may use, and what a px of a read costs."""
        return budget_of(self.path, self.contract, self.dimensions, workers=self.workers, limit_bytes=self.memory)

    def confirm(self, plan: Plan, outputs: tuple[OutputContract, ...]) -> Plan:
        """Evaluate the network again at the very sizes of the plan's reads.

        Where the contract does not hold there, raise a Refusal; by force return the plan marked as not exact. A plan of one
        tile is the whole image, whatever the contract says.
        """
        from shiftlint import disagreements

        contract = replace(self.contract, outputs=outputs)
        found = disagreements(self.path, contract, plan.read_shape) if plan.exact and plan.tile_count > 1 else ()
        if not found:
            return plan
        finding = f"SL602 contract does not hold ({self.path}): {'; '.join(found)}. Choose another --tile."
        if not self.force:
            raise Refusal(finding)
        return replace(plan, exact=False, bitwise=False, findings=(finding,))

    def source(self, image: Reader, normalize: str = "model", *, where: str = "image") -> Source:
        """The image (C, *space) as the network sees it: percentile normalization ("model"), or only float32 ("none").

        Raises
        ------
        InputError
            NaN or infinite px; a constant image; "model" and the model does not say how.
        """
        if normalize == "none":
            return Source(image, None, where)
        if self.metadata.percentiles is None:
            raise InputError(
                f"no normalization ({self.path}): expected metadata `normalization` with percentiles, got none. "
                "Pass --normalize none if the image is already as the network wants it."
            )
        return Source(image, percentile_normalization(image, self.metadata.percentiles, where=where), where)

    def run(
        self, source: Source, plan: Plan, outputs: tuple[str, ...] = (), *, edges: Edges = (), progress: Progress | None = None
    ) -> Run:
        """A run of this model by `plan`; out of memory it goes on with tiles of half the size."""

        def halve(old: Plan, cuts: Edges) -> Plan | None:
            tile = tuple(half_tile(axis, size) for axis, size in zip(self.axes(outputs), old.tile_shape, strict=True))
            if tile == old.tile_shape or not old.exact:
                return None
            shape = tuple(axis.image_px for axis in old.axes)
            return self.plan(shape, tile=tile, pad=old.pad, outputs=outputs, edges=cuts)

        return Run(self.session, source, plan, self.outputs(outputs), halve, edges, self.workers, progress)

    def predict(
        self,
        image: NDArray[Any] | Reader,
        *,
        tile: TileWish = "auto",
        pad: str = "reflect",
        normalize: str = "model",
        outputs: tuple[str, ...] = (),
        progress: Progress | None = None,
    ) -> dict[str, NDArray[np.float32]]:
        """Run the network on an image (*space) or (C, *space).

        Parameters
        ----------
        image : array or Reader of 8- or 16-bit integers or floats
        tile : "auto", int or one int per axis
            Output px per tile.
        pad : {"reflect", "edge", "constant", "none"}
        normalize : {"model", "none"}
        outputs : tuple of str
            Names; by default the first output that is an image.
        progress : callable (tiles done, tiles in all), optional
            An exception that it raises cancels the run.

        Returns
        -------
        dict of name to array (C', *space) of float32

        Raises
        ------
        InputError
            The image, tile or model cannot be used.
        """
        reader = as_image(image, self.dimensions, self.channels)
        plan = self.plan(reader.shape[1:], tile=tile, pad=pad, outputs=outputs)
        found: dict[str, NDArray[np.float32]] = {}

        def memory(name: str, channels: int) -> MemoryTarget:
            found[name] = np.empty((channels, *plan.output_shape), dtype=np.float32)
            return MemoryTarget(found[name])

        self.run(self.source(reader, normalize), plan, outputs, progress=progress).into(memory)
        return found

    def segment(
        self,
        image: NDArray[Any] | Reader,
        *,
        tile: TileWish = "auto",
        pad: str = "reflect",
        normalize: str = "model",
        bandwidth: float | None = None,
        threshold: float | None = None,
        min_size: int | None = None,
        progress: Progress | None = None,
    ) -> NDArray[np.int32]:
        """Label the instances of an image; parameters as `predict`, those of clustering default to the metadata.

        Embeddings are in memory for one label window at a time.

        Returns
        -------
        array (*space) of int32
            0 for background. With `pad="none"` of the size of the network's output.
        """
        clustering = self.clustering(bandwidth, threshold, min_size)
        reader = as_image(image, self.dimensions, self.channels)
        edges = self.row_edges(reader.shape[1:], pad)
        plan = self.plan(reader.shape[1:], tile=tile, pad=pad, outputs=INSTANCE_OUTPUTS, edges=edges)
        run = self.run(self.source(reader, normalize), plan, INSTANCE_OUTPUTS, edges=edges, progress=progress)
        windows = windows_of(plan.output_shape, GRIDS[self.dimensions])
        with label_blocks(ahead(run.blocks()), plan.output_shape, clustering, windows) as store:
            return store.read(everything(plan.output_shape))

    def labels(
        self,
        outputs: dict[str, NDArray[np.float32]],
        *,
        bandwidth: float | None = None,
        threshold: float | None = None,
        min_size: int | None = None,
        progress: Progress | None = None,
    ) -> NDArray[np.int32]:
        """Instances from the outputs `embedding` (E, *space) and `foreground` (1, *space) of `predict`."""
        settings = asdict(self.clustering(bandwidth, threshold, min_size))
        return label_instances(outputs["embedding"], outputs["foreground"][0], **settings, progress=progress)

    def clustering(self, bandwidth: float | None, threshold: float | None, min_size: int | None) -> Clustering:
        """The settings of clustering: what is given, else the metadata; InputError without any bandwidth."""
        bandwidth = self.metadata.bandwidth if bandwidth is None else bandwidth
        if bandwidth is None:
            raise InputError(
                f"no bandwidth ({self.path}): expected metadata `bandwidth` or --bandwidth, got none. Pass --bandwidth."
            )
        threshold = self.metadata.foreground_threshold if threshold is None else threshold
        min_size = self.metadata.min_size if min_size is None else min_size
        return Clustering(bandwidth, threshold or 0.0, min_size or 0, self.metadata.fragment_size or 0)
