"""Host memory: usable now, and the peak of a process."""

from __future__ import annotations

import sys

from shiftrun.memory.cgroup_limits import free_in_cgroups

USABLE = 0.8  # of free memory


def available_bytes() -> int:
    """The memory that may be used now, by the limits of the machine (psutil) and the container."""
    import psutil

    free = int(psutil.virtual_memory().available)
    limit = free_in_cgroups()
    return int((free if limit is None else min(free, limit)) * USABLE)


def peak_memory_bytes(processes: int = 0) -> int | None:
    """Peak bytes of this process plus `processes` times the largest child's; None if unknown."""
    try:
        import resource
    except ImportError:  # Windows, which does not report ended processes
        import psutil

        return None if processes else getattr(psutil.Process().memory_info(), "peak_wset", None)
    own, largest = (
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    peak = own + processes * largest
    return peak if sys.platform == "darwin" else peak * 1024
