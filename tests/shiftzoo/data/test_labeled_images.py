from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from shiftlint.errors import InputError
from shiftzoo.data.labeled_images import Sample, of_shape, read_samples
from shiftzoo.data.labeled_images import write_archive as write_npz
from tests.shiftzoo import tiny


def write_science_bowl(folder: Path, samples: list[Sample]) -> None:
    for sample in samples:
        home = folder / sample.name
        (home / "images").mkdir(parents=True)
        (home / "masks").mkdir()
        rgba = np.repeat(sample.image[..., None], 4, -1)
        Image.fromarray(rgba).save(home / "images" / f"{sample.name}.png")
        for instance in range(1, sample.label.max() + 1):
            mask = ((sample.label == instance) * 255).astype(np.uint8)
            Image.fromarray(mask).save(home / "masks" / f"{instance:03}.png")


def write_pairs(folder: Path, samples: list[Sample]) -> None:
    for name in ("images", "labels"):
        (folder / name).mkdir()
    for sample in samples:
        tifffile.imwrite(folder / "images" / f"{sample.name}.tif", sample.image)
        tifffile.imwrite(folder / "labels" / f"{sample.name}.tif", sample.label.astype(np.uint16))


def write_archive(folder: Path, samples: list[Sample]) -> None:
    tiny.write_archive(folder / "train.npz", samples)


def write_bbbc006(folder: Path, samples: list[Sample]) -> None:
    images, labels = folder / "BBBC006_v1_images_z_16", folder / "BBBC006_v1_labels"
    images.mkdir()
    labels.mkdir()
    for sample in samples:
        field = f"mcf-z-stacks-03212011_{sample.name}"
        tifffile.imwrite(
            images / f"{field}_w1a39ac876-951c-4f31-a50d-4fd3ed0d7e5f.tif",
            sample.image.astype(np.uint16),
        )
        tifffile.imwrite(
            images / f"{field}_w2b39ac876-951c-4f31-a50d-4fd3ed0d7e5f.tif", sample.image[::-1]
        )
        Image.fromarray(sample.label.astype(np.uint16)).save(labels / f"{field}.png")


def write_split_pairs(folder: Path, samples: list[Sample]) -> None:
    (folder / "train").mkdir()
    (folder / "test").mkdir()
    write_pairs(folder / "train", samples)


@pytest.mark.parametrize(
    "write", [write_science_bowl, write_pairs, write_archive, write_split_pairs]
)
def test_layouts_read_the_same(write: object, tmp_path: Path) -> None:
    samples = tiny.disks(2)
    assert callable(write)
    write(tmp_path, samples)
    for got, want in zip(read_samples(tmp_path), samples, strict=True):
        assert got.name == want.name
        np.testing.assert_array_equal(got.image, want.image)
        np.testing.assert_array_equal(got.label, want.label)
        assert got.label.dtype == np.int32


def test_bbbc006_is_paired_by_well_and_site(tmp_path: Path) -> None:
    disks = tiny.disks(2)
    samples = [
        Sample(name, s.image, s.label) for name, s in zip(("a01_s1", "p24_s2"), disks, strict=True)
    ]
    write_bbbc006(tmp_path, samples)
    for got, want in zip(read_samples(tmp_path), samples, strict=True):
        assert got.name == want.name
        np.testing.assert_array_equal(got.image, want.image)
        np.testing.assert_array_equal(got.label, want.label)
    (tmp_path / "BBBC006_v1_labels" / "mcf-z-stacks-03212011_a01_s1.png").unlink()
    with pytest.raises(InputError, match=r"image without labels .*a01_s1"):
        read_samples(tmp_path)


def test_samples_of_a_shape() -> None:
    samples = tiny.disks(2) + tiny.disks(1, size=44)
    assert [s.image.shape for s in of_shape(samples, (44, 44))] == [(44, 44)]
    assert of_shape(samples, None) == samples
    with pytest.raises(
        InputError, match=r"no samples of shape \(9, 9\) .* got shapes \[\(40, 40\), \(44, 44\)\]"
    ):
        of_shape(samples, (9, 9))


def test_archive_there_and_back(tmp_path: Path) -> None:
    samples = tiny.disks(2)
    write_npz(tmp_path / "two.npz", samples)
    for got, want in zip(read_samples(tmp_path / "two.npz"), samples, strict=True):
        assert got.name == want.name
        np.testing.assert_array_equal(got.image, want.image)
        np.testing.assert_array_equal(got.label, want.label)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected a folder or an \.npz archive"):
        read_samples(tmp_path / "nothing")


def test_unknown_layout(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("no data")
    with pytest.raises(InputError, match="unknown data layout"):
        read_samples(tmp_path)


def test_image_without_labels(tmp_path: Path) -> None:
    write_pairs(tmp_path, tiny.disks(1))
    (tmp_path / "labels" / "disks0.tif").unlink()
    with pytest.raises(InputError, match="image without labels"):
        read_samples(tmp_path)


def test_broken_archive(tmp_path: Path) -> None:
    (tmp_path / "train.npz").write_bytes(b"PK\x03\x04 truncated")
    with pytest.raises(InputError, match="broken archive"):
        read_samples(tmp_path)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (np.zeros((40, 40), np.float32), "labels are not integers"),
        (np.zeros((40, 39), np.uint16), "shapes differ"),
    ],
)
def test_broken_labels(label: np.ndarray, message: str, tmp_path: Path) -> None:
    write_pairs(tmp_path, tiny.disks(1))
    tifffile.imwrite(tmp_path / "labels" / "disks0.tif", label)
    with pytest.raises(InputError, match=message):
        read_samples(tmp_path)
