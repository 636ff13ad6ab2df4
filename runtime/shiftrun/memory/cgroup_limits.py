"""Free memory in a container: the limits of Linux control groups, versions 1 and 2.

A process belongs to a group; its limit and those of all groups above, up to the mounted one, apply.
Usage includes the file cache; the inactive part of it (`inactive_file`) is reclaimed before a limit
is hit:

    free = limit − (usage − inactive_file)

https://docs.kernel.org/admin-guide/cgroup-v2.html,
https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a group's files, and of the cache row in memory.stat."""

    limit: str
    usage: str
    cache: str


V1 = Names("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
V2 = Names("memory.max", "memory.current", "inactive_file")


def free_in_cgroups(process: Path = Path("/proc/self")) -> int | None:
    """The bytes that the control groups of a process leave; None if no group has a limit."""
    found = [_free(folder, names) for folder, names in _groups(process)]
    return min((free for free in found if free is not None), default=None)


def _groups(process: Path) -> Iterator[tuple[Path, Names]]:
    """The folders of a process's groups and of those above."""
    paths = {}  # of the process, by version; rows are HIERARCHY:CONTROLLERS:PATH
    for row in _rows(process / "cgroup"):
        _, controllers, path = row.split(":", 2)
        if not controllers or "memory" in controllers.split(","):
            paths[V1 if controllers else V2] = path
    for row in _rows(
        process / "mountinfo"
    ):  # ID PARENT DEVICE ROOT PLACE OPTIONS … - TYPE SOURCE OPTIONS
        mount, _, system = row.partition(" - ")
        if not system.startswith("cgroup"):
            continue
        (root, place), (kind, *_, options) = mount.split()[3:5], system.split()
        names = V2 if kind == "cgroup2" else V1
        if names in paths and (names is V2 or "memory" in options.split(",")):
            yield from (
                (folder, names)
                for folder in _upward(Path(place), PurePosixPath(root), PurePosixPath(paths[names]))
            )


def _upward(place: Path, root: PurePosixPath, path: PurePosixPath) -> Iterator[Path]:
    """From the group `path` to the one at `place`, where the group `root` is mounted."""
    inside = (
        path.relative_to(root)
        if path.is_relative_to(root) and ".." not in path.parts
        else PurePosixPath()
    )
    yield from (place / folder for folder in (inside, *inside.parents))


def _free(folder: Path, names: Names) -> int | None:
    try:
        limit = (folder / names.limit).read_text().strip()
        used = int((folder / names.usage).read_text())
    except (OSError, ValueError):
        return None
    if not limit.isdigit():  # max
        return None
    cache = dict(row.split(" ", 1) for row in _rows(folder / "memory.stat") if " " in row).get(
        names.cache, "0"
    )
    return max(0, int(limit) - max(0, used - int(cache)))


def _rows(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
