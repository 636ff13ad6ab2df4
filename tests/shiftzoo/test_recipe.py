from __future__ import annotations

from pathlib import Path

import pytest

from shiftlint.errors import InputError
from shiftschemas import SchemaError
from shiftzoo.recipe import Architecture, check_training_window, parse_recipe, read_recipe
from tests.shiftzoo import tiny

RECIPES = sorted(Path("zoo/shiftzoo/recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_shipped_recipes_are_safe(path: Path) -> None:
    recipe = read_recipe(path)
    check_training_window(recipe)
    assert recipe.name == path.stem


GEOMETRY = [  # poolings, offset, period, smallest output of at least 20 px
    (((2, 2),) * 4, (184, 184), (16, 16), (20, 20)),
    (((2, 2),) * 3, (88, 88), (8, 8), (20, 20)),
    (((1, 2, 2), (2, 2, 2)), (24, 40, 40), (2, 4, 4), (20, 20, 20)),
    (((3,),), (20,), (3,), (20,)),
]


@pytest.mark.parametrize(("pooling", "offset", "period", "output"), GEOMETRY)
def test_geometry(
    pooling: tuple[tuple[int, ...], ...],
    offset: tuple[int, ...],
    period: tuple[int, ...],
    output: tuple[int, ...],
) -> None:
    architecture = Architecture(pooling)
    assert architecture.offset() == offset
    assert architecture.period == period
    assert architecture.output_size((20,) * len(offset)) == output


@pytest.mark.parametrize("window", ["[2, 4]", "[4, 1]"])
def test_unsafe_window_names_the_rule(window: str) -> None:
    with pytest.raises(
        InputError, match=r"expected more than f\^l = 2 px.*section 3.2; rule SL101"
    ):
        check_training_window(tiny.recipe(window=window))


def test_window_larger_than_the_period_passes() -> None:
    recipe = tiny.recipe(window="[3, 3]")
    check_training_window(recipe)
    assert recipe.training.window == (3, 3)


BROKEN = [
    (tiny.RECIPE.replace("steps = 4", "steps = 0"), "training.steps"),
    (tiny.RECIPE.replace("steps = 4", "stepz = 4"), "training"),
    (tiny.RECIPE.replace('license = "CC0-1.0"', ""), "license"),
    (tiny.RECIPE.replace("bandwidth = 1.0", "bandwidth = -1.0"), "inference.bandwidth"),
]


@pytest.mark.parametrize(("text", "key"), BROKEN, ids=lambda v: v if len(v) < 40 else "")
def test_broken_recipe_names_the_key(text: str, key: str) -> None:
    with pytest.raises(SchemaError, match=key):
        parse_recipe(text, where="broken.toml")


def test_no_toml_names_the_line() -> None:
    with pytest.raises(InputError, match=r"not valid TOML \(broken.toml\).*line 2"):
        parse_recipe("name = 'a'\nwhat\n", where="broken.toml")


def test_axes_must_agree() -> None:
    with pytest.raises(InputError, match=r"training.window\): expected 2 sizes, got 1"):
        tiny.recipe(window="[4]")


def test_missing_recipe(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read recipe"):
        read_recipe(tmp_path / "none.toml")
