"""Label formats are found by walking their package, and no two share a suffix."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shiftlint.errors import InputError
from shiftrun.files.writing import label_formats
from shiftrun.files.writing.results import write_labels

PLAIN = 'SUFFIXES = ({suffix!r},)\n\ndef write(beside, labels):\n    beside.write_text("plain")\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An additional folder of formats, for one test."""
    monkeypatch.setattr(label_formats, "__path__", [*label_formats.__path__, str(tmp_path)])
    label_formats._modules.cache_clear()
    yield tmp_path
    label_formats._modules.cache_clear()
    sys.modules.pop(f"{label_formats.__name__}.plain", None)


def test_a_new_module_is_a_new_format(folder: Path) -> None:
    (folder / "plain.py").write_text(PLAIN.format(suffix=".txt"))
    assert ".txt" in label_formats.suffixes()
    write_labels(folder / "labels.txt", np.zeros((3, 4), np.int32))
    assert (folder / "labels.txt").read_text() == "plain"


def test_a_format_may_refuse_axes(folder: Path) -> None:
    refusing = "def check_axes(path, axes):\n    raise ValueError(axes)\n"
    (folder / "plain.py").write_text(PLAIN.format(suffix=".txt") + refusing)
    with pytest.raises(ValueError, match=r"^TYX$"):
        label_formats.check_axes(folder / "labels.txt", "TYX")
    label_formats.check_axes(folder / "labels.tif", "TYX")
    with pytest.raises(InputError, match="axes of OME-TIFF"):
        label_formats.check_axes(folder / "labels.ome.tif", "QYX")


def test_a_suffix_that_is_taken_raises(folder: Path) -> None:
    (folder / "plain.py").write_text(PLAIN.format(suffix=".tif"))
    with pytest.raises(
        ValueError, match=r"\.tif is registered twice: .*\.(tiff|plain) and .*\.(tiff|plain)"
    ):
        label_formats.suffixes()


def test_an_unknown_suffix_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    expected = re.escape(" or ".join(label_formats.suffixes()))
    with pytest.raises(InputError, match=rf"labels\.doc\): expected {expected}, got \.doc\."):
        write_labels(tmp_path / "labels.doc", np.zeros((3, 4), np.int32))
    assert list(tmp_path.iterdir()) == []
