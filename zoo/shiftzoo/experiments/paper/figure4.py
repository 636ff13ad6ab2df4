"""Figure 4a-c, section 3.2: the effect of training window and tile size on a U-Net.

The U-Net has l = 4 poolings by 2, f^l = 16 px. With training windows of 16 px, px on the two sides
of a line of the 16-px grid never meet in one loss: disks are torn there, even in the whole image.
With windows of 20 px they meet: the whole image is clean. Stitched from tiles of 20 px, the same
network tears disks at the seams; with these tiles cropped to 16 px it gives the whole image again,
bit for bit.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from shiftzoo.experiments.counting import Seen, changed_px, look, neighbors_alike, scene, torn
from shiftzoo.experiments.networks_trained import Case, network
from shiftzoo.experiments.outcome import Outcome, at_least, equal
from shiftzoo.experiments.panels import Panel, draw

NARROW = Case(
    "figure4a",
    levels=4,
    spacing=9,
    radius=3.5,
    upsampling="fixed",
    window=16,
    steps=1000,
    channels=4,
    bandwidth=0.5,
)
WIDE = replace(NARROW, name="figure4b", window=20, steps=2000)
CASES = (NARROW, WIDE)
IMAGE_PX, SHOWN_PX = 212, 100  # of the output, and of its part in the picture


def see(networks: Path) -> dict[str, tuple[Seen, Seen]]:
    """The results of the two networks, each with the same network's result on the whole image."""
    narrow, wide = network(NARROW, networks), network(WIDE, networks)
    broken = look(NARROW, narrow, scene(NARROW, narrow, IMAGE_PX))
    image = scene(WIDE, wide, IMAGE_PX)
    whole, naive, cropped = (look(WIDE, wide, image, tile=tile) for tile in (None, 20, 16))
    return {
        "a  window 16, whole image": (broken, broken),
        "b  window 20, whole image": (whole, whole),
        "b  window 20, tiles of 20 px": (naive, whole),
        "c  window 20, tiles cropped to 16 px": (cropped, whole),
    }


def run(out: Path, networks: Path) -> list[Outcome]:
    """Count torn disks, and px that differ from the whole image; draw figure4.png."""
    outcomes, panels = [], []
    for (name, (seen, whole)), breaks in zip(
        see(networks).items(), (True, False, True, False), strict=True
    ):
        count, size = torn(seen), seen.whole.size
        statement = f"{name}: torn disks of {size}"
        seams_px = 20 if "of 20 px" in name else 16
        outcomes.append(at_least(statement, 21, count) if breaks else equal(statement, 0, count))
        if breaks:
            statement = f"{name}: of these on a line of the grid of {seams_px} px"
            outcomes.append(at_least(statement, count // 2 + 1, torn(seen, seams_px=seams_px)))
        if seen is whole:
            outcomes.append(equal(f"{name}: neighbors in one cluster", 0, neighbors_alike(seen)))
        else:
            statement, changed = (
                f"{name}: px that differ from the whole image",
                changed_px(seen, whole),
            )
            outcomes.append(
                at_least(statement, 1, changed) if breaks else equal(statement, 0, changed)
            )
        panels.append(Panel(name, f"{count} of {size} disks torn", seen, whole, seams_px))
    draw(out / "figure4.png", panels, shown_px=SHOWN_PX)
    return outcomes
