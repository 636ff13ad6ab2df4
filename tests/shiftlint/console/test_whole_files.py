"""A file is written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shiftlint.console.whole_files import whole_file, write_atomically
from shiftlint.errors import InputError


def _left(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def _fail_half_way(draft: Path, error: type[BaseException]) -> None:
    draft.write_text("half")
    raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("before", [{}, {"a.txt": "before"}])
def test_nothing_is_left_half_written(
    tmp_path: Path, error: type[BaseException], before: dict[str, str]
) -> None:
    for name, text in before.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(error), whole_file(tmp_path / "a.txt") as draft:
        _fail_half_way(draft, error)
    assert _left(tmp_path) == before


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=r"cannot write .*No space"),
        whole_file(tmp_path / "a.txt"),
    ):
        raise OSError(28, "No space left on device")
    assert _left(tmp_path) == {}


def test_a_folder_that_is_missing_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write \(.*missing/a\.txt\): No such file"):
        write_atomically(tmp_path / "missing" / "a.txt", b"")


def test_a_failing_move_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.txt").write_text("before")
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(InputError, match=r"cannot write .*Permission denied"):
        write_atomically(tmp_path / "a.txt", b"after")
    assert _left(tmp_path) == {"a.txt": "before"}


def test_the_mode_is_that_of_a_new_file_or_of_the_one_that_is_replaced(tmp_path: Path) -> None:
    path, plain = tmp_path / "a.txt", tmp_path / "plain"
    plain.touch()
    write_atomically(path, b"one")
    assert path.stat().st_mode == plain.stat().st_mode
    for mode in (0o640, 0o755, 0o444):
        path.chmod(mode)
        write_atomically(path, b"two")
        assert path.stat().st_mode & 0o777 == mode


def test_data_is_on_disk_before_the_file_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, happened = tmp_path / "a.txt", list[tuple[str, str]]()
    sync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        happened.append(("sync", os.pread(descriptor, 100, 0).decode()))
        sync(descriptor)

    def replaced(source: Path, target: Path) -> None:
        happened.append(("replace", target.name))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    write_atomically(path, b"data")
    assert happened == [("sync", "data"), ("replace", "a.txt")]


def _write_folder(path: Path, name: str) -> None:
    with whole_file(path) as draft:
        draft.mkdir()
        (draft / name).write_text(name)


def test_a_folder_takes_the_place_of_a_folder(tmp_path: Path) -> None:
    for text in ("before", "after"):
        _write_folder(tmp_path / "a.zarr", text)
    assert _left(tmp_path / "a.zarr") == {"after": "after"}
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


def _fail_half_way_inside(draft: Path, error: type[BaseException]) -> None:
    draft.mkdir()
    _fail_half_way(draft / "half", error)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_a_folder_that_is_not_finished_leaves_the_old_one(
    tmp_path: Path, error: type[BaseException]
) -> None:
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "before").write_text("before")
    with pytest.raises((KeyboardInterrupt, InputError)), whole_file(tmp_path / "a.zarr") as draft:
        _fail_half_way_inside(draft, error)
    assert _left(tmp_path / "a.zarr") == {"before": "before"}
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


def test_a_folder_that_cannot_be_moved_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def refuse_the_new(source: Path, target: Path) -> None:
        if source.name == target.name:
            raise PermissionError(13, "Permission denied")
        replace(source, target)

    _write_folder(tmp_path / "a.zarr", "before")
    monkeypatch.setattr(os, "replace", refuse_the_new)
    with pytest.raises(InputError, match="Permission denied"):
        _write_folder(tmp_path / "a.zarr", "after")
    assert _left(tmp_path / "a.zarr") == {"before": "before"}
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]
