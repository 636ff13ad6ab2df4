"""The memory that control groups leave, with files as on Linux."""

from __future__ import annotations

from pathlib import Path

import pytest

from shiftrun.memory.cgroup_limits import free_in_cgroups

UNLIMITED_V1 = 0x7FFFFFFFFFFFF000
MB = 1 << 20


class Linux:
    """The files of one process and of its groups, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.process, self.groups = folder / "proc", folder / "groups"
        self.process.mkdir()
        self.rows: list[str] = []

    def belongs(self, *rows: str) -> Linux:
        (self.process / "cgroup").write_text("".join(f"{row}\n" for row in rows))
        return self

    def mounts(self, kind: str, root: str = "/", options: str = "rw") -> Linux:
        self.rows.append(
            f"35 31 0:32 {root} {self.groups / kind} rw,relatime shared:9 - {kind} none {options}\n"
        )
        (self.process / "mountinfo").write_text(
            "23 1 8:1 / / rw - ext4 /dev/sda rw\n24 1 8:2 / /x rw - fuse  rw\n" + "".join(self.rows)
        )
        return self

    def v2(self, group: str, limit: str, used: int, cache: int = 0) -> Linux:
        stat = f"inactive_file {cache}"
        return self._write(
            "cgroup2" + group, {"memory.max": limit, "memory.current": used, "memory.stat": stat}
        )

    def v1(self, group: str, limit: int, used: int, cache: int = 0) -> Linux:
        stat = f"inactive_file 1\ntotal_inactive_file {cache}"  # its own, and with all below
        return self._write(
            "cgroup" + group,
            {"memory.limit_in_bytes": limit, "memory.usage_in_bytes": used, "memory.stat": stat},
        )

    def _write(self, group: str, files: dict[str, object]) -> Linux:
        (self.groups / group).mkdir(parents=True, exist_ok=True)
        for name, value in files.items():
            (self.groups / group / name).write_text(f"{value}\n")
        return self

    def free_mb(self) -> float | None:
        free = free_in_cgroups(self.process)
        return None if free is None else free / MB


@pytest.fixture
def linux(tmp_path: Path) -> Linux:
    return Linux(tmp_path)


def test_v2_in_a_container(linux: Linux) -> None:
    """The container's own group is at the top: /proc says so, and the limit is there."""
    linux.belongs("0::/").mounts("cgroup2").v2("/", str(500 * MB), 200 * MB, cache=150 * MB)
    assert linux.free_mb() == 450


def test_v2_takes_the_least_on_the_way_up(linux: Linux) -> None:
    linux.belongs("0::/slice/job/step").mounts("cgroup2")
    linux.v2("/slice", str(900 * MB), 100 * MB).v2("/slice/job", str(400 * MB), 90 * MB).v2(
        "/slice/job/step", "max", 80 * MB
    )
    assert linux.free_mb() == 310
    assert linux.v2("/slice", str(900 * MB), 700 * MB).free_mb() == 200
    assert linux.v2("/slice/job/step", str(100 * MB), 80 * MB, cache=10 * MB).free_mb() == 30


def test_v1_in_a_container(linux: Linux) -> None:
    """Docker without its own namespace: the mounted group is the one in /proc."""
    linux.belongs("5:devices:/docker/1f", "4:cpu,memory:/docker/1f", "0::/")
    linux.mounts("cgroup", root="/docker/1f", options="rw,cpu,memory").v1(
        "/", 500 * MB, 450 * MB, cache=100 * MB
    )
    assert linux.free_mb() == 150


def test_v1_takes_the_least_on_the_way_up(linux: Linux) -> None:
    linux.belongs("4:memory:/slurm/job").mounts("cgroup", options="rw,memory")
    linux.v1("/", UNLIMITED_V1, 10 * MB).v1("/slurm", 300 * MB, 100 * MB).v1(
        "/slurm/job", 800 * MB, 100 * MB
    )
    assert linux.free_mb() == 200


def test_both_versions_at_once(linux: Linux) -> None:
    """Hybrid: version 1 controls memory; version 2 is also mounted, without it."""
    linux.belongs("4:memory:/a", "0::/a").mounts("cgroup2").mounts(
        "cgroup", options="rw,memory"
    ).v1("/a", 300 * MB, 100 * MB)
    assert linux.free_mb() == 200


def test_other_groups_do_not_count(linux: Linux) -> None:
    linux.belongs("4:memory:/a", "3:cpu:/").mounts("cgroup", options="rw,cpu").v1(
        "/a", 300 * MB, 100 * MB
    )
    assert linux.free_mb() is None


@pytest.mark.parametrize("path", ["/../../elsewhere", "/elsewhere"])
def test_a_group_outside_of_what_is_mounted(linux: Linux, path: str) -> None:
    linux.belongs(f"0::{path}").mounts("cgroup2", root="/docker/1f").v2(
        "/", str(500 * MB), 200 * MB
    )
    assert linux.free_mb() == 300


def test_nothing_is_free_beyond_a_limit(linux: Linux) -> None:
    linux.belongs("0::/").mounts("cgroup2").v2("/", str(100 * MB), 200 * MB)
    assert linux.free_mb() == 0
    linux.v2("/", str(100 * MB), 20 * MB, cache=30 * MB)  # read at different times
    assert linux.free_mb() == 100


def test_without_a_limit_or_groups(linux: Linux) -> None:
    assert linux.free_mb() is None, "no files at all"
    linux.belongs("0::/").mounts("cgroup2")
    assert linux.free_mb() is None
    assert linux.v2("/", "max", 200 * MB).free_mb() is None
