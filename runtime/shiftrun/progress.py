"""Progress callbacks and progress bars (on stderr, on a terminal only, with rate and time left)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[
    [int, int], None
]  # called with (done, total): tiles, windows, bytes; raise from it to cancel


@contextmanager
def progress_bar(what: str, unit: str, *, quiet: bool) -> Iterator[Progress | None]:
    """Yield the callback (done, total) of a bar, or None without a terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn(unit + " {task.fields[rate]}"),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=None, rate="")

        def advance(done: int, total: int) -> None:
            speed = bars.tasks[0].speed
            bars.update(task, completed=done, total=total, rate=f"{speed:.1f}/s" if speed else "")

        yield advance
