"""Rendered training data: images drawn from a seed, with their labels.

`shiftzoo render KIND` writes them as an .npz archive, which training and evaluation read like any
other data.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from shiftzoo.data.labeled_images import Sample
from shiftzoo.data.rendered.disks import draw_disks
from shiftzoo.data.rendered.nuclei3d import draw_nuclei

Renderer = Callable[[np.random.Generator, str], Sample]

RENDERERS: dict[str, Renderer] = {"disks": draw_disks, "nuclei3d": draw_nuclei}


def render(kind: str, count: int, seed: int) -> list[Sample]:
    """Draw `count` samples; sample k depends only on kind, seed and k."""
    return [
        RENDERERS[kind](np.random.default_rng((seed, number)), f"{kind}_{seed}_{number}")
        for number in range(count)
    ]
