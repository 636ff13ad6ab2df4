"""Rumberger et al. 2021, section 3, with chosen weights: theory, contract and measurement agree."""

from __future__ import annotations

from math import gcd
from pathlib import Path

import numpy as np
import onnx
import pytest

from shiftrun.model.open_model import Model
from shiftzoo.experiments.networks_by_hand import (
    Frame,
    block_maximum,
    diagonal_image,
    prime_products,
    random_network,
)
from shiftzoo.experiments.outcome import legal_size, opened
from shiftzoo.experiments.paper import figure5 as constant_image
from shiftzoo.experiments.paper import lemma1
from shiftzoo.experiments.paper import section5 as truncated_resnet

SMALL = Frame(2, 2, 2)
FRAMES = {
    f"l={f.levels} f={f.factor} d={f.dimensions}": f
    for f in (Frame(3, 2, 1), Frame(2, 3, 1), SMALL, Frame(1, 2, 3))
}


@pytest.fixture(params=FRAMES)
def frame(request: pytest.FixtureRequest) -> Frame:
    return FRAMES[request.param]


def _difference(model: Model, axis: int, shift: int) -> float:
    """The largest difference between the output of an image moved by `shift` px, and the output
    moved so.
    """
    size = legal_size(model, 3 * (model.axes()[0].period or 1))
    longer = [n + shift * (i == axis) for i, n in enumerate(size)]
    image = np.random.default_rng(0).normal(size=longer).astype(np.float32)
    first, second = (
        np.take(image, range(start, start + size[axis]), axis)[None, None] for start in (0, shift)
    )
    before, after = (
        model.session.run(crop, ("embedding",))["embedding"][0] for crop in (first, second)
    )
    kept = range(before.shape[1 + axis] - shift)
    moved = np.take(before, [n + shift for n in kept], 1 + axis)
    return float(np.abs(moved - np.take(after, kept, 1 + axis)).max())


def test_the_network_of_lemma_1_is_the_maximum_over_blocks(frame: Frame, tmp_path: Path) -> None:
    model = opened(block_maximum(frame), tmp_path)
    size = legal_size(model, 2 * frame.period)
    image = np.random.default_rng(0).normal(size=size).astype(np.float32)
    found = model.session.run(image[None, None], ("embedding",))["embedding"][0, 0]
    windows = np.lib.stride_tricks.sliding_window_view(image, (frame.period,) * frame.dimensions)
    maxima = windows.max(axis=tuple(range(frame.dimensions, 2 * frame.dimensions)))
    cropped = sum(
        frame.factor**level for level in range(frame.levels)
    )  # every decoder convolution cuts one px of its level
    begins = [  # of the block around every px
        axis.origin + np.arange(n) - (np.arange(n) + cropped) % frame.period
        for axis, n in zip(model.axes(), found.shape, strict=True)
    ]
    expected = maxima[np.ix_(*begins)]
    np.testing.assert_array_equal(found, expected)


def test_lemma_1_part_1_a_network_reaches_f_to_the_dl_output_functions(
    frame: Frame, tmp_path: Path
) -> None:
    assert (
        len(np.unique(lemma1.answers(opened(block_maximum(frame), tmp_path), frame.period)))
        == frame.functions
    )


def test_lemma_1_part_2_no_crop_finds_one_more(frame: Frame, tmp_path: Path) -> None:
    """Not even with random weights: the answers repeat after f^l px."""
    for network in (block_maximum(frame), random_network(frame, "learned")):
        found = lemma1.answers(opened(network, tmp_path), 2 * frame.period)
        assert len(np.unique(found)) <= frame.functions
        for axis in range(frame.dimensions):
            again = np.take(found, range(frame.period, 2 * frame.period), axis)
            np.testing.assert_array_equal(again, np.take(found, range(frame.period), axis))


def test_the_contract_claims_what_lemma_1_says(frame: Frame, tmp_path: Path) -> None:
    for number, network in enumerate(
        (block_maximum(frame), prime_products(frame), random_network(frame, "fixed"))
    ):
        (tmp_path / str(number)).mkdir()
        model = opened(network, tmp_path / str(number))
        assert {axis.period for axis in model.axes()} == {frame.period}
        assert model.contract.outputs[0].capacity == frame.functions


@pytest.mark.parametrize("shift", range(1, 9))
def test_corollary_1_equivariant_to_multiples_of_f_to_the_l_and_to_nothing_else(
    shift: int, tmp_path: Path
) -> None:
    model = opened(random_network(SMALL, "learned"), tmp_path)
    assert all(
        (_difference(model, axis, shift) == 0) == (shift % SMALL.period == 0) for axis in range(2)
    )


@pytest.mark.parametrize("spacing", [9, 10, 11, 12, 14, 16])
def test_corollary_2_objects_of_equal_looks_that_can_be_told_apart(
    spacing: int, tmp_path: Path
) -> None:
    model = opened(block_maximum(SMALL), tmp_path)
    assert lemma1.objects_apart(model, spacing) == (SMALL.period // gcd(SMALL.period, spacing)) ** 2


@pytest.mark.parametrize("tile", [4, 8, 12])
def test_tiles_of_whole_periods_are_the_whole_image(tile: int, tmp_path: Path) -> None:
    """And tiles of any other size are not."""
    model = opened(random_network(SMALL, "learned"), tmp_path, force=True)
    image = np.random.default_rng(0).normal(size=(70, 66)).astype(np.float32)
    whole, tiled, off = (
        model.predict(image, tile=n, pad="none", normalize="none")["embedding"]
        for n in (64, tile, tile + 1)
    )
    np.testing.assert_array_equal(tiled, whole)
    assert (off != whole).any()


def test_a_training_window_of_f_to_the_l_px_leaves_pairs_out() -> None:
    """A window of f^l px has all but one of the f^l pairs of neighbors; one more px adds it."""

    def pairs(window: int, period: int) -> int:
        return len({(px % period, (px + 1) % period) for px in range(window - 1)})

    for period in (2, 4, 8, 9, 16):
        assert pairs(period, period) == period - 1
        assert pairs(period + 1, period) == period


@pytest.mark.parametrize("seed", range(3))
def test_fixed_upsampling_says_nothing_of_a_constant_image(seed: int) -> None:
    output = constant_image.on_ones(random_network(Frame(3, 2, 2), "fixed", seed=seed))
    np.testing.assert_array_equal(output, np.broadcast_to(output[:, :1, :1], output.shape))


def test_corollary_5_learned_upsampling_gives_every_px_of_a_block_its_own_value(
    frame: Frame,
) -> None:
    """By unique factorization: whole numbers, exactly those that the primes multiply to."""
    output = constant_image.on_ones(prime_products(frame))
    assert constant_image.values_per_block(output, frame.period) == frame.functions
    assert constant_image.repeats(output, frame.period)
    size = frame.factor**frame.dimensions
    primes = np.array(
        [n for n in range(2, 100) if all(n % d for d in range(2, n))][: frame.levels * size]
    ).reshape(frame.levels, size)
    products = primes[0]
    for level in primes[1:]:
        products = np.multiply.outer(products, level).reshape(-1)
    np.testing.assert_array_equal(np.unique(output), np.sort(products).astype(np.float32))


def test_products_that_float32_cannot_hold_are_refused() -> None:
    with pytest.raises(ValueError, match="less than 2\\^24"):
        prime_products(Frame(6, 2, 2))


@pytest.mark.parametrize("shape", [(7,), (4, 6), (3, 4, 5)])
def test_the_diagonal_image_grows_along_every_axis(shape: tuple[int, ...]) -> None:
    image = diagonal_image(shape)
    assert len(np.unique(image)) == image.size
    assert all((np.diff(image, axis=axis) > 0).all() for axis in range(image.ndim))


def test_constructions_are_valid_onnx(frame: Frame) -> None:
    for network in (
        block_maximum(frame),
        prime_products(frame),
        random_network(frame, "fixed"),
        truncated_resnet.truncated_resnet50(),
    ):
        onnx.checker.check_model(network, full_check=True)
