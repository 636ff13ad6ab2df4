"""Components, windows and their union."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from shiftlint.errors import InputError
from shiftrun.clustering.label_image import label_instances
from shiftrun.clustering.one_window.connected_components import components, connected
from shiftrun.clustering.windows.run_lengths import Runs
from shiftrun.clustering.windows.unite import Unions, partners
from shiftrun.tiles.label_grid import Grid, windows_of


def in_raster_order(labels: NDArray[Any]) -> NDArray[Any]:
    """Renumber labels 1, 2, … by first appearance; 0 stays 0."""
    values, first, inverse = np.unique(labels.reshape(-1), return_index=True, return_inverse=True)
    rank = np.zeros(len(values), dtype=int)
    objects = np.flatnonzero(values > 0)
    rank[objects[np.argsort(first[objects])]] = np.arange(1, len(objects) + 1)
    return rank[inverse].reshape(labels.shape)


@pytest.mark.parametrize("shape", [(60,), (30, 41), (9, 10, 12), (1, 5), (5, 1)])
def test_components_are_those_of_every_cluster(shape: tuple[int, ...]) -> None:
    clusters = np.random.default_rng(2).integers(-1, 3, shape)
    expected, count = np.zeros(shape, dtype=int), 0
    for cluster in range(3):
        parts, found = ndimage.label(clusters == cluster)
        expected[parts > 0] = parts[parts > 0] + count
        count += found
    np.testing.assert_array_equal(components(clusters), in_raster_order(expected))


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 60).flatmap(
        lambda n: st.tuples(st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2)))
    )
)
def test_connected_nodes_share_their_lowest(graph: tuple[int, list[tuple[int, int]]]) -> None:
    count, edges = graph
    lowest = list(range(count))
    for one, other in edges * count:  # until nothing changes
        lowest[one] = lowest[other] = min(lowest[one], lowest[other])
    expected = np.array(lowest)
    np.testing.assert_array_equal(
        connected(np.array(edges, dtype=np.int64).reshape(-1, 2).T, count), expected
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-3, 3)), st.integers(1, 4))
def test_runs_are_the_array(values: list[int], rows: int) -> None:
    labels = np.tile(np.array(values, dtype=np.int32), (rows, 1))
    runs = Runs.unpack(Runs.of(labels).pack())
    np.testing.assert_array_equal(runs.expand(labels.shape), labels)
    assert (runs.values[1:] != runs.values[:-1]).all()
    np.testing.assert_array_equal(labels.reshape(-1)[runs.starts], runs.values)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 200), st.integers(1, 200))
def test_cores_cover_the_image_once(height: int, width: int) -> None:
    count = np.zeros((height, width), dtype=int)
    for window in windows_of((height, width), Grid(40, 10, 50)):
        count[window.core] += 1
        assert all(
            box.start <= core.start < core.stop <= box.stop
            for box, core in zip(window.box, window.core, strict=True)
        )
    np.testing.assert_array_equal(count, 1)


def scene(
    height: int, width: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Discs of 9 px on a grid, an embedding each (used twice, far apart), and their true labels."""
    y, x = np.mgrid[:height, :width]
    disc = (y % 12 - 5) ** 2 + (x % 12 - 5) ** 2 <= 20
    cell = y // 12 * (-(-width // 12)) + x // 12
    embedding = np.stack([cell % 4 * 3.0, cell // 4 % 5 * 3.0]).astype(np.float32)
    return embedding, np.where(disc, 2.0, -2.0).astype(np.float32), np.where(disc, cell + 1, 0)


@pytest.mark.parametrize("grid", [Grid(1000, 100, 1000), Grid(40, 20, 50), Grid(60, 24, 64)])
def test_windows_do_not_change_the_labels(grid: Grid) -> None:
    embedding, foreground, truth = scene(101, 122)
    labels = label_instances(embedding, foreground, bandwidth=1.0, grid=grid)
    np.testing.assert_array_equal(labels, in_raster_order(truth))


def test_threshold_and_size() -> None:
    embedding, foreground, _ = scene(36, 36)
    assert label_instances(embedding, foreground, bandwidth=1.0, threshold=2.0).max() == 0
    assert label_instances(embedding, foreground, bandwidth=1.0, min_size=1000).max() == 0


def test_no_foreground_and_wrong_shapes() -> None:
    assert (
        label_instances(
            np.zeros((2, 5, 5), np.float32), -np.ones((5, 5), np.float32), bandwidth=1.0
        ).max()
        == 0
    )
    with pytest.raises(InputError, match="equal sizes"):
        label_instances(
            np.zeros((2, 5, 5), np.float32), np.zeros((5, 4), np.float32), bandwidth=1.0
        )


def test_partners_are_mutual_and_overlap_by_half() -> None:
    a = np.array([1, 1, 1, 1, 2, 2, 2, 0, 3])
    b = np.array([1, 1, 1, 2, 2, 2, 0, 4, 4])
    np.testing.assert_array_equal(partners(a, b), [[1, 1], [2, 2], [3, 4]])
    np.testing.assert_array_equal(partners(np.array([1, 1]), np.array([1, 2])), [[1, 1]])
    np.testing.assert_array_equal(partners(np.array([1, 2]), np.array([1, 1])), [[1, 1]])
    np.testing.assert_array_equal(
        partners(np.array([1, 1, 1]), np.array([1, 0, 0])), np.empty((0, 2))
    )


OVERLAP = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12
)  # what two windows say of each px


@settings(max_examples=300, deadline=None)
@given(OVERLAP)
def test_partners_by_sets(px: list[tuple[int, int]]) -> None:
    """Two labels are one object iff each is the other's largest partner and they share half of
    their union.
    """
    one, other = (
        {name: {at for at, pair in enumerate(px) if pair[k] == name} for name in range(1, 4)}
        for k in (0, 1)
    )
    shared = {(a, b): len(one[a] & other[b]) for a in one for b in other}

    def largest(pairs: list[tuple[int, int]]) -> tuple[int, int]:
        return max(
            pairs, key=lambda pair: (shared[pair], [-name for name in pair])
        )  # of equal ones that with the lowest names

    expected = [
        (a, b)
        for a, b in shared
        if shared[a, b]
        and largest([(a, name) for name in other]) == (a, b) == largest([(name, b) for name in one])
        if 2 * shared[a, b] >= len(one[a] | other[b])
    ]
    first, second = np.array(px).T
    np.testing.assert_array_equal(
        partners(first, second), np.array(expected, dtype=np.int64).reshape(-1, 2)
    )


@pytest.mark.parametrize("shared", [1, 10, 100_000])
@pytest.mark.parametrize("in_both", [False, True])
def test_one_px_less_than_half_is_too_little(shared: int, in_both: bool) -> None:
    """With as much apart as in common the IoU is one half, which is enough; one px more apart and
    it is not.
    """
    for apart, expected in ((shared, [(1, 1)]), (shared + 1, [])):
        of_one = apart // 2 if in_both else apart
        a = np.repeat([1, 1, 0], [shared, of_one, apart - of_one])
        b = np.repeat([1, 0, 1], [shared, of_one, apart - of_one])
        np.testing.assert_array_equal(
            partners(a, b), np.array(expected, dtype=np.int64).reshape(-1, 2)
        )


@pytest.mark.parametrize(("px", "united"), [(1000, True), (999, False)])
def test_windows_unite_what_they_share_by_half(px: int, united: bool) -> None:
    """The overlap of 2000 px belongs to an object of the first window; the second finds the first
    `px` of it.
    """
    windows = windows_of((4000,), Grid(3000, 2000, 3000))
    unions = Unions(windows)
    place = np.arange(4000)
    for number, (start, stop) in enumerate(((1000, 3000), (1000, 1000 + px))):
        unions.add(
            number,
            ((place >= start) & (place < stop)).astype(np.int32)[windows[number].box],
            number,
        )
    names = unions.names(2)
    assert (names[1] == names[2]) == united
