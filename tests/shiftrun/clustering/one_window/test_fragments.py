from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from shiftrun.clustering.label_image import label_instances
from shiftrun.clustering.one_window.fragments import absorb_fragments

LABELS = arrays.arrays(
    np.int32, st.tuples(st.integers(1, 8), st.integers(1, 8)), elements=st.integers(0, 6)
)

PICTURES = {
    "a slice of an object": (
        ["11112.", "11112.", "11112.", "11112."],
        ["11111.", "11111.", "11111.", "11111."],
    ),
    "a neighbor": (
        ["1111..", "1111..", "111122", "1111.2"],
        ["1111..", "1111..", "111122", "1111.2"],
    ),
    "alone": (["111.2.", "111.2."], ["111.2.", "111.2."]),
    "two of a size": (
        ["1122", "1122"],
        ["1122", "1122"],
    ),  # a border of one side is not more than one side
    "two slices of a size": (["111222"], ["111222"]),
    "halves": (["1111", "1111", "2222", "2222"], ["1111"] * 4),
    "between two": (["1112333", "1112333"], ["1113333", "1113333"]),  # equal borders: the later one
    "a chain": (["111123", "111123"], ["111111", "111111"]),
}


def picture(rows: list[str]) -> np.ndarray:
    return np.array([[0 if px == "." else int(px) for px in row] for row in rows], np.int32)


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_fragments(name: str) -> None:
    labels, expected = (picture(rows) for rows in PICTURES[name])
    np.testing.assert_array_equal(absorb_fragments(labels, 1.0), expected)
    np.testing.assert_array_equal(absorb_fragments(labels, 0.0), labels)


@pytest.mark.parametrize("scale", [2, 5])
def test_the_size_of_the_picture_does_not_matter(scale: int) -> None:
    for rows, _ in PICTURES.values():
        labels = picture(rows)
        large = np.kron(labels, np.ones((scale, scale), np.int32))
        np.testing.assert_array_equal(
            absorb_fragments(large, 1.0),
            np.kron(absorb_fragments(labels, 1.0), np.ones((scale, scale), np.int32)),
        )


def test_a_plate_joins_a_block_in_3d_and_a_cube_does_not() -> None:
    labels = np.zeros((8, 8, 12), np.int32)
    labels[:, :, :6] = 1
    labels[:, :, 6:8] = 2
    assert set(np.unique(absorb_fragments(labels, 1.2))) == {0, 1}
    labels[:, :, 6:] = 0
    labels[2:4, 2:4, 6:8] = 2
    assert set(np.unique(absorb_fragments(labels, 1.2))) == {0, 1, 2}


def test_the_longest_border_decides() -> None:
    labels = np.array([[1, 1, 1, 1], [1, 3, 3, 1], [2, 2, 2, 2], [2, 2, 2, 2]], np.int32)
    assert absorb_fragments(labels, 1.0)[1, 1] == 1  # four faces with 1, two with 2


@given(LABELS, st.floats(0.1, 4))
def test_what_is_left(labels: np.ndarray, border: float) -> None:
    found = absorb_fragments(labels, border)
    np.testing.assert_array_equal(found > 0, labels > 0)
    assert set(np.unique(found)) <= set(np.unique(labels))
    for name in np.unique(labels):
        assert len(np.unique(found[labels == name])) == 1, "objects are joined, never cut"
    np.testing.assert_array_equal(absorb_fragments(found, border), found)
    area = np.bincount(found.reshape(-1))
    faces: Counter[tuple[int, int]] = Counter()
    for axis in range(2):
        one, other = np.moveaxis(found, axis, 0)[:-1], np.moveaxis(found, axis, 0)[1:]
        faces.update(
            (int(min(a, b)), int(max(a, b)))
            for a, b in zip(one.flat, other.flat, strict=True)
            if a != b and a and b
        )
    assert all(length <= border * min(area[a], area[b]) ** 0.5 for (a, b), length in faces.items())


def test_a_rim_with_the_embedding_of_another_object() -> None:
    """The rim joins the touching object, not the distant one."""
    foreground = np.full((20, 40), -5.0, np.float32)
    foreground[5:15, 5:15] = foreground[5:15, 25:35] = 5.0
    embedding = np.zeros((2, 20, 40), np.float32)
    embedding[0, :, 20:] = 9.0
    embedding[0, 5:15, 5] = 9.0
    plain = label_instances(embedding, foreground, bandwidth=1.0)
    assert plain.max() == 3
    joined = label_instances(embedding, foreground, bandwidth=1.0, fragment_border=1.0)
    assert joined.max() == 2
    assert len(np.unique(joined[5:15, 5:15])) == 1
