"""The memory of the host: what may be used now, and the most that a process held."""

from __future__ import annotations

import sys

from shiftrun.memory.cgroup_limits import free_in_cgroups

USABLE = 0.8  # of the memory that is free


def available_bytes() -> int:
    """The memory that may be used now: that of the machine (psutil) and of the container."""
    import psutil

    free = int(psutil.virtual_memory().available)
    limit = free_in_cgroups()
    return int((free if limit is None else min(free, limit)) * USABLE)


def peak_memory_bytes(processes: int = 0) -> int | None:
    """The most memory that this process held, and each of its `processes` as the largest of them;
    None if the system is silent.
    """
    try:
        import resource
    except ImportError:  # Windows, which says nothing of processes that have ended
        import psutil

        return None if processes else getattr(psutil.Process().memory_info(), "peak_wset", None)
    own, largest = (
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    peak = own + processes * largest
    return peak if sys.platform == "darwin" else peak * 1024
