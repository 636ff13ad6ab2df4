"""The classical baseline for a trained network: Otsu's threshold and a distance watershed.

It follows CellProfiler's IdentifyPrimaryObjects (Carpenter et al. 2006) with declumping by shape:
smooth, threshold, fill holes, one seed per maximum of the smoothed distance transform, watershed
from the seeds, drop small objects. BBBC006's own labels were made this way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from shiftlint.errors import InputError
from shiftrun.progress import Progress
from shiftzoo.data.labeled_images import Sample, numbered
from shiftzoo.evaluation.metrics import Counts, count

SMOOTHING = 1.0  # px, of the image
DISTANCE_SMOOTHING = 1.5  # px, of the distance transform
SEED_DISTANCE = 5  # px between seeds
MIN_SIZE = 40  # px


def watershed(image: NDArray[Any], *, logarithmic: bool = False) -> NDArray[np.int32]:
    """Label the bright objects of an image (*space); 0 is background.

    With `logarithmic`, Otsu's threshold is computed on logarithms, as CellProfiler does: dim
    objects next to bright ones are kept.

    Raises
    ------
    InputError
        scikit-image is not installed.
    """
    try:
        from skimage import feature, filters, segmentation
    except ImportError as error:
        raise InputError(
            "scikit-image is not installed: expected it for the baseline. Install it: pip install "
            '"shiftlint[train]".'
        ) from error

    smooth = ndimage.gaussian_filter(image.astype(np.float32), SMOOTHING)
    if smooth.min() == smooth.max():
        return np.zeros(image.shape, np.int32)
    values = np.log(smooth.clip(1)) if logarithmic else smooth
    foreground = ndimage.binary_fill_holes(values > filters.threshold_otsu(values))
    distance = ndimage.gaussian_filter(
        ndimage.distance_transform_edt(foreground), DISTANCE_SMOOTHING
    )
    seeds = np.zeros(image.shape, np.int32)
    peaks = feature.peak_local_max(
        distance,
        min_distance=SEED_DISTANCE,
        labels=ndimage.label(foreground)[0],
        exclude_border=False,
    )
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    label = segmentation.watershed(-distance, seeds, mask=foreground)
    return numbered(label, MIN_SIZE)


def evaluate_watershed(
    samples: Sequence[Sample], *, progress: Progress | None = None
) -> list[Counts]:
    """The counts of every sample, as for a model."""
    counts = []
    for done, sample in enumerate(samples, start=1):
        counts.append(count(sample.label, watershed(sample.image)))
        if progress is not None:
            progress(done, len(samples))
    return counts
