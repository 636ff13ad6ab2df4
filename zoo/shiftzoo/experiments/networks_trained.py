"""The small U-Nets of the paper's synthetic figures.

They have 3 feature maps at the top, doubling with every level, and 3 embedding channels. The
trained ones are in `networks/`; `shiftzoo reproduce --train` retrains them, each on one core.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from math import lcm
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import onnx.utils

from shiftlint import analyze, read_metadata
from shiftlint.console.whole_files import whole_file
from shiftrun.model.open_model import Model, open_model
from shiftrun.progress import Progress
from shiftzoo.data.labeled_images import Sample
from shiftzoo.experiments.disk_images import disk_grid
from shiftzoo.recipe import Architecture, LossWeights, Recipe, Training

CARRIED = Path(__file__).parent / "networks"


@dataclass(frozen=True, slots=True)
class Case:
    """A small network and its training disks.

    Attributes
    ----------
    name : str
        Name of the file.
    levels : int
        Poolings by 2.
    upsampling : {"learned", "fixed"}
    spacing, radius
        Of the disks, px.
    window : int
        Output px per axis that the loss sees at a time; 0 for the whole torus.
    noise, deformation_px : float
        As for `disk_grid`; drawn anew in every step.
    channels : int
        Feature maps at the top.
    bandwidth : float
        Of the mean shift; the loss pushes means 6 apart.
    """

    name: str
    levels: int
    spacing: int
    steps: int
    upsampling: str = "learned"
    radius: float = 4.5
    window: int = 0
    noise: float = 0.0
    deformation_px: float = 0.0
    learning_rate: float = 3e-3
    seed: int = 0
    channels: int = 3
    bandwidth: float = 1.5

    @property
    def period(self) -> int:
        """f^l px."""
        return int(2**self.levels)

    @property
    def torus_px(self) -> int:
        """The smallest torus of at least f^l disks per axis.

        It has every possible position of a disk on the grid of f^l px.
        """
        least = lcm(self.spacing, self.period)
        return least * -(-self.period * self.spacing // least)

    def draw(self, random: np.random.Generator) -> Sample:
        """The torus to train on."""
        return self.image(self.torus_px, random, around=True)

    def image(self, size: int, random: np.random.Generator, *, around: bool = False) -> Sample:
        """An image of the disks."""
        return disk_grid(
            self.spacing,
            self.radius,
            size,
            around=around,
            noise=self.noise,
            deformation_px=self.deformation_px,
            random=random,
        )

    @property
    def recipe(self) -> Recipe:
        """The recipe of the training."""
        window = self.window or self.torus_px
        architecture = Architecture(
            pooling=((2, 2),) * self.levels,
            base_channels=self.channels,
            embedding_channels=3,
            upsampling=self.upsampling,
            batch_norm=False,
        )
        batch = (self.torus_px // self.period) ** 2 if self.window else 1
        return Recipe(
            name=self.name,
            description=(
                f"Equal disks, {self.spacing} px apart: a small U-Net for a figure of Rumberger "
                "et al. 2021"
            ),
            license="MIT",
            data="rendered by shiftzoo.experiments.disk_images",
            percentiles=(0.0, 100.0),
            bandwidth=self.bandwidth,
            foreground_threshold=0.0,
            min_size=0,
            architecture=architecture,
            training=Training(
                window=(window, window),
                steps=self.steps,
                batch_size=batch,
                learning_rate=self.learning_rate,
                average_decay=0.99,
                seed=self.seed,
            ),
            loss=LossWeights(pull_margin=0.0, push_distance=6.0, length=0.0, foreground=0.0),
        )


def network(case: Case, folder: Path = CARRIED) -> Model:
    """The trained network of a case, opened for naive stitching."""
    return open_model(folder / f"{case.name}.onnx", device="cpu", force=True)


def train_all(cases: tuple[Case, ...], folder: Path, progress: Progress | None = None) -> None:
    """Train the networks of all cases into `folder`, one per core at a time.

    `progress` gets (done, total).
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for done, _ in enumerate(pool.map(_train, cases, [folder] * len(cases)), start=1):
            if progress is not None:
                progress(done, len(cases))


def _train(case: Case, folder: Path) -> None:
    import torch

    from shiftzoo.train.endless_images import train_on_torus
    from shiftzoo.train.export import export

    torch.set_num_threads(1)  # sums are then the same for any number of cores
    path = folder / f"{case.name}.onnx"
    export(train_on_torus(case.recipe, case.draw), path, dynamo=False)
    _keep_embedding(path)


def _keep_embedding(path: Path) -> None:
    """Remove the untrained foreground output: the px of the disks are known."""
    metadata = read_metadata(path)
    model = onnx.utils.Extractor(onnx.load(path)).extract_model(["image"], ["embedding"])
    with whole_file(path) as draft:
        onnx.save(model, draft)
        for key, value in replace(metadata, contract=analyze(draft)).to_props().items():
            model.metadata_props.add(key=key, value=value)
        onnx.save(model, draft)
