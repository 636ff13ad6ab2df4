"""From embeddings to instances: mean shift per window of a fixed global grid, then union.

The grid depends only on the size of the image, never on the tiles of the network: equal embeddings
give equal labels. A small image is one window; a larger image is cut into windows that overlap, and
two labels of neighboring windows are one object iff each is the other's largest partner in the
overlap and their intersection over union there is at least 1/2.

The image arrives block by block. A window is labeled in the block that contains its end. Of a
block, only the embeddings in windows that end later are kept; of a window's labels, only the part
that overlaps later windows. `label_store.py` keeps the labels until all names are known.
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
        Sizes that do not match, or as for `mean_shift`.
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
    """Label blocks that cover the image in raster order; yields the finished labels as a reader.

    Parameters
    ----------
    blocks : iterable of Block
    shape : tuple of int
    clustering : Clustering
    windows : list of LabelWindow
        Of `windows_of`.
    folder : Path, optional
        The folder of the unnamed temporary label file. Default: the system's temporary folder.
    progress : callable (windows done, windows in all), optional
    labeling : callable, optional
        Labels the windows: `label_windows` or `labeling_processes`.
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
