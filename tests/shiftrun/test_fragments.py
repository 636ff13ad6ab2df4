from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from shiftrun.fragments import absorb_fragments
from shiftrun.labels import label_instances

LABELS = arrays.arrays(np.int32, st.tuples(st.integers(1, 8), st.integers(1, 8)), elements=st.integers(0, 6))

TABLE = {
    "touching a larger one": ([0, 1, 1, 1, 2, 0], 2, [0, 1, 1, 1, 1, 0]),
    "alone": ([1, 1, 1, 0, 2, 0], 2, [1, 1, 1, 0, 2, 0]),
    "large enough": ([1, 1, 1, 2, 2, 0], 2, [1, 1, 1, 2, 2, 0]),
    "between two": ([1, 1, 1, 2, 3, 3], 2, [1, 1, 1, 3, 3, 3]),  # equal borders: the later one
    "two of a size": ([1, 2, 0, 0, 0, 0], 3, [1, 2, 0, 0, 0, 0]),
    "a chain": ([1, 1, 1, 2, 2, 3], 3, [1, 1, 1, 1, 1, 1]),
    "no size": ([1, 1, 2, 0, 0, 0], 0, [1, 1, 2, 0, 0, 0]),
}


@pytest.mark.parametrize("name", sorted(TABLE))
def test_fragments(name: str) -> None:
    labels, size, expected = TABLE[name]
    for shape in ((6,), (1, 6), (6, 1, 1)):
        found = absorb_fragments(np.array(labels, np.int32).reshape(shape), size)
        assert found.reshape(-1).tolist() == expected


def test_the_longest_border_decides() -> None:
    labels = np.array([[1, 1, 1, 1], [1, 3, 3, 1], [2, 2, 2, 2], [2, 2, 2, 2]], np.int32)
    assert absorb_fragments(labels, 3)[1, 1] == 1  # four faces with 1, two with 2


@given(LABELS, st.integers(0, 12))
def test_what_is_left(labels: np.ndarray, size: int) -> None:
    found = absorb_fragments(labels, size)
    np.testing.assert_array_equal(found > 0, labels > 0)
    assert set(np.unique(found)) <= set(np.unique(labels))
    for name in np.unique(labels):
        assert len(np.unique(found[labels == name])) == 1, "objects are joined, never cut"
    np.testing.assert_array_equal(absorb_fragments(found, size), found)
    area = np.bincount(found.reshape(-1))
    for axis in range(2):
        one, other = np.moveaxis(found, axis, 0)[:-1], np.moveaxis(found, axis, 0)[1:]
        touch = (one != other) & (one > 0) & (other > 0)
        a, b = area[one[touch]], area[other[touch]]
        assert ((np.minimum(a, b) >= size) | (a == b)).all()


def test_a_rim_with_the_embedding_of_another_object() -> None:
    """It joins the object that it touches, not the distant one."""
    foreground = np.full((20, 40), -5.0, np.float32)
    foreground[5:15, 5:15] = foreground[5:15, 25:35] = 5.0
    embedding = np.zeros((2, 20, 40), np.float32)
    embedding[0, :, 20:] = 9.0
    embedding[0, 5:15, 5] = 9.0
    plain = label_instances(embedding, foreground, bandwidth=1.0)
    assert plain.max() == 3
    joined = label_instances(embedding, foreground, bandwidth=1.0, fragment_size=20)
    assert joined.max() == 2
    assert len(np.unique(joined[5:15, 5:15])) == 1
