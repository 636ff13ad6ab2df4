"""Work in separate processes: one that crashes or hangs is a result, and the others continue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from time import monotonic
from typing import Any, TypeVar

Item = TypeVar("Item")
Work = Callable[
    [Any, Callable[[str], None]], Any
]  # of an item, and of what to call with the stage that begins

WAIT_S = 1.0


@dataclass(frozen=True)
class Lost:
    """The result of an item whose process crashed or was ended, with the stage that it was in."""

    stage: str
    how: str


class Worker:
    """A process that works on one item at a time."""

    def __init__(self, work: Work) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(work, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self.item: Any = None
        self.stage, self.since = "", 0.0

    def give(self, item: Any) -> None:
        self.item, self.stage, self.since = item, "begin", monotonic()
        self.pipe.send(item)

    def result(self, seconds: float) -> tuple[Any] | None:
        """What came of the item; None as long as nothing did. The process has ended after a
        `Lost`.
        """
        try:
            while self.pipe.poll():
                stage, result = self.pipe.recv()
                if not stage:
                    return (result,)
                self.stage = stage
        except (EOFError, OSError):
            self.process.join()
            return (Lost(self.stage, f"the process ends with exit code {self.process.exitcode}"),)
        if monotonic() - self.since < seconds:
            return None
        self.end()
        return (Lost(self.stage, f"it takes longer than {seconds:g} s"),)

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _serve(work: Work, pipe: Connection) -> None:
    while True:
        try:
            item = pipe.recv()
        except EOFError:
            return
        pipe.send(("", work(item, lambda stage: pipe.send((stage, None)))))


def isolated(
    work: Work, items: Iterable[Item], *, processes: int, seconds: float
) -> Iterator[tuple[Item, Any]]:
    """Items with their results, or `Lost`, in the order in which they are done; none may take
    longer than `seconds`.
    """
    waiting, idle, busy = iter(items), [Worker(work) for _ in range(processes)], list[Worker]()
    try:
        while True:
            while idle and (item := next(waiting, None)) is not None:
                busy.append(idle.pop())
                busy[-1].give(item)
            if not busy:
                return
            wait([worker.pipe for worker in busy], WAIT_S)
            for worker in tuple(busy):
                done = worker.result(seconds)
                if done is not None:
                    busy.remove(worker)
                    idle.append(Worker(work) if isinstance(done[0], Lost) else worker)
                    yield worker.item, done[0]
    finally:
        for worker in (*idle, *busy):
            worker.end()
