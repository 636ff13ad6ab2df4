"""Figure 2, Corollary 2: how many disks that look the same a trained U-Net distinguishes.

The U-Net has 3 poolings by 2 (l = 3). At a spacing of 16 px, a multiple of 8, all disks have the
same position on the grid of the poolings: one cluster. At 15 px, co-prime to 8, 8x8 disks have
different positions, and the ninth repeats the first: 64 clusters, with learned and with fixed
upsampling. With l = 4: 16x16.
"""

from __future__ import annotations

from math import gcd, lcm
from pathlib import Path

import numpy as np

from shiftzoo.experiments.counting import Seen, apart, clusters_of, look, scene
from shiftzoo.experiments.networks_trained import Case, network
from shiftzoo.experiments.outcome import Outcome, at_least, equal
from shiftzoo.experiments.panels import Panel, draw

SEEDS = (0, 1)
ALIKE = tuple(
    Case(f"figure2a_seed{seed}", levels=3, spacing=16, steps=500, seed=seed) for seed in SEEDS
)
LEARNED = tuple(
    Case(f"figure2b_seed{seed}", levels=3, spacing=15, steps=4000, seed=seed) for seed in SEEDS
)
FIXED = tuple(
    Case(f"figure2c_seed{seed}", levels=3, spacing=15, steps=4000, upsampling="fixed", seed=seed)
    for seed in SEEDS
)
DEEPER = Case("figure2_l4", levels=4, spacing=15, steps=3000, upsampling="fixed", channels=6)
CASES = (*ALIKE, *LEARNED, *FIXED, DEEPER)


def see(case: Case, networks: Path) -> tuple[Seen, bool]:
    """An image with more than twice the disks that differ, per axis.

    The second value: whether the embedding repeats at the next px with the same position.
    """
    model = network(case, networks)
    seen = look(case, model, scene(case, model, 2 * case.torus_px + 2 * case.spacing))
    px = lcm(case.spacing, case.period)
    same = all(
        np.array_equal(
            np.take(seen.embedding, range(px, n), axis),
            np.take(seen.embedding, range(n - px), axis),
        )
        for axis, n in enumerate(seen.truth.shape, start=1)
    )
    return seen, same


def run(out: Path, networks: Path) -> list[Outcome]:
    """Count the distinguished disks; draw figure2.png."""
    outcomes, panels = [], []
    for case in CASES:
        seen, same = see(case, networks)
        disks = seen.whole[: case.period, : case.period]
        name = (
            f"{case.name}: l={case.levels}, {case.upsampling} upsampling, spacing {case.spacing} px"
        )
        alone = apart(seen, disks)
        if case in ALIKE:
            outcomes.append(
                equal(f"{name}: clusters of {disks.size} disks", 1, clusters_of(seen, disks))
            )
        else:
            outcomes.append(
                at_least(f"{name}: disks apart of {disks.size}", 60 * disks.size // 64, alone)
            )
        further = case.period // gcd(case.spacing, case.period)
        outcomes.append(
            equal(
                f"{name}: the same {further} disk{'s' * (further > 1)} further, bit for bit",
                True,
                same,
            )
        )
        outcomes.append(
            equal(
                f"{name}: period in the contract",
                case.period,
                network(case, networks).axes()[0].period or 0,
            )
        )
        if case.seed == SEEDS[0]:
            title = f"l={case.levels}, spacing {case.spacing}, {case.upsampling} upsampling"
            count = (
                "1 cluster" if clusters_of(seen, disks) == 1 else f"{alone} of {disks.size} apart"
            )
            panels.append(Panel(title, count, seen, seen, framed=disks))
    draw(out / "figure2.png", panels)
    return outcomes
