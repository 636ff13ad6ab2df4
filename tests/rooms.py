"""`python -m tests.rooms`: rooms, floors and arrows of every package, as its imports are.

A room is a direct child of a package, with all that is in it. There is an arrow from a room to each
room that it imports; floors are counted along the longest chain of arrows.
"""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

import grimp

PACKAGES = ("shiftschemas", "shiftlint", "shiftrun", "shiftzoo")


def arrows(graph: grimp.ImportGraph, package: str) -> dict[str, set[str]]:
    """The rooms that each room imports."""
    rooms = sorted(graph.find_children(package))
    found: dict[str, set[str]] = {room: set() for room in rooms}
    for room in rooms:
        for module in {room, *graph.find_descendants(room)}:
            for imported in graph.find_modules_directly_imported_by(module):
                target = ".".join(imported.split(".")[:2])
                if target in found and target != room:
                    found[room].add(target)
    return found


def floors(arrows: Mapping[str, set[str]]) -> int | None:
    """The rooms of the longest chain; None where rooms import each other in a circle."""
    height: dict[str, int] = {}
    try:
        for room in TopologicalSorter(arrows).static_order():
            height[room] = 1 + max((height[below] for below in arrows[room]), default=0)
    except CycleError:
        return None
    return max(height.values(), default=0)


if __name__ == "__main__":
    everything = grimp.build_graph(*PACKAGES)
    for name in PACKAGES:
        found = arrows(everything, name)
        count = sum(map(len, found.values()))
        print(
            f"{name}: {len(found)} rooms, {floors(found) or 'circles, no'} floors, {count} arrows"
        )
