"""Boxes cut arrays as slicing does."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiftrun.arrays.box import (
    Box,
    bands,
    box_at,
    everything,
    hull,
    intersection,
    placed,
    shape_of,
    within,
)

SHAPE = (5, 4, 6)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    corner = [draw(st.integers(0, size - 1)) for size in SHAPE]
    return box_at(
        corner,
        [draw(st.integers(1, size - start)) for start, size in zip(corner, SHAPE, strict=True)],
    )


@given(boxes(), boxes())
def test_boxes_are_the_px_that_they_slice(a: Box, b: Box) -> None:
    numbers = np.arange(prod(SHAPE)).reshape(SHAPE)
    assert numbers[a].shape == shape_of(a)
    common, around = intersection(a, b), hull([a, b])
    shared = np.intersect1d(numbers[a], numbers[b])
    np.testing.assert_array_equal(
        shared, np.empty(0, int) if common is None else numbers[common].reshape(-1)
    )
    np.testing.assert_array_equal(numbers[around][within(a, around)], numbers[a])
    assert placed(within(a, around), around) == a


@pytest.mark.parametrize("most_px", [1, 5, 6, 7, 24, 50, 120, 500])
@pytest.mark.parametrize("shape", [SHAPE, (120,), (1, 120), ()])
def test_bands_are_everything_in_order(shape: tuple[int, ...], most_px: int) -> None:
    numbers = np.arange(prod(shape)).reshape(shape)
    found = [numbers[box].reshape(-1) for box in bands(shape, most_px)]
    assert max(map(len, found)) <= most_px
    np.testing.assert_array_equal(np.concatenate(found), np.arange(prod(shape)))


def test_an_empty_array_is_one_band() -> None:
    assert list(bands((0, 3), 2)) == [everything((0, 3))]
