"""Supplementary Figures 3a-d: slight noise or deformation makes equal disks distinguishable.

At this spacing equal disks cannot be distinguished. With noise or deformation they differ, and
disks on the grid of the poolings get their own embeddings. This does not help tiles: off the grid
the same network still gives different embeddings than for the whole image.
"""

from __future__ import annotations

from pathlib import Path

from shiftzoo.experiments.counting import apart, changed_px, look, scene, torn
from shiftzoo.experiments.networks_trained import Case, network
from shiftzoo.experiments.outcome import Outcome, at_least, at_most, equal
from shiftzoo.experiments.panels import Panel, draw

NOISE = Case("supplementary3_noise", levels=3, spacing=16, steps=3000, noise=0.1, channels=6)
DEFORMATION = Case(
    "supplementary3_deformation", levels=3, spacing=16, steps=4000, deformation_px=1.5, channels=6
)
CASES = (NOISE, DEFORMATION)
NAIVE, CROPPED = 20, 16  # px of a tile, off and on the grid of 8 px


def run(out: Path, networks: Path) -> list[Outcome]:
    """Count disks apart and torn; draw supplementary3.png."""
    outcomes, panels = [], []
    for case, letters in zip(CASES, ("ab", "cd"), strict=True):
        model, name = network(case, networks), case.name.removeprefix("supplementary3_")
        image = scene(case, model, 10 * case.spacing)
        whole, naive, cropped = (
            look(case, model, image, tile=tile) for tile in (None, NAIVE, CROPPED)
        )
        block = whole.whole[:8, :8]
        ways = {"whole image": (whole, 0), f"tiles of {NAIVE} px": (naive, NAIVE)}
        for letter, (way, (seen, seams_px)) in zip(letters, ways.items(), strict=True):
            count = f"{apart(seen, block)} of {block.size} apart, {torn(seen)} torn"
            panels.append(Panel(f"{letter}  {name}, {way}", count, seen, whole, seams_px))
        outcomes += [
            at_least(
                f"{name}: disks apart of {block.size}, none without it",
                block.size // 4,
                apart(whole, block),
            ),
            at_most(
                f"{name}: torn disks of {block.size}, whole image", block.size // 8, torn(whole)
            ),
            at_least(f"{name}: torn disks of {block.size}, tiles of {NAIVE} px", 21, torn(naive)),
            at_least(f"{name}: px that tiles of {NAIVE} px change", 1, changed_px(naive, whole)),
            equal(f"{name}: px that tiles of {CROPPED} px change", 0, changed_px(cropped, whole)),
        ]
    draw(out / "supplementary3.png", panels)
    return outcomes
