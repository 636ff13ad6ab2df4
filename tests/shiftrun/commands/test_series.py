"""Series and several images: each image is processed as if it were the only one."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from ome_zarr_models.v05 import ImageLabel

from shiftlint.errors import InputError
from shiftrun.arrays.readers import ArrayReader
from shiftrun.clustering.one_window.label_window import label_window
from shiftrun.commands.batch import jobs_of
from shiftrun.files.reading.images import read_pixels, read_series
from shiftrun.files.writing.label_spool import Spool
from shiftrun.files.writing.results import write_labels
from shiftrun.model.open_model import open_model
from tests.shiftrun.command_line import report, shiftrun_
from tests.shiftrun.networks import PROPS, unet
from tests.shiftrun.pictures import blobs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    unet(tmp_path / "net.onnx", depth=2, props=PROPS)
    return tmp_path


MOVIE = np.stack([[blobs(2 * t + c) for c in range(2)] for t in range(3)])  # (T, C, Y, X)


@pytest.mark.parametrize("output", ["labels.ome.tif", "labels.tif", "labels.zarr"])
def test_a_movie_is_labeled_image_by_image(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, output: str
) -> None:
    size = {
        "PhysicalSizeX": 0.5,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": 0.5,
        "PhysicalSizeYUnit": "µm",
    }
    tifffile.imwrite("movie.ome.tif", MOVIE, ome=True, metadata={"axes": "TCYX", **size})
    arguments = (
        "segment",
        "net.onnx",
        "movie.ome.tif",
        "-o",
        output,
        "--csv",
        "a.csv",
        "--preview",
        "a.png",
    )
    assert shiftrun_(monkeypatch, *arguments) == 2
    assert "expected 1 (gray), got 2. Choose one: --channel 0 to 1." in capsys.readouterr().err
    assert shiftrun_(monkeypatch, *arguments, "--channel", "1") == 0
    line = capsys.readouterr().out
    model = open_model("net.onnx", device="cpu")
    expected = np.stack([model.segment(MOVIE[t, 1]) for t in range(3)])
    np.testing.assert_array_equal(read_pixels(Path(output)), expected)
    series = read_series(Path(output), 2, 1)
    assert (series.axes, series.shape) == ("T", (3,))
    written = report(f"{Path(output).stem}.report.json")
    objects = sum(int(labels.max()) for labels in expected)
    assert written["objects"] == objects > 10
    assert written["image"]["series"] == {"T": 3}
    assert written["image"]["px"]["x"] == {"size": 0.5, "unit": "micrometer"}
    assert written["overrides"] == {"channel": 1}
    assert f"{objects} objects, 3 images along T, each of 1 tile" in line
    with Path("a.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["label"]) for row in rows if row["t"] == "1"] == list(
        range(1, expected[1].max() + 1)
    )
    assert float(rows[0]["area_micrometer2"]) == int(rows[0]["area_px"]) * 0.25
    if output.endswith(".zarr"):
        ImageLabel.from_zarr(zarr.open_group(output, mode="r"))


@pytest.mark.parametrize("output", ["e.npy", "e.tif", "e.ome.tif", "e.zarr"])
def test_arrays_of_a_stack(folder: Path, monkeypatch: pytest.MonkeyPatch, output: str) -> None:
    """Depth beyond the network's dimensions is a series too; axes are put in the order time,
    channel, space.
    """
    stack = np.moveaxis(MOVIE, 0, 1)  # (Z, T, Y, X)
    np.save("stack.npy", stack)
    assert (
        shiftrun_(
            monkeypatch,
            "embed",
            "net.onnx",
            "stack.npy",
            "-o",
            output,
            "--axes",
            "ztyx",
            "--tile",
            "16",
        )
        == 0
    )
    model = open_model("net.onnx", device="cpu")
    found = read_pixels(Path(output))
    assert found.shape == (3, 2, 2, 70, 60)
    if output != "e.npy":
        assert read_series(Path(output), 2, 2).stored.axes == "TCZYX"
    for t in range(3):
        for z in range(2):
            np.testing.assert_array_equal(
                found[t, :, z], model.predict(stack[z, t], tile=16)["embedding"]
            )
    region = ("--region", "10:50,:20", "--overwrite")
    assert (
        shiftrun_(
            monkeypatch,
            "embed",
            "net.onnx",
            "stack.npy",
            "-o",
            output,
            "--axes",
            "ztyx",
            "--tile",
            "16",
            *region,
        )
        == 0
    )
    np.testing.assert_array_equal(read_pixels(Path(output)), found[..., 10:50, :20])
    assert report(f"{Path(output).stem}.report.json")["region"] == [[10, 50], [0, 20]]


def test_an_image_without_contrast_in_a_series(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(
        "z.tif", np.stack([blobs(0), np.full((70, 60), 7, np.uint16)]), metadata={"axes": "ZYX"}
    )
    assert (
        shiftrun_(monkeypatch, "segment", "net.onnx", "z.tif", "-o", "l.tif", "--csv", "l.csv") == 0
    )
    labels = read_pixels(Path("l.tif"))
    assert labels[0].max() > 0
    assert not labels[1].any()
    assert (
        "nothing labeled: image without contrast (z.tif, Z=1)"
        in report("l.report.json")["warnings"][0]
    )


def test_labels_of_a_region(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels, table, preview and place in space are those of the part."""
    place = {
        "PhysicalSizeX": 2.0,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": 2.0,
        "PhysicalSizeYUnit": "µm",
    }
    tifffile.imwrite("a.ome.tif", blobs(1), ome=True, metadata={"axes": "YX", **place})
    part = ("--csv", "a.csv", "--preview", "a.png", "--region", "20:60,30:")
    assert shiftrun_(monkeypatch, "segment", "net.onnx", "a.ome.tif", "-o", "l.zarr", *part) == 0
    whole = open_model("net.onnx", device="cpu").segment(blobs(1))
    found = read_pixels(Path("l.zarr"))
    kept = np.unique(whole[20:60, 30:])
    np.testing.assert_array_equal(kept[found], whole[20:60, 30:])
    assert read_series(Path("l.zarr"), 2, 1).calibration.origin == (40.0, 60.0)
    assert read_pixels(Path("a.png")).shape == (40, 30, 3)
    with Path("a.csv").open(encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    assert int(row["first_y"]) == 20 + np.nonzero(found == 1)[0].min()
    assert float(row["centroid_x_micrometer"]) == pytest.approx(
        2 * float(row["centroid_x"]), abs=2e-3
    )
    rim = ("--pad", "none", "--region", "0:5,0:5", "--overwrite")
    assert shiftrun_(monkeypatch, "segment", "net.onnx", "a.ome.tif", "-o", "l.zarr", *rim) == 2


def plate(folder: Path) -> None:
    (folder / "plate").mkdir()
    for number in range(3):
        tifffile.imwrite(folder / "plate" / f"w{number}.tif", blobs(number))
    (folder / "plate" / "w1.tif").write_bytes(b"II*\0 this is no image")
    zarr.create_array(str(folder / "plate" / "w3.zarr"), data=blobs(3))


@pytest.mark.parametrize(
    "images",
    [("plate",), ("plate/*",), ("plate/w0.tif", "plate/w1.tif", "plate/w2.tif", "plate/w3.zarr")],
)
def test_several_images(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, images: tuple[str, ...]
) -> None:
    """A failing image is named, the others are written; exit 2."""
    plate(folder)
    assert (
        shiftrun_(monkeypatch, "segment", "net.onnx", *images, "-o", "out", "--csv", "tables") == 2
    )
    printed = capsys.readouterr()
    assert (
        len(printed.out.splitlines()) == 3 * 2
    )  # each with the warning that the model had no contract
    first, last = printed.err.splitlines()
    assert first.startswith("shiftrun: error: cannot read image (plate/w1.tif)")
    assert last == (
        "shiftrun: error: 1 of 4 images failed: plate/w1.tif. The results of the others were "
        "written."
    )
    names = ["w0.report.json", "w0.tif", "w2.report.json", "w2.tif", "w3.report.json", "w3.zarr"]
    assert sorted(path.name for path in Path("out").iterdir()) == names
    assert sorted(path.name for path in Path("tables").iterdir()) == ["w0.csv", "w2.csv", "w3.csv"]
    model = open_model("net.onnx", device="cpu")
    for name, number in (("w0.tif", 0), ("w2.tif", 2), ("w3.zarr", 3)):
        np.testing.assert_array_equal(read_pixels(Path("out") / name), model.segment(blobs(number)))
    assert "open" in report("out/w0.report.json")["seconds"]
    assert "open" not in report("out/w2.report.json")["seconds"]
    assert shiftrun_(monkeypatch, "segment", "net.onnx", *images, "-o", "out") == 2
    assert "output exists (out/w0.tif)" in capsys.readouterr().err
    (folder / "plate" / "w1.tif").unlink()
    arguments = [image for image in images if image != "plate/w1.tif"]
    assert (
        shiftrun_(
            monkeypatch, "embed", "net.onnx", *arguments, "-o", "out", "--overwrite", "--quiet"
        )
        == 0
    )
    assert read_pixels(Path("out/w3.zarr")).shape == (2, 70, 60)


def test_memory_that_does_not_suffice_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """A single image ends the command; among several it is named. Nothing of it is left."""
    plate(folder)
    errors = [MemoryError()]

    def fails(*arguments: Any) -> Any:
        if errors:
            raise errors.pop()
        return label_window(*arguments)

    monkeypatch.setattr("shiftrun.clustering.one_window.label_window.label_window", fails)
    assert (
        shiftrun_(
            monkeypatch,
            "segment",
            "net.onnx",
            "plate/w0.tif",
            "plate/w2.tif",
            "-o",
            "out",
            "--quiet",
        )
        == 2
    )
    assert capsys.readouterr().err.splitlines()[0] == "shiftrun: error: plate/w0.tif: out of memory"
    errors.append(MemoryError("80 MB for an array"))
    assert (
        shiftrun_(monkeypatch, "segment", "net.onnx", "plate/w0.tif", "-o", "out/w0.tif", "--quiet")
        == 2
    )
    assert "shiftrun: error: out of memory: 80 MB for an array." in capsys.readouterr().err
    assert sorted(path.name for path in Path("out").iterdir()) == ["w2.report.json", "w2.tif"]


@pytest.mark.parametrize(
    ("arguments", "output", "message"),
    [
        (("plate/*.png",), "out", r"no images \(plate/\*\.png\)"),
        (("plate/w0.tif", "plate/w2.tif"), "out.tif", "one output for several images"),
        (("plate/w0.tif", "plate/w2.tif"), "net.onnx", "one output for several images"),
        (("plate/w0.tif", "w0.tif"), "out", r"duplicate result name \(out/w0\.tif\)"),
        (("plate",), "a/b", "no such folder"),
        (("plate/w0.tif", "w0.png"), "out", "duplicate result name"),
    ],
)
def test_calls_for_several_images_that_are_refused(
    folder: Path, arguments: tuple[str, ...], output: str, message: str
) -> None:
    plate(folder)
    tifffile.imwrite("w0.tif", blobs(0))
    with pytest.raises(InputError, match=message):
        jobs_of(arguments, {"labels": Path(output)}, {"labels": ""})
    assert not Path("out").exists()


def test_one_image_needs_no_folder(folder: Path) -> None:
    """Not even if its name looks like a pattern."""
    Path("plate[1].tif").touch()
    found = jobs_of(("plate[1].tif",), {"labels": Path("l.tif"), "objects": None}, {"labels": ""})
    assert not found.many
    assert found.jobs[0].outputs == {"labels": Path("l.tif")}


def test_a_plate_is_many_images(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields of a plate are images; a group around a single image stands for it."""
    for place, number in (("A/1/0", 0), ("A/1/1", 1), ("B/2/0", 2)):
        write_labels(folder / "level.zarr", blobs(number))
        (folder / "plate.ome.zarr" / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / "level.zarr").rename(folder / "plate.ome.zarr" / place)
    zarr.open_group("plate.ome.zarr", mode="a", attributes={"ome": {"version": "0.5", "plate": {}}})
    assert (
        shiftrun_(
            monkeypatch,
            "segment",
            "net.onnx",
            "plate.ome.zarr",
            "-o",
            "out",
            "--csv",
            "out",
            "--quiet",
        )
        == 0
    )
    names = ["plate_A_1_0", "plate_A_1_1", "plate_B_2_0"]
    assert sorted(path.name for path in Path("out").glob("*.zarr")) == [
        f"{name}.ome.zarr" for name in names
    ]
    assert sorted(path.stem for path in Path("out").glob("*.csv")) == names
    model = open_model("net.onnx", device="cpu")
    np.testing.assert_array_equal(
        read_pixels(Path("out/plate_B_2_0.ome.zarr")), model.segment(blobs(2))
    )
    (folder / "one.zarr").mkdir()
    (folder / "plate.ome.zarr" / "A" / "1" / "0").rename(folder / "one.zarr" / "0")
    zarr.open_group("one.zarr", mode="a")
    assert shiftrun_(monkeypatch, "segment", "net.onnx", "one.zarr", "-o", "l.tif", "--quiet") == 0
    np.testing.assert_array_equal(read_pixels(Path("l.tif")), model.segment(blobs(0)))


def test_names_of_results(folder: Path) -> None:
    for name in ("a.ome.tif", "b.png", "c.npy", "d.tiff"):
        Path(name).touch()
    found = jobs_of(
        (str(folder),),
        {"labels": Path("out"), "objects": Path("out")},
        {"labels": "", "objects": ".csv"},
    )
    assert [path.name for job in found.jobs for path in job.outputs.values()] == [
        *["a.ome.tif", "a.csv", "b.tif", "b.csv"],
        *["c.tif", "c.csv", "d.tiff", "d.csv"],
    ]


@pytest.mark.parametrize("space", [(7,), (11, 5), (3, 4, 5)])
def test_spool(space: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shiftrun.files.writing.label_spool.BAND_PX", 2 * int(np.prod(space[1:])))
    images = np.random.default_rng(0).integers(0, 9, (4, *space)).astype(np.int32)
    with Spool(space) as spool:
        for image in images:
            spool.append(ArrayReader(image))
        assert spool.shape == images.shape
        box = (slice(1, 3), *(slice(1, size) for size in space))
        np.testing.assert_array_equal(spool.read(box), images[box])


AXES = [
    ("TCYX", 2, 1, 1, "T", (3,)),
    ("CTYX", 2, 1, 0, "T", (2,)),
    ("ZTYX", 2, 1, None, "TZ", (2, 3)),
    ("QTYX", 2, 1, None, "TQ", (2, 3)),
    ("TZYX", 3, 1, None, "T", (3,)),
    ("TCYX", 2, 2, None, "T", (3,)),
    ("PCYX", 2, None, None, "P", (3,)),
]


@pytest.mark.parametrize(("axes", "dimensions", "channels", "channel", "series", "sizes"), AXES)
def test_axes_are_named(
    tmp_path: Path,
    axes: str,
    dimensions: int,
    channels: int | None,
    channel: int | None,
    series: str,
    sizes: Any,
) -> None:
    np.save(tmp_path / "a.npy", MOVIE)
    found = read_series(tmp_path / "a.npy", dimensions, channels, axes=axes, channel=channel)
    assert (found.axes, found.shape) == (series, sizes)
    for index, image in found.images():
        cut: list[Any] = [
            index[series.index(name)] if name in series else slice(None) for name in axes
        ]
        if channel is not None:
            cut[axes.index("C")] = channel
        np.testing.assert_array_equal(image.pixels, MOVIE[tuple(cut)].reshape(image.shape))


@pytest.mark.parametrize(
    ("axes", "channel", "message"),
    [
        ("TYX", None, "expected 4 different letters"),
        ("TCYX", 2, r"no such channel .*expected one of 0 to 1, got 2"),
        ("TCZX", None, "wrong axes"),
        ("SCYX", None, "wrong axes"),
        ("", None, r"wrong axes .*Name the axes in order, such as --axes TYX"),
    ],
)
def test_axes_that_are_refused(
    tmp_path: Path, axes: str, channel: int | None, message: str
) -> None:
    np.save(tmp_path / "a.npy", MOVIE)
    with pytest.raises(InputError, match=message):
        read_series(tmp_path / "a.npy", 2, 1, axes=axes, channel=channel)


def test_options_are_checked_by_the_command(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    np.save("a.npy", blobs(0))
    for option, text in (
        ("--region", "1-5"),
        ("--region", "5"),
        ("--axes", "TT"),
        ("--axes", "T1"),
        ("--channel", "-1"),
    ):
        assert (
            shiftrun_(monkeypatch, "embed", "net.onnx", "a.npy", "-o", "e.npy", option, text) == 2
        )
        assert option in capsys.readouterr().err
    assert (
        shiftrun_(
            monkeypatch, "plan", "net.onnx", "a.npy", "--axes", "yx", "--output-format", "json"
        )
        == 0
    )
    assert json.loads(capsys.readouterr().out)["image"] == [70, 60]
    np.save("movie.npy", MOVIE)
    assert (
        shiftrun_(monkeypatch, "plan", "net.onnx", "movie.npy", "--axes", "tcyx", "--channel", "0")
        == 0
    )
    assert "3 images, one by one" in capsys.readouterr().out
