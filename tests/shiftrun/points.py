"""Points to cluster."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def blobs(
    count: int, dimensions: int, clusters: int, smeared: float = 0.0
) -> tuple[NDArray[np.float32], NDArray[Any], NDArray[np.bool_]]:
    """Points, their cluster and whether they are well defined (not smeared between two centers)."""
    random = np.random.default_rng(0)
    centers = (
        random.permutation(
            np.stack(np.meshgrid(*[np.arange(4)] * dimensions), -1).reshape(-1, dimensions)[
                : clusters * 3
            ]
        )[:clusters]
        * 3.0
    )
    truth = random.integers(0, clusters, count)
    points = centers[truth] + random.normal(0, 0.1, (count, dimensions))
    bad = random.random(count) < smeared
    way = random.random((count, 1))
    between = centers[truth] * way + centers[random.integers(0, clusters, count)] * (1 - way)
    return np.where(bad[:, None], between, points).astype(np.float32), truth, ~bad
