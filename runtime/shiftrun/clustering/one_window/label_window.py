"""From the embeddings of one label window to its labels: mean shift, components, fragments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftrun.clustering.mean_shift.mean_shift import mean_shift
from shiftrun.clustering.mean_shift.weighted_sums import Sums, sums_on_cpu
from shiftrun.clustering.one_window.connected_components import Labels, components
from shiftrun.clustering.one_window.fragments import absorb_fragments


@dataclass(frozen=True, slots=True)
class Clustering:
    """How embeddings become labels.

    Attributes
    ----------
    bandwidth : float
        Of mean shift, in units of the embedding.
    threshold : float
        Px with a larger logit are foreground.
    min_size : int
        Objects with fewer px are dropped.
    fragment_border : float
        Parts with more than this in common with a larger object join it, see `absorb_fragments`; 0:
        none do.
    """

    bandwidth: float
    threshold: float = 0.0
    min_size: int = 0
    fragment_border: float = 0.0


@dataclass(frozen=True, slots=True)
class Foreground:
    """The foreground of one window.

    Attributes
    ----------
    number : int
        Of the window.
    points : array (E, K) of float32
        Embeddings in raster order.
    mask : array (*box) of bool
        Their positions.
    """

    number: int
    points: NDArray[np.float32]
    mask: NDArray[np.bool_]


Labeling = Callable[[Iterable[Foreground], Clustering], Iterator[tuple[int, Labels]]]


def label_windows(
    windows: Iterable[Foreground],
    clustering: Clustering,
    *,
    sums: Sums = sums_on_cpu,
    timed: Callable[[str], AbstractContextManager[object]] = nullcontext,
) -> Iterator[tuple[int, Labels]]:
    """Label one window after another; yields each number with its labels.

    Parameters
    ----------
    windows : iterable of Foreground
    clustering : Clustering
    sums : callable, optional
        As of `mean_shift`.
    timed : callable (stage) to context manager, optional
        Entered around the clustering of each window.
    """
    for window in windows:
        with timed("cluster"):
            labels = label_window(window, clustering, sums)
        number = window.number
        del window  # its memory, before the next one is gathered
        yield number, labels


def label_window(
    window: Foreground,
    clustering: Clustering,
    sums: Sums = sums_on_cpu,
    *,
    threads: int | None = None,
) -> Labels:
    """Cluster the foreground of one window, split unconnected clusters, and join fragments.

    The embeddings are overwritten. `threads` follow modes, by default one per core.

    Every foreground px takes its nearest mode: between two objects, embeddings are between two
    modes, and without those px objects would shrink. A mode with less support than the smallest
    object cannot be an object.
    """
    clusters = np.full(window.mask.shape, -1, dtype=np.int32)
    points, support = window.points.T, max(1, clustering.min_size)
    settings: dict[str, Any] = {
        "min_support": support,
        "cluster_all": True,
        "overwrite_points": True,
    }
    clusters[window.mask], _ = mean_shift(
        points, clustering.bandwidth, sums=sums, threads=threads, **settings
    )
    return absorb_fragments(components(clusters), clustering.fragment_border)
