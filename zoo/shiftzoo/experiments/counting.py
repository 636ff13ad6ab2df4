"""Counts in images of equal disks: how many are distinguished, and how many are torn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shiftrun import mean_shift
from shiftrun.model.open_model import Model
from shiftzoo.data.labeled_images import Sample
from shiftzoo.experiments.networks_trained import Case
from shiftzoo.experiments.outcome import legal_size

SHARE = 0.95  # share of a disk's px with one label that makes it one object


@dataclass(frozen=True, slots=True)
class Seen:
    """An image of disks as a network sees it.

    Attributes
    ----------
    truth : array (Y, X) of int32
        The disks; 0 is background.
    whole : array (rows, columns) of int32
        The numbers of the disks that no border cuts.
    embedding : array (E, Y, X) of float32
    clusters : array (Y, X) of int32
        By mean shift only, regardless of position; 0 is background.
    """

    truth: NDArray[np.int32]
    whole: NDArray[np.int32]
    embedding: NDArray[np.float32]
    clusters: NDArray[np.int32]


def scene(case: Case, model: Model, px: int) -> Sample:
    """An image for an output of at least `px` px per axis, with unseen noise and deformation."""
    return case.image(max(legal_size(model, px)), np.random.default_rng((case.seed, 1)))


def look(case: Case, model: Model, image: Sample, *, tile: int | None = None) -> Seen:
    """Run `model` on an image, whole or in tiles of `tile` px, and cluster the disks' px."""
    tile = tile or max(image.image.shape)
    embedding = model.predict(image.image, tile=tile, pad="none", normalize="none")["embedding"]
    origin, size = model.axes()[0].origin, embedding.shape[1]
    truth = image.label[origin : origin + size, origin : origin + size]
    inside = truth > 0
    first, last = -(-origin // case.spacing) + 1, (origin + size - 1) // case.spacing - 1
    centers = case.spacing * np.arange(first, last + 1)
    clusters = np.zeros(truth.shape, np.int32)
    least = int(np.pi * case.radius**2) // 2  # half a disk's px: fewer do not make an object
    found, _ = mean_shift(
        embedding[:, inside].T, case.bandwidth, min_support=least, cluster_all=True
    )
    clusters[inside] = 1 + found
    return Seen(truth, image.label[np.ix_(centers, centers)], embedding, clusters)


def apart(seen: Seen, disks: NDArray[np.int32]) -> int:
    """Count the disks with SHARE of their px in one cluster that no other of these disks shares."""
    labels = [_labels(seen, disk) for disk in disks.flat]
    members = np.bincount(np.concatenate([found for found, _ in labels]))
    return sum(
        bool(own > 0 and members[own] == 1 and sizes.max() >= SHARE * sizes.sum())
        for found, sizes in labels
        for own in (found[sizes.argmax()],)
    )


def torn(seen: Seen, *, seams_px: int | None = None) -> int:
    """Count the whole disks without a cluster that has SHARE of their px.

    With `seams_px`, count only disks that are cut by lines `seams_px` px apart.
    """
    found = [
        disk
        for disk in seen.whole.flat
        if _labels(seen, disk)[1].max() < SHARE * (seen.truth == disk).sum()
    ]
    if seams_px is None:
        return len(found)
    places = ([axis // seams_px for axis in np.nonzero(seen.truth == disk)] for disk in found)
    return sum(any(np.ptp(tile) > 0 for tile in tiles) for tiles in places)


def neighbors_alike(seen: Seen) -> int:
    """Count pairs of neighboring whole disks with most of their px in the same cluster."""
    owner = np.empty(seen.whole.shape, np.int32)
    for place, disk in np.ndenumerate(seen.whole):
        found, sizes = _labels(seen, disk)
        owner[place] = found[sizes.argmax()]
    return int((owner[1:] == owner[:-1]).sum() + (owner[:, 1:] == owner[:, :-1]).sum())


def clusters_of(seen: Seen, disks: NDArray[np.int32]) -> int:
    """The number of clusters of these disks."""
    found = np.unique(seen.clusters[np.isin(seen.truth, disks)])
    return int((found > 0).sum())


def changed_px(seen: Seen, reference: Seen) -> int:
    """Count the px whose embedding is not bit-identical to that of the reference."""
    return int((seen.embedding != reference.embedding).any(0).sum())


def _labels(seen: Seen, disk: np.int32) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """The clusters of a disk's px, and the px of each."""
    return np.unique(seen.clusters[seen.truth == disk], return_counts=True)
