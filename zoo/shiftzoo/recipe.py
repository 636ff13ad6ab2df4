"""Recipes: what to train, on which data and how, as TOML checked against a schema.

The geometry of a valid U-Net follows from its pooling factors and `c`, the number of valid
convolutions of size 3 per block. A block takes `2c` px off every axis; below a pooling of factor
`f` a loss of `o` px counts as `f·o`. Hence, per axis,

    offset(no level) = 2c,  offset(level, f) = 2c + f·offset(below) + 2c,  period = product of all f

and legal inputs are those that every pooling divides evenly: one residue modulo the period.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from shiftlint.errors import InputError
from shiftschemas import validate

KERNEL_LOSS = 2  # px that one valid convolution of size 3 takes off an axis


@dataclass(frozen=True, slots=True)
class Architecture:
    """A valid-convolution U-Net.

    Attributes
    ----------
    pooling : tuple of tuple of int
        Pooling factors, from the finest level to the coarsest, one per spatial axis in array order
        (Z,) Y, X.
    in_channels, base_channels, max_channels, embedding_channels : int
        Feature maps double with every level from `base_channels` up to `max_channels`.
    convolutions : int
        Valid 3-convolutions per block.
    upsampling : {"learned", "fixed"}
        Transposed convolution with kernel = stride = factor, or nearest neighbor.
    batch_norm : bool
        Normalize after each convolution; folded into the weights at export.
    """

    pooling: tuple[tuple[int, ...], ...]
    in_channels: int = 1
    base_channels: int = 16
    max_channels: int = 256
    embedding_channels: int = 8
    convolutions: int = 2
    upsampling: str = "learned"
    batch_norm: bool = True

    @property
    def dimensions(self) -> int:
        return len(self.pooling[0])

    @property
    def depth(self) -> int:
        return len(self.pooling)

    @property
    def period(self) -> tuple[int, ...]:
        """`f^l` per axis: the shifts that the network is equivariant to."""
        return tuple(prod(factors) for factors in zip(*self.pooling, strict=True))

    def offset(self, level: int = 0) -> tuple[int, ...]:
        """Px per axis that `level` and the levels below take off: output = input - offset."""
        block = KERNEL_LOSS * self.convolutions
        if level == self.depth:
            return (block,) * self.dimensions
        below = self.offset(level + 1)
        return tuple(block + f * o + block for f, o in zip(self.pooling[level], below, strict=True))

    def skip_crop(self, level: int) -> tuple[int, ...]:
        """Px to cut from each end of the skip of `level` to fit the upsampled features."""
        below = self.offset(level + 1)
        return tuple(f * o // 2 for f, o in zip(self.pooling[level], below, strict=True))

    def output_size(self, at_least: tuple[int, ...]) -> tuple[int, ...]:
        """The smallest possible output with at least `at_least` px per axis."""
        return tuple(self._axis_output(axis, wish) for axis, wish in enumerate(at_least))

    def _axis_output(self, axis: int, wish: int) -> int:
        block = KERNEL_LOSS * self.convolutions
        coarsest = 1
        while True:
            size = coarsest
            for factors in reversed(self.pooling):
                size = size * factors[axis] - block
                if size <= 0:
                    break
            if size >= max(1, wish):
                return size
            coarsest += 1


@dataclass(frozen=True, slots=True)
class Training:
    """How to train.

    `window` is the output crop that the loss sees (px per axis). It must be larger than `f^l`
    (Rumberger et al. 2021, section 3.2): otherwise some pairs of output functions never meet in one
    loss. `hard_fields` also draws crops in proportion to the share of their field's foreground that
    the network recently missed: it learns rare and hard kinds of images, at some cost to the
    others.
    """

    window: tuple[int, ...]
    steps: int
    batch_size: int
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    gradient_clip: float = 5.0
    average_decay: float = 0.999
    hard_fields: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Weights of the discriminative loss (De Brabandere et al. 2017) and of the foreground head.

    `pull_margin` is delta_v. Cluster means repel each other below `push_distance` (2·delta_d) if
    their objects are at most `push_reach` px apart; 0: any two objects of a window. With
    `gap_weight` above 0 the foreground head learns px where two objects touch as background, with
    this extra weight (Ronneberger et al. 2015): objects with similar embeddings may still be
    separate components.
    """

    pull_margin: float = 0.5
    push_distance: float = 3.0
    push_reach: float = 0.0
    pull: float = 1.0
    push: float = 1.0
    length: float = 1e-3
    foreground: float = 1.0
    outline_weight: float = 0.0
    gap_weight: float = 0.0
    dice: float = 0.0


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Random changes to a training crop; intensities are in units of the normalized image."""

    flip: bool = True
    quarter_turns: bool = True
    zoom: tuple[float, float] = (1.0, 1.0)
    gamma: tuple[float, float] = (1.0, 1.0)
    gain: tuple[float, float] = (1.0, 1.0)
    blur_px: float = 0.0
    noise: float = 0.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """One zoo network: architecture, data, training, loss, augmentation and clustering defaults.

    `image_shape` restricts the training to images of this shape.
    """

    name: str
    description: str
    license: str
    data: str
    percentiles: tuple[float, float]
    bandwidth: float
    foreground_threshold: float
    min_size: int
    architecture: Architecture
    training: Training
    loss: LossWeights = field(default_factory=LossWeights)
    augmentation: Augmentation = field(default_factory=Augmentation)
    image_shape: tuple[int, ...] | None = None
    fragment_border: float = 0.0
    source: str = ""


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises
    ------
    InputError
        The file is missing, is not TOML, or breaks schemas/recipe.schema.json (the offending key is
        named).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read recipe ({path}): {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"not a recipe ({path}): expected UTF-8 text, got an invalid byte at {error.start}."
        ) from error
    return parse_recipe(text, where=str(path))


def parse_recipe(text: str, *, where: str) -> Recipe:
    """Parse TOML `text` into a Recipe; `where` names it in errors (InputError)."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"recipe is not valid TOML ({where}): {error}.") from error
    validate(document, "recipe", where=where)
    recipe = Recipe(
        **{key: document[key] for key in ("name", "description", "license", "data")},
        **_tuples(document["inference"]),
        architecture=Architecture(**_tuples(document["architecture"])),
        training=Training(**_tuples(document["training"])),
        loss=LossWeights(**document.get("loss", {})),
        augmentation=Augmentation(**_tuples(document.get("augmentation", {}))),
        image_shape=tuple(document["image_shape"]) if "image_shape" in document else None,
        source=text,
    )
    _check_axes(recipe, where)
    return recipe


def check_training_window(recipe: Recipe) -> None:
    """Refuse a training window that is not larger than the period.

    Raises
    ------
    InputError
        Names the axis, the window, the period and the rule.
    """
    for axis, (window, period) in enumerate(
        zip(recipe.training.window, recipe.architecture.period, strict=True)
    ):
        if window <= period:
            raise InputError(
                f"training window too small ({recipe.name}, axis {axis}): expected more than f^l "
                f"= {period} px, got "
                f"{window}. With a smaller window some pairs of the network's f^l output "
                "functions never meet in one loss "
                "(Rumberger et al. 2021, section 3.2; rule SL101). Enlarge training.window, or "
                "pass --allow-unsafe-window "
                "for an experiment."
            )


def _check_axes(recipe: Recipe, where: str) -> None:
    dimensions = recipe.architecture.dimensions
    for level, factors in enumerate(recipe.architecture.pooling):
        if len(factors) != dimensions:
            raise InputError(
                f"recipe axes differ ({where}, architecture.pooling[{level}]): expected "
                f"{dimensions} factors, got {len(factors)}."
            )
    if len(recipe.training.window) != dimensions:
        raise InputError(
            f"recipe axes differ ({where}, training.window): expected {dimensions} sizes, got "
            f"{len(recipe.training.window)}."
        )


def _tuples(table: dict[str, Any]) -> dict[str, Any]:
    """TOML arrays as (nested) tuples."""

    def freeze(value: Any) -> Any:
        return tuple(freeze(v) for v in value) if isinstance(value, list) else value

    return {key: freeze(value) for key, value in table.items()}
