"""From embeddings to instances: mean shift on windows of a fixed global grid, components, union,
sizes.

The grid depends on the size of the image alone and never on the tiles that the network was run on:
equal embeddings give equal labels. One window holds what fits; a larger image is cut into windows
that overlap, and two labels of neighboring windows are one object iff each is the other's largest
partner in the overlap and their intersection over union there is at least 1/2.

The image is taken block by block. A window is labeled in the block that holds its end; of a block
only those embeddings are kept that lie in windows which end later, and of a window's labels only
the part that overlaps later windows. What is written is kept in `label_store.py` until all names
are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shiftlint.errors import InputError
from shiftrun.arrays.box import everything
from shiftrun.clustering.mean_shift.weighted_sums import Sums, sums_on_cpu
from shiftrun.clustering.one_window.connected_components import Labels
from shiftrun.clustering.one_window.label_window import Clustering, Labeling, label_windows
from shiftrun.clustering.windows.gather import Gather
from shiftrun.clustering.windows.label_store import LabelStore
from shiftrun.clustering.windows.unite import Unions
from shiftrun.inference.blocks import Block
from shiftrun.memory.allocator import give_back
from shiftrun.progress import Progress
from shiftrun.tiles.label_grid import GRIDS, Grid, LabelWindow, windows_of


def label_instances(
    embedding: NDArray[np.float32],
    foreground: NDArray[np.float32],
    *,
    bandwidth: float,
    threshold: float = 0.0,
    min_size: int = 0,
    fragment_border: float = 0.0,
    grid: Grid | None = None,
    progress: Progress | None = None,
    sums: Sums = sums_on_cpu,
) -> Labels:
    """Label the instances of one image in memory.

    Parameters
    ----------
    embedding : array (E, *space) of float32
    foreground : array (*space) of float32
        Logits.
    bandwidth, threshold, min_size, fragment_border
        As of `Clustering`.
    grid : Grid, optional
        Default: by the number of dimensions.
    progress : callable (windows done, windows in all), optional
    sums : callable, optional
        As of `mean_shift`.

    Returns
    -------
    array (*space) of int32
        0 for background, objects 1, 2, … in raster order of their first px.

    Raises
    ------
    InputError
        Sizes that do not match, or what `mean_shift` refuses.
    """
    if embedding.shape[1:] != foreground.shape:
        raise InputError(
            f"outputs (clustering): expected equal sizes, got {embedding.shape[1:]} and "
            f"{foreground.shape}."
        )
    shape = foreground.shape
    windows = windows_of(shape, grid or GRIDS[len(shape)])
    block = Block(everything(shape), embedding, foreground)
    clustering = Clustering(bandwidth, threshold, min_size, fragment_border)
    with label_blocks(
        [block],
        shape,
        clustering,
        windows,
        progress=progress,
        labeling=partial(label_windows, sums=sums),
    ) as store:
        return store.read(everything(shape))


@contextmanager
def label_blocks(
    blocks: Iterable[Block],
    shape: tuple[int, ...],
    clustering: Clustering,
    windows: list[LabelWindow],
    *,
    folder: Path | None = None,
    progress: Progress | None = None,
    labeling: Labeling = label_windows,
) -> Iterator[LabelStore]:
    """Label blocks that come in raster order and cover the image; yields the finished labels, to be
    read by boxes.

    Parameters
    ----------
    blocks : iterable of Block
    shape : tuple of int
    clustering : Clustering
    windows : list of LabelWindow
        Of `windows_of`.
    folder : Path, optional
        Where the unnamed temporary file of the labels lies. Default: the system's folder for such
        files.
    progress : callable (windows done, windows in all), optional
    labeling : callable, optional
        What labels the windows: `label_windows`, or `labeling_processes`.
    """
    with LabelStore(shape, folder) as store:
        gather, unions = Gather(windows, clustering.threshold), Unions(windows)
        for done, (number, labels) in enumerate(
            labeling(gather.complete(blocks), clustering), start=1
        ):
            unions.add(number, labels, store.total)
            store.add(windows[number], labels)
            give_back()
            if progress is not None:
                progress(done, len(windows))
        store.name(unions.names(store.total), clustering.min_size)
        yield store
