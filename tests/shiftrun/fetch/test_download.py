"""Models by name: indexes, folders, mirrors, cache; downloads from nginx and a faulty server."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from shiftlint.errors import InputError
from shiftrun.fetch.download import cached_files
from shiftrun.fetch.find_model import default_index, read_index
from shiftrun.model.open_model import resolve
from shiftschemas import SchemaError
from tests import servers

CONTENT = b"no network, but bytes with a hash " * 5000


def document(
    *names: str, mirrors: tuple[str, ...] = (), content: bytes = CONTENT
) -> dict[str, Any]:
    row = {
        "version": "1.0.0",
        "description": "for tests",
        "license": "MIT",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "contract": {
            "graph_sha256": "0" * 64,
            "period": [8, 8],
            "padding": "valid",
            "capacity": 64,
        },
        "metrics": [],
    }
    models = [{"name": name, "file": f"{name}.onnx", **row} for name in names]
    return {"schema_version": 1, "mirrors": list(mirrors), "models": models}


def write_zoo(
    folder: Path, *, mirrors: tuple[str, ...] = (), content: bytes | None = CONTENT
) -> Path:
    """A zoo of one model, `tiny`; without content its file is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.json").write_text(json.dumps(document("tiny", mirrors=mirrors)))
    if content is not None:
        (folder / "tiny.onnx").write_bytes(content)
    return folder


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHIFTZOO_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SHIFTZOO_OFFLINE", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache"


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of an nginx, and the folder that it serves."""
    served = tmp_path / "served"
    served.mkdir()
    with servers.nginx(served) as address:
        yield address, served


@pytest.fixture
def misbehaving() -> Iterator[str]:
    """A server that announces a whole file and breaks off in the middle."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[: len(CONTENT) // 2])

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_comes_before_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").write_bytes(b"mine")
    monkeypatch.setenv("SHIFTZOO_INDEX", str(write_zoo(tmp_path / "zoo")))
    assert resolve("tiny") == Path("tiny")


def test_a_folder_is_a_zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    for origin in (write_zoo(tmp_path / "zoo"), tmp_path / "zoo" / "index.json"):
        monkeypatch.setenv("SHIFTZOO_INDEX", str(origin))
        assert resolve("tiny") == tmp_path / "zoo" / "tiny.onnx"
    assert not home.exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tinny", "Did you mean tiny?"),
        ("elephant", "shiftzoo list shows them"),
        ("tiny.onnx", "expected an ONNX file, got nothing"),
        ("none/tiny", "expected an ONNX file, got nothing"),
    ],
)
def test_unknown_names(
    name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHIFTZOO_INDEX", str(write_zoo(tmp_path / "zoo")))
    with pytest.raises(InputError, match=said.replace("?", r"\?")):
        resolve(name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "index is not JSON"),
        ('{"schema_version": 1, "mirrors": []}', "breaks index.schema.json"),
        (json.dumps(document("tiny") | {"models": [{"name": "Tiny"}]}), "breaks index.schema.json"),
    ],
)
def test_broken_index(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text(text)
    with pytest.raises((InputError, SchemaError), match=said):
        read_index(str(tmp_path))


def test_missing_index(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no index .* Check SHIFTZOO_INDEX"):
        read_index(str(tmp_path / "nothing"))


def test_a_spoiled_file_beside_the_index_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHIFTZOO_INDEX", str(write_zoo(tmp_path / "zoo", content=CONTENT + b"!")))
    with pytest.raises(InputError, match=r"cannot fetch tiny 1.0.0 .* sha256"):
        resolve("tiny")


def test_folders_are_mirrors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_zoo(tmp_path / "zoo", mirrors=("../spoiled", "../whole"), content=None)
    write_zoo(tmp_path / "spoiled", content=b"other")
    write_zoo(tmp_path / "whole")
    monkeypatch.setenv("SHIFTZOO_INDEX", str(tmp_path / "zoo"))
    assert resolve("tiny").resolve() == (tmp_path / "whole" / "tiny.onnx").resolve()


def test_download_once(
    nginx: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    address, served = nginx
    write_zoo(served)
    monkeypatch.setenv("SHIFTZOO_INDEX", address)
    path = resolve("tiny")
    assert (path.parent, path.read_bytes()) == (home, CONTENT)
    (served / "tiny.onnx").unlink()
    assert resolve("tiny") == path
    path.write_bytes(CONTENT[:-1])  # a damaged cache is not trusted
    with pytest.raises(InputError, match="Not Found"):
        resolve("tiny")


def test_mirrors_are_tried_in_order(
    nginx: tuple[str, Path], misbehaving: str, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    address, served = nginx
    (served / "good").mkdir()
    (served / "good" / "tiny.onnx").write_bytes(CONTENT)
    closed = f"http://127.0.0.1:{servers.free_port()}"
    write_zoo(served, mirrors=(closed, misbehaving, f"{address}/good"), content=b"spoiled")
    monkeypatch.setenv("SHIFTZOO_INDEX", f"{address}/index.json")
    assert resolve("tiny").read_bytes() == CONTENT
    assert {path.suffix for path in home.iterdir()} == {".onnx", ".json"}


def test_what_every_mirror_did_is_told_and_nothing_is_left(
    misbehaving: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = f"http://127.0.0.1:{servers.free_port()}"
    write_zoo(tmp_path / "zoo", mirrors=(misbehaving, closed), content=None)
    monkeypatch.setenv("SHIFTZOO_INDEX", str(tmp_path / "zoo"))
    with pytest.raises(InputError, match=r"cannot fetch tiny") as caught:
        resolve("tiny")
    for part in (misbehaving, closed, "Connection refused"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert cached_files() == []


def test_a_spoiled_download_is_not_kept(
    nginx: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, served = nginx
    write_zoo(served, content=CONTENT[:-3])
    monkeypatch.setenv("SHIFTZOO_INDEX", address)
    with pytest.raises(InputError, match="not the file in the index"):
        resolve("tiny")
    assert [path.suffix for path in cached_files()] == [".json"]


def test_offline(nginx: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    address, served = nginx
    write_zoo(served)
    monkeypatch.setenv("SHIFTZOO_INDEX", address)
    monkeypatch.setenv("SHIFTZOO_OFFLINE", "1")
    with pytest.raises(InputError, match="no copy of the index"):
        resolve("tiny")
    monkeypatch.delenv("SHIFTZOO_OFFLINE")
    read_index()
    monkeypatch.setenv("SHIFTZOO_OFFLINE", "1")
    with pytest.raises(InputError, match="model is not cached"):
        resolve("tiny")
    monkeypatch.delenv("SHIFTZOO_OFFLINE")
    path = resolve("tiny")
    monkeypatch.setenv("SHIFTZOO_OFFLINE", "1")
    assert resolve("tiny") == path


def test_two_at_once(nginx: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    address, served = nginx
    write_zoo(served)
    monkeypatch.setenv("SHIFTZOO_INDEX", address)
    command = [
        sys.executable,
        "-c",
        "from shiftrun.model.open_model import resolve; "
        "print(resolve('tiny').read_bytes()[:2].decode())",
    ]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for process in started:
        assert process.communicate(timeout=60)[0] == "no\n"
    assert sorted(path.suffix for path in home.iterdir()) == [".json", ".onnx"]


def test_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHIFTZOO_INDEX", f"http://127.0.0.1:{servers.free_port()}")
    with pytest.raises(InputError, match=r"cannot reach the index .* Connection refused"):
        resolve("tiny")


def test_a_cache_that_cannot_be_made(
    nginx: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, served = nginx
    write_zoo(served)
    (tmp_path / "file").touch()
    write_zoo(tmp_path / "zoo", mirrors=(address,), content=None)
    monkeypatch.setenv("SHIFTZOO_INDEX", str(tmp_path / "zoo"))
    monkeypatch.setenv("SHIFTZOO_HOME", str(tmp_path / "file" / "cache"))
    with pytest.raises(InputError, match=r"no cache .* Set SHIFTZOO_HOME to another folder"):
        resolve("tiny")


def test_a_full_disk(nginx: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    address, served = nginx
    write_zoo(served)
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    monkeypatch.setenv("SHIFTZOO_INDEX", address)
    read_index()
    monkeypatch.setattr(
        "pooch.HTTPDownloader.__call__", lambda *_: Path("/dev/full").write_bytes(b"x")
    )
    with pytest.raises(InputError, match=r"cannot write the cache .* No space left"):
        resolve("tiny")
    assert [path.suffix for path in cached_files()] == [".json"]


def test_the_default_index_is_found_without_running_shiftzoo() -> None:
    code = (
        "import sys; from shiftrun.fetch.find_model import default_index; print(default_index()); "
        "print('shiftzoo' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split("\n")[:2] == [default_index(), "False"]
