"""An opened model: plan, predict, segment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftlint.contract.joined_outputs import joined_axes
from shiftlint.contract.values import AxisContract, OutputContract
from shiftlint.errors import InputError
from shiftrun.arrays.box import Box
from shiftrun.arrays.readers import ArrayTarget, check_out, into_array
from shiftrun.clustering.label_image import label_instances
from shiftrun.clustering.mean_shift.weighted_sums import Sums, SumsOnDevice, sums_on_cpu
from shiftrun.inference.blocks import Run
from shiftrun.inference.network_input import Source, as_image
from shiftrun.inference.proofs import Proofs
from shiftrun.inference.providers import CPU, CUDA, device_name, limits, tiles_at_a_time
from shiftrun.inference.session import Session, runtime_version, threads_of, wanted_provider
from shiftrun.inference.window_check import Check, Proving
from shiftrun.memory.cache_folder import cache_folder
from shiftrun.model.instances import instances
from shiftrun.model.model_file import INSTANCE_OUTPUTS as INSTANCE_OUTPUTS
from shiftrun.model.model_file import ModelFile
from shiftrun.progress import Progress
from shiftrun.tiles.automatic_tile import Budget, budget_of, fastest_tile
from shiftrun.tiles.axis_plan import Refusal
from shiftrun.tiles.padded_axis import sizes_of
from shiftrun.tiles.plan import Edges, Plan, automatic_tile, half_tile, make_plan, one_tile
from shiftrun.tiles.regions import Region, cut_plan, resolve_region, uncut_edges
from shiftrun.tiles.witnesses import Usable

TileWish = int | tuple[int, ...] | str  # px for all axes, px per axis, or "auto"


@dataclass(frozen=True)  # no slots: the session is loaded on first use and cached
class Model(ModelFile):
    """An opened model: a `ModelFile` and how to run it.

    Attributes
    ----------
    device : str
        "auto", "cpu", "cuda", "coreml", "directml", or the name of an onnxruntime execution
        provider.
    force : bool
        Stitch naively if the exact plan is refused.
    workers : int
        Tiles to run at a time; on CUDA at least two.
    memory : int or None
        Bytes that the process may use (on CUDA: of device memory), for automatic tiles; None: what
        is free.
    precision : {"exact", "tf32", "fp16"}
        The last two need CUDA and are not bit-identical.
    check_windows : int or None
        Tiles per run to compare with larger windows, 0 for none; None: the first run of its kind in
        more than one tile proves itself. InputError if tiles differ.
    """

    device: str = "auto"
    force: bool = False
    workers: int = 1
    memory: int | None = None
    precision: str = "exact"
    check_windows: int | None = None

    @cached_property
    def session(self) -> Session:
        """The network, loaded by onnxruntime; InputError if that fails."""
        return self._session(self.precision)

    def _session(self, precision: str) -> Session:
        image_input = self.contract.input.name
        return Session(
            self.path,
            self.device,
            workers=self.workers,
            image_input=image_input,
            precision=precision,
        )

    @cached_property
    def provider(self) -> str:
        """The onnxruntime provider in use; for the CPU, known without loading the network."""
        wanted = wanted_provider(self.device, self.precision, self.workers)
        return CPU if wanted == CPU else self.session.provider

    @cached_property
    def sums(self) -> Sums:
        """The matrix products of mean shift: on CUDA if the network runs there, else numpy."""
        return SumsOnDevice("cuda") if self.provider == CUDA else sums_on_cpu

    @cached_property
    def check(self) -> Check | None:
        """The check of tiles while this model runs; None if there is none."""
        if self.check_windows == 0 and self.precision == "exact":
            return None
        proving = Proving(self._proof_key, self._usable, Proofs(cache_folder))
        return Check(
            self.check_windows,
            self.precision,
            partial(self._session, "exact"),
            str(self.path),
            proving,
        )

    @property
    def threads(self) -> int:
        """The most threads that compute one batch."""
        return threads_of(self.workers) if self.provider == CPU else 1

    def _proof_key(self, plan: Plan, outputs: tuple[OutputContract, ...]) -> dict[str, Any]:
        """The scope of a proof: network, runtime, device and batch shape."""
        return {
            "model": self.sha256,
            "outputs": [output.name for output in outputs],
            "shiftlint": version("shiftlint"),
            "runtime": runtime_version(),
            "provider": self.provider,
            "precision": self.precision,
            "device": device_name(self.provider),
            "threads": self.threads,
            "read": plan.read_shape,
            "batch": self.batch(plan),
        }

    def _usable(self, plan: Plan, outputs: tuple[OutputContract, ...]) -> Usable:
        """Which other reads fit into memory and promise the same as `plan`."""
        from shiftlint import confirmed

        contract = replace(self.contract, outputs=outputs)

        def usable(read: tuple[int, ...]) -> bool:
            if (
                self.budget.limit_bytes is not None
                and self.budget.peak_bytes(read) > self.budget.limit_bytes
            ):
                return False
            at = confirmed(self.path, contract, read, threads=self.threads)
            return not at.refusals and not (plan.bitwise and at.rounding)

        return usable

    def plan(
        self,
        shape: tuple[int, ...],
        *,
        tile: TileWish = "auto",
        pad: str = "reflect",
        outputs: tuple[str, ...] = (),
        edges: Edges = (),
        region: Region | None = None,
    ) -> Plan:
        """Plan an image of spatial `shape`, or a region of its result, px.

        Raises InputError as `make_plan` and `resolve_region`, or SL602 if the contract fails at
        these sizes.
        """
        wanted = self.outputs(outputs)
        axes = joined_axes(wanted)
        if len(shape) != len(axes):
            raise InputError(
                f"wrong number of axes (image): expected {len(axes)} spatial axes, got "
                f"{len(shape)}."
            )
        reasons = tuple(dict.fromkeys(reason for output in wanted for reason in output.reasons))
        for axis in axes:
            sizes_of(axis, reasons)
        tiles = self._automatic_tile(shape, axes, pad, edges) if isinstance(tile, str) else tile
        tiles = (tiles,) * len(axes) if isinstance(tiles, int) else tiles
        plan = make_plan(
            shape, axes, tile=tiles, pad=pad, force=self.force, reasons=reasons, edges=edges
        )
        rounding = (*plan.rounding, *limits(self.provider, self.precision, plan.tile_count))
        plan = self.confirm(replace(plan, rounding=rounding), wanted)
        return (
            plan
            if region is None
            else cut_plan(plan, resolve_region(region, plan.output_shape), self.scales(outputs))
        )

    def _automatic_tile(
        self, shape: tuple[int, ...], axes: tuple[AxisContract, ...], pad: str, edges: Edges
    ) -> tuple[int, ...]:
        found = fastest_tile(shape, axes, self.budget, pad=pad, edges=edges)
        return automatic_tile(shape, axes, pad=pad) if found is None else found

    @cached_property
    def budget(self) -> Budget:
        """The memory that a run of this network may use, and the cost of a px of a read."""
        tiles, on_cuda = tiles_at_a_time(self.provider, self.workers), self.provider == CUDA
        return budget_of(
            self.path,
            self.contract,
            self.dimensions,
            workers=tiles,
            limit_bytes=self.memory,
            on_cuda=on_cuda,
        )

    def confirm(self, plan: Plan, outputs: tuple[OutputContract, ...]) -> Plan:
        """Evaluate the network at the sizes of the plan's batches and of the whole padded image.

        If the contract does not hold or the network is not the same at both, raise a Refusal; with
        `force`, return the plan marked as not exact. A plan of one tile is always exact.
        """
        from shiftlint import confirmed

        if not plan.exact or plan.tile_count == 1:
            return plan
        contract = replace(self.contract, outputs=outputs)
        at = confirmed(
            self.path,
            contract,
            plan.read_shape,
            whole=plan.padded_shape,
            batch=self.batch(plan),
            threads=self.threads,
        )
        if not at.refusals:
            return (
                replace(plan, rounding=(*plan.rounding, *at.rounding))
                if self.provider == CPU
                else plan
            )
        instead = one_tile(
            tuple(axis.image_px for axis in plan.axes), joined_axes(outputs), pad=plan.pad
        )
        refusal = Refusal(
            f"contract does not hold ({self.path}): {'; '.join(at.refusals)}. Choose another "
            f"--tile, if there is one. {instead}",
            code="SL602",
        )
        if not self.force:
            raise refusal
        return replace(plan, exact=False, findings=(str(refusal),))

    def run(
        self,
        source: Source,
        plan: Plan,
        outputs: tuple[str, ...] = (),
        *,
        edges: Edges = (),
        progress: Progress | None = None,
        region: Box | None = None,
    ) -> Run:
        """A run of this model by `plan` (of `region`); out of memory, it halves the tiles."""

        def halve(old: Plan, cuts: Edges) -> Plan | None:
            tile = tuple(
                half_tile(axis, size)
                for axis, size in zip(self.axes(outputs), old.tile_shape, strict=True)
            )
            if tile == old.tile_shape or not old.exact:
                return None
            shape = tuple(axis.image_px for axis in old.axes)
            cuts = uncut_edges(cuts, region)
            return self.plan(
                shape, tile=tile, pad=old.pad, outputs=outputs, edges=cuts, region=region
            )

        axes = self.axes(outputs)
        at_a_time = tiles_at_a_time(self.provider, self.workers)
        found, batch = self.outputs(outputs), self.batch(plan)
        return Run(
            self.session,
            source,
            plan,
            found,
            halve,
            edges,
            at_a_time,
            progress,
            self.check,
            axes,
            batch,
        )

    def batch(self, plan: Plan) -> int:
        """How many tiles to run per batch: small tiles go together if each is computed by itself.

        On the CPU, this does not change a bit. On other devices, batch size may change the kernels,
        as tile size may.
        """
        dynamic = (
            isinstance(self.contract.input.shape[0], str)
            and self.contract.input.batch == "independent"
        )
        if not dynamic or not plan.exact or self.provider != CPU:
            return 1
        return self.budget.batch(plan.read_shape)

    def predict(
        self,
        image: Any,
        *,
        tile: TileWish = "auto",
        pad: str = "reflect",
        normalize: str = "model",
        outputs: tuple[str, ...] = (),
        region: Region | None = None,
        out: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Run the network on an image (*space) or (C, *space).

        Parameters
        ----------
        image : array of numpy or Zarr, or Reader, of 8- or 16-bit integers or floats
            Zarr arrays and readers are read by windows.
        tile : "auto", int or one int per axis
            Output px per tile.
        pad : {"reflect", "edge", "constant", "none"}
        normalize : {"model", "none"}
        outputs : tuple of str
            Names; by default the first output that is an image.
        region : tuple of slice, one per spatial axis, optional
            Px of the result, such as `np.s_[0:512, 100:300]`: exactly this crop of the full run,
            from the tiles that touch it.
        out : dict of name to array (C', *space), optional
            Arrays to fill with the results, such as Zarr arrays. Default: new arrays.
        progress : callable (tiles done, tiles in all), optional
            Called after every tile; `segment` calls it from another thread. An exception that it
            raises cancels the run and is raised here.

        Returns
        -------
        dict of name to array (C', *space) of float32

        Raises
        ------
        InputError
            The image, tile, region or model cannot be used.

        Examples
        --------
        >>> model = shiftrun.open_model("zoo/dsb2018.onnx")
        >>> model.predict(image)["embedding"].shape  # image: (512, 512), uint16
        (8, 512, 512)
        >>> model.predict(image, region=np.s_[100:200, 0:300])["embedding"].shape
        (8, 100, 300)
        """
        reader = as_image(image, self.dimensions, self.channels)
        plan = self.plan(reader.shape[1:], tile=tile, pad=pad, outputs=outputs)
        box = None if region is None else resolve_region(region, plan.output_shape)
        plan = plan if box is None else cut_plan(plan, box, self.scales(outputs))
        found: dict[str, Any] = dict(out or {})

        def target(name: str, channels: int) -> ArrayTarget:
            shape = (channels, *plan.output_shape)
            if name not in found:
                found[name] = np.empty(shape, dtype=np.float32)
            check_out(name, found[name], shape)
            return ArrayTarget(found[name])

        self.run(self.source(reader, normalize), plan, outputs, progress=progress, region=box).into(
            target
        )
        return found

    def segment(
        self,
        image: Any,
        *,
        tile: TileWish = "auto",
        pad: str = "reflect",
        normalize: str = "model",
        bandwidth: float | None = None,
        threshold: float | None = None,
        min_size: int | None = None,
        region: Region | None = None,
        out: Any = None,
        progress: Progress | None = None,
    ) -> Any:
        """Label the instances of an image; parameters as for `predict`.

        Clustering parameters default to the metadata. Only one label window of embeddings is in
        memory at a time. With `region`, labels are those of the full run there, renumbered 1, 2, …
        in the same order.

        Returns
        -------
        array (*space) of int32
            0 for background; `out`, if given. With `pad="none"`, of the network's output size.

        Examples
        --------
        >>> model = shiftrun.open_model("zoo/dsb2018.onnx")
        >>> labels = model.segment(image)
        >>> labels.shape, labels.dtype, int(labels.max()) == len(np.unique(labels)) - 1
        ((512, 512), dtype('int32'), True)
        """
        clustering = self.clustering(bandwidth, threshold, min_size)
        reader = as_image(image, self.dimensions, self.channels)
        edges = self.row_edges(reader.shape[1:], pad)
        plan = self.plan(
            reader.shape[1:], tile=tile, pad=pad, outputs=INSTANCE_OUTPUTS, edges=edges
        )
        box = None if region is None else resolve_region(region, plan.output_shape)
        source = self.source(reader, normalize)
        with instances(
            self, source, plan, clustering, edges=edges, region=box, progress=progress
        ) as found:
            return into_array(found.labels, out)

    def labels(
        self,
        outputs: dict[str, NDArray[np.float32]],
        *,
        bandwidth: float | None = None,
        threshold: float | None = None,
        min_size: int | None = None,
        progress: Progress | None = None,
    ) -> NDArray[np.int32]:
        """Label outputs of `predict`: `embedding` (E, *space) and `foreground` (1, *space)."""
        settings = asdict(self.clustering(bandwidth, threshold, min_size))
        return label_instances(
            outputs["embedding"],
            outputs["foreground"][0],
            **settings,
            progress=progress,
            sums=self.sums,
        )
