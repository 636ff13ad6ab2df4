"""Network and clustering together: the instances of an image or a region, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from shiftlint.console.whole_files import writing
from shiftrun.arrays.box import Box
from shiftrun.arrays.readers import Reader
from shiftrun.arrays.views import Cropped
from shiftrun.clustering.label_image import label_blocks
from shiftrun.clustering.label_region import label_region
from shiftrun.clustering.one_window.label_window import Clustering, Labeling, label_windows
from shiftrun.inference.blocks import Block, Run, ahead, timed
from shiftrun.inference.network_input import Source
from shiftrun.model.model_file import INSTANCE_OUTPUTS
from shiftrun.model.runner import Runner
from shiftrun.progress import Progress
from shiftrun.tiles.label_grid import GRIDS, windows_of
from shiftrun.tiles.plan import Edges, Plan
from shiftrun.tiles.regions import cut_edges, cut_plan

Stage = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Instances:
    """Labels of one image.

    Attributes
    ----------
    labels : Reader
        (*space) of int32, 0 for background; of the region, if one was requested.
    count : int
        The largest label.
    plan : Plan
        As run: tiles may have become smaller. For a region, the plan of its first part.
    """

    labels: Reader
    count: int
    plan: Plan


@contextmanager
def instances(
    model: Runner,
    source: Source,
    plan: Plan,
    clustering: Clustering,
    *,
    edges: Edges = (),
    region: Box | None = None,
    progress: Progress | None = None,
    folder: Path | None = None,
    stage: Stage = lambda _: nullcontext(),
    labeling: Labeling | None = None,
) -> Iterator[Instances]:
    """Run `model` by `plan`, of the whole image, and label the outputs.

    Parameters
    ----------
    model : Runner
    source : Source
    plan : Plan
    clustering : Clustering
    edges : tuple of tuple of int
        Of `Model.row_edges`.
    region : tuple of slice, optional
        Px of the result.
    progress : callable (tiles done, tiles in all), optional
    folder : Path, optional
        The folder of the temporary label file.
    stage : callable (name) to context manager, optional
        Entered around "predict" and "cluster".
    labeling : callable, optional
        Labels the windows if there is no region, such as `labeling_processes`. Default: this
        process.
    """
    shape, runs = plan.output_shape, []

    def blocks_of(box: Box | None) -> Iterable[Block]:
        part = plan if box is None else cut_plan(plan, box, model.scales(INSTANCE_OUTPUTS))
        inner = edges if box is None else cut_edges(edges, box)
        run: Run = model.run(
            source, part, INSTANCE_OUTPUTS, edges=inner, progress=progress, region=box
        )
        runs.append(run)
        return timed(ahead(run.blocks()), lambda: stage("predict"))

    windows = windows_of(shape, GRIDS[model.dimensions])
    with ExitStack() as stack:
        if folder is not None:
            stack.enter_context(writing(folder))
        if region is not None:
            labeled = label_region(
                blocks_of, shape, region, clustering, windows, folder=folder, sums=model.sums
            )
        else:
            labeling = labeling or partial(label_windows, sums=model.sums, timed=stage)
            labeled = label_blocks(
                blocks_of(None), shape, clustering, windows, folder=folder, labeling=labeling
            )
        store = stack.enter_context(labeled)
        labels: Reader = store if region is None else Cropped(store, region)
        yield Instances(labels, store.largest, runs[0].plan)
