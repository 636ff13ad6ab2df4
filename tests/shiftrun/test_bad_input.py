"""Bad images and disks from the command line: one clear line, exit 2, nothing half-written."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tifffile
import zarr
from numpy.typing import NDArray
from zarr.storage import LocalStore

from shiftrun.arrays.readers import FileArray
from shiftrun.files.reading.images import read_image, read_pixels
from shiftrun.inference.normalization import percentile_normalization
from shiftrun.model.open_model import open_model
from tests.shiftrun.command_line import shiftrun_
from tests.shiftrun.networks import PROPS, unet
from tests.shiftrun.pictures import blobs

PX = blobs(0, (150, 140))
OUTPUTS = [
    ("segment", "l.tif"),
    ("segment", "l.ome.tif"),
    ("segment", "l.zarr"),
    ("embed", "e.npy"),
    ("embed", "e.tif"),
    ("embed", "e.zarr"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    unet(tmp_path / "net.onnx", depth=2, props=PROPS)
    np.save("cells.npy", PX)
    return tmp_path


def everything_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def refused(monkeypatch: pytest.MonkeyPatch, capsys: Any, *arguments: str) -> str:
    """The one-line message of a refused call."""
    assert shiftrun_(monkeypatch, *arguments) == 2
    line: str = capsys.readouterr().err
    assert line.startswith("shiftrun: error: ")
    assert line.count("\n") == 1
    return line


def truncated_page(path: Path) -> None:
    """The second of three pages ends in the middle."""
    tifffile.imwrite(
        path, np.stack([PX] * 3), photometric="minisblack", compression="zlib", rowsperstrip=10
    )
    with tifffile.TiffFile(path) as file:
        cut = file.pages[1].dataoffsets[5]
    path.write_bytes(path.read_bytes()[:cut])


def corrupt_chunk(path: Path, zarr_format: Any) -> None:
    array = zarr.create_array(str(path), data=PX, chunks=(32, 32), zarr_format=zarr_format)
    assert array.shape == PX.shape
    chunk = path / ("c/2/2" if zarr_format == 3 else "2.2")
    chunk.write_bytes(os.urandom(chunk.stat().st_size))


def missing_page(path: Path) -> None:
    """OME-XML that lists three planes in a file of one."""
    tifffile.imwrite(path, np.stack([PX] * 3), ome=True, metadata={"axes": "TYX"})
    xml = tifffile.TiffFile(path).ome_metadata
    tifffile.imwrite(path, PX, description=xml, metadata=None)


IMAGES: dict[str, tuple[str, Any, str]] = {
    "no px": (
        "a.npy",
        lambda path: np.save(path, np.zeros((0, 5), np.uint8)),
        "empty image (a.npy)",
    ),
    "no planes": (
        "a.npy",
        lambda path: np.save(path, np.zeros((0, 50, 50), np.uint8)),
        "empty image (a.npy)",
    ),
    "NaN": (
        "a.npy",
        lambda path: np.save(path, np.where(PX > 1800, np.nan, PX)),
        "not a finite image (a.npy)",
    ),
    "infinity": (
        "a.tif",
        lambda path: tifffile.imwrite(path, np.where(PX > 1800, np.inf, PX).astype("f4")),
        "not a finite image",
    ),
    "uint32": (
        "a.tif",
        lambda path: tifffile.imwrite(path, PX.astype(np.uint32)),
        "got uint32. Convert the image",
    ),
    "int64": ("a.npy", lambda path: np.save(path, PX.astype(np.int64)), "got int64"),
    "uint64": (
        "a.zarr",
        lambda path: zarr.create_array(str(path), data=PX.astype(np.uint64)),
        "got uint64",
    ),
    "complex": ("a.npy", lambda path: np.save(path, PX * 1j), "got complex128"),
    "truncated page": ("a.tif", truncated_page, "cannot read image (a.tif)"),
    "missing page": ("a.tif", missing_page, "planes are missing"),
    "corrupt chunk, Zarr 2": (
        "a.zarr",
        lambda path: corrupt_chunk(path, 2),
        "cannot read image (a.zarr): expected a whole zarr file",
    ),
    "corrupt chunk, Zarr 3": (
        "a.zarr",
        lambda path: corrupt_chunk(path, 3),
        "cannot read image (a.zarr)",
    ),
    "RGB for gray": (
        "a.tif",
        lambda path: tifffile.imwrite(path, np.stack([PX] * 3, -1), photometric="rgb"),
        "Choose one: --channel 0 to 2",
    ),
    "folder": ("a.tif", lambda path: path.mkdir(), "no images (a.tif)"),
    "an object array": (
        "a.npy",
        lambda path: np.save(path, np.array([{}], dtype=object), allow_pickle=True),
        "cannot read image",
    ),
}


@pytest.mark.parametrize("kind", IMAGES)
def test_bad_images(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, kind: str) -> None:
    name, make, message = IMAGES[kind]
    make(Path(name))
    before = everything_in(folder)
    for normalize in ("model", "none"):
        line = refused(
            monkeypatch,
            capsys,
            "segment",
            "net.onnx",
            name,
            "-o",
            "l.tif",
            "--tile",
            "128",
            "--normalize",
            normalize,
        )
        assert message in line
    assert everything_in(folder) == before


@pytest.mark.parametrize("compression", ["lzw", "jpeg", "zlib", "deflate", "packbits", "zstd"])
def test_compressed_tiles(tmp_path: Path, compression: str) -> None:
    pixels = (PX >> 4).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, tile=(32, 32), compression=compression)
    found = read_image(tmp_path / "a.tif", 2, 1)
    part = found.read((slice(0, 1), slice(30, 70), slice(100, 140)))[0]
    whole = tifffile.imread(tmp_path / "a.tif")
    np.testing.assert_array_equal(part, whole[30:70, 100:140])
    np.testing.assert_allclose(whole.astype(int), pixels, atol=0 if compression != "jpeg" else 40)


def test_a_codec_that_is_not_installed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    tifffile.imwrite("a.tif", (PX >> 4).astype(np.uint8), tile=(32, 32), compression="jpeg")
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    code = "import sys; sys.modules['imagecodecs'] = None; from shiftrun.cli import main; main()"
    arguments = ["embed", "net.onnx", "a.tif", "-o", "e.npy"]
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments], check=False, capture_output=True, text=True
    )
    assert result.returncode == 2
    assert (
        "compressed image (a.tif): expected a codec for JPEG, got none. Install them: pip install "
        "imagecodecs." in result.stderr
    )


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("name", ["a.npy", "a.tif", "a.zarr"])
@pytest.mark.parametrize("kind", ["u2", "i2", "f4"])
def test_either_byte_order(folder: Path, name: str, order: str, kind: str) -> None:
    """The values are the same, and so is the result."""
    pixels = PX.astype(f"{order}{kind}")
    if name == "a.npy":
        np.save(name, pixels)
    elif name == "a.tif":
        tifffile.imwrite(name, pixels, byteorder="<" if order == "<" else ">", tile=(32, 32))
    else:
        zarr.create_array(name, data=pixels)
    image = read_image(Path(name), 2, 1)
    assert image.dtype.isnative
    np.testing.assert_array_equal(image.pixels[0], PX.astype(kind))
    model = open_model("net.onnx", device="cpu")
    np.testing.assert_array_equal(model.segment(image), model.segment(PX.astype(kind)))


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_negative_integers(dtype: type) -> None:
    """Signed integers keep their sign in the percentiles, at the ends of their range too."""
    info = np.iinfo(dtype)
    pixels: NDArray[Any] = (
        np.random.default_rng(0).integers(info.min, info.max, (60, 50), endpoint=True).astype(dtype)
    )
    pixels[0, :2] = info.min, info.max
    found = percentile_normalization(pixels, (1, 99.8))
    np.testing.assert_allclose(
        (found.low, found.high), np.percentile(pixels.astype(float), (1, 99.8))
    )
    whole = percentile_normalization(pixels, (0, 100))
    scaled = whole.apply(pixels)
    assert (whole.low, whole.high) == (info.min, info.max)
    np.testing.assert_allclose((scaled.min(), scaled.max()), (0, 1), atol=1e-6)


class FullDisk:
    """Allows some bytes to be written, then reports a full disk."""

    def __init__(self, room: int) -> None:
        self.room = room

    def take(self, size: int) -> None:
        self.room -= size
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fill_disk(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """Make every kind of write of results fail in the middle."""
    disk = FullDisk(room)
    write_file, write_store, write_box = tifffile.FileHandle.write, LocalStore.set, FileArray.write

    def to_tiff(self: Any, data: Any) -> Any:
        disk.take(len(data))
        return write_file(self, data)

    async def to_zarr(self: Any, key: str, value: Any, *rest: Any) -> None:
        disk.take(len(value))
        await write_store(self, key, value, *rest)

    def to_box(self: Any, box: Any, values: Any) -> None:
        disk.take(values.nbytes)
        write_box(self, box, values)

    monkeypatch.setattr(tifffile.FileHandle, "write", to_tiff)
    monkeypatch.setattr(LocalStore, "set", to_zarr)
    monkeypatch.setattr(FileArray, "write", to_box)


@pytest.mark.parametrize(("command", "output"), OUTPUTS)
@pytest.mark.parametrize("exists", [False, True])
def test_a_disk_that_fills_up(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
    command: str,
    output: str,
    exists: bool,
) -> None:
    """Existing files stay unchanged."""
    arguments = (
        command,
        "net.onnx",
        "cells.npy",
        "-o",
        output,
        "--tile",
        "128",
        "--quiet",
        "--overwrite",
    )
    if exists:
        assert shiftrun_(monkeypatch, *arguments) == 0
        capsys.readouterr()
    before = everything_in(folder)
    fill_disk(monkeypatch, 1000)
    line = refused(monkeypatch, capsys, *arguments)
    assert f"cannot write ({output}): No space left on device" in line
    assert everything_in(folder) == before
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize(("command", "output"), OUTPUTS)
def test_a_limit_of_the_system(folder: Path, command: str, output: str) -> None:
    """The operating system refuses in the middle of a file: no file may exceed 3 kB."""
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000)); from "
        "shiftrun.cli import main; main()"
    )
    arguments = [command, "net.onnx", "cells.npy", "-o", output, "--tile", "128"]
    before = everything_in(folder)
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments], check=False, capture_output=True, text=True
    )
    assert result.returncode == 2, result.stderr
    assert "cannot write (" in result.stderr
    assert "File too large" in result.stderr
    assert result.stderr.count("\n") == 1
    assert everything_in(folder) == before


def test_the_temporary_labels_need_room_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for module in ("clustering.windows.label_store", "files.writing.label_spool"):
        monkeypatch.setattr(f"shiftrun.{module}.tempfile.TemporaryFile", lambda **_: Full())
    before = everything_in(folder)
    line = refused(monkeypatch, capsys, "segment", "net.onnx", "cells.npy", "-o", "l.tif")
    assert "cannot write" in line
    assert "No space left" in line
    assert everything_in(folder) == before


def test_a_folder_that_cannot_be_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (folder / "locked").mkdir()
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path).name != "locked"
    )  # root may write anywhere
    for command, output in OUTPUTS:
        line = refused(
            monkeypatch, capsys, command, "net.onnx", "cells.npy", "-o", f"locked/{output}"
        )
        assert "folder is not writable (locked)" in line
    assert not list((folder / "locked").iterdir())


@pytest.mark.parametrize("output", ["l.zarr", "e.zarr"])
def test_folders_are_replaced_as_files_are(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, output: str
) -> None:
    command = "segment" if output == "l.zarr" else "embed"
    (folder / "mine.zarr").mkdir()
    (folder / "mine.zarr" / "thesis.txt").write_text("no copy")
    assert "output is a folder" in refused(
        monkeypatch, capsys, command, "net.onnx", "cells.npy", "-o", "mine.zarr", "--overwrite"
    )
    assert (folder / "mine.zarr" / "thesis.txt").read_text() == "no copy"
    arguments = (command, "net.onnx", "cells.npy", "-o", output)
    assert shiftrun_(monkeypatch, *arguments) == 0
    capsys.readouterr()
    assert "--overwrite" in refused(monkeypatch, capsys, *arguments)
    first = read_pixels(Path(output))
    (folder / output / "left over").write_text("of an earlier run")
    assert shiftrun_(monkeypatch, *arguments, "--overwrite", "--quiet") == 0
    assert not (folder / output / "left over").exists()
    np.testing.assert_array_equal(read_pixels(Path(output)), first)
    inside = refused(
        monkeypatch,
        capsys,
        command,
        "net.onnx",
        f"{output}/0",
        "-o",
        output,
        "--overwrite",
        "--channel",
        "0",
    )
    assert "output is the input" in inside
    assert not list(folder.glob(".*"))


UNKNOWN = """<ir_version: 8, opset_import: ["": 17, "my": 1]>
g (float[n,1,h,w] image) => (float[n,1,oh,ow] embedding)
{ a = my.Sharpen(image) embedding = Relu(a) }"""
BY_PLACE = """<ir_version: 8, opset_import: ["": 17]>
g (float[n,1,h,w] image) => (float[n,1,h,w] embedding)
<int64[1] last = {1}, int64 none = {0}, int64 one = {1}> {
  size = Shape<start = 2, end = 3>(image) rows = Squeeze(size) places = Range(none, rows, one)
  numbers = Cast<to = 1>(places) column = Unsqueeze(numbers, last)
  embedding = Add(image, column) }"""


SHARPEN = (UNKNOWN, "SL002", "Sharpen#0 (Sharpen): the analyzer does not know my::Sharpen")
ADD = (BY_PLACE, "SL102", "(Add): combined with values that depend on the position")


@pytest.mark.parametrize(
    ("command", "network", "code", "cause"),
    [
        ("segment -o out.tif", *SHARPEN),
        ("embed -o out.npy --normalize none", *SHARPEN),
        ("embed -o out.npy --normalize none", *ADD),
        ("plan", *SHARPEN),
        ("plan", *ADD),
    ],
)
def test_what_keeps_a_network_from_running_is_named(
    command: str,
    network: str,
    code: str,
    cause: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    """The cause in the contract reaches the user: rule, node and problem."""
    model = onnx.parser.parse_model(network)
    (folder / "other.onnx").write_bytes(model.SerializeToString())
    name, *options = command.split()
    line = refused(monkeypatch, capsys, name, "other.onnx", "cells.npy", *options)
    assert f"error: {code} " in line
    assert cause in line
