"""Label windows in separate processes, for machines with many cores.

Mean shift of a window is a chain of short numpy calls, which share Python's lock: threads gain
nothing. Each process is a new interpreter that reads windows from standard input and answers on
standard output, so the caller's program does not run again in it. It ends when its input ends,
however the caller ends.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from queue import SimpleQueue
from typing import IO, Any

import numpy as np

from shiftlint.errors import InputError
from shiftrun.clustering.one_window.connected_components import Labels
from shiftrun.clustering.one_window.label_window import (
    Clustering,
    Foreground,
    Labeling,
    label_window,
)
from shiftrun.inference.run_tiles import in_order

# if the CPU also runs the network: clustering takes a seventh of the time of a U-Net there
CORES_EACH = 8
MOST = 16


def process_count(on_device: bool) -> int:
    """The number of labeling processes next to the network; 0: only this process."""
    if getattr(sys, "frozen", False):  # its executable is not an interpreter
        return 0
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return min(MOST, cores - 1 if on_device else cores // CORES_EACH)


@contextmanager
def labeling_processes(
    count: int, timed: Callable[[str], AbstractContextManager[object]] = nullcontext
) -> Iterator[Labeling]:
    """Yield a function that labels windows in `count` processes, in the order of `label_windows`.

    `timed` is entered while waiting for each window's labels. Raises InputError if a process ends
    by itself.
    """
    idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
    started: list[subprocess.Popen[bytes]] = []
    pool = ThreadPoolExecutor(count, "label")

    def label(clustering: Clustering, window: Foreground) -> tuple[int, Labels]:
        process = idle.get()
        try:
            return window.number, _ask(process, window, clustering)
        finally:
            idle.put(process)

    def wait(labels: Future[tuple[int, Labels]]) -> tuple[int, Labels]:
        with timed("cluster"):
            return labels.result()

    def labeling(
        windows: Iterable[Foreground], clustering: Clustering
    ) -> Iterator[tuple[int, Labels]]:
        return in_order(pool, partial(label, clustering), windows, count, wait)

    try:
        for _ in range(count):
            started.append(_start())
            idle.put(started[-1])
        yield labeling
    finally:
        for process in started:
            process.kill()  # idle, unless an error ends the run
        pool.shutdown(cancel_futures=True)
        for process in started:
            process.communicate()


def _start() -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-m", "shiftrun.clustering.one_window.worker_processes"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)


def _ask(process: subprocess.Popen[bytes], window: Foreground, clustering: Clustering) -> Labels:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        pickle.dump((window, clustering), process.stdin, protocol=5)
        process.stdin.flush()
        answer = pickle.load(process.stdout)
    except (OSError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(
            f"clustering process ended (exit code {process.wait()}): expected labels of a window "
            f"of {'x'.join(map(str, window.mask.shape))} px, got none. Memory probably ran out: "
            "free some, or run on fewer cores."
        ) from error
    if isinstance(answer, BaseException):
        raise answer
    return np.asarray(answer)


def serve(tasks: IO[bytes], answers: IO[bytes]) -> None:
    """Label windows until there are no more; errors are sent as answers."""
    while True:
        try:
            window, clustering = pickle.load(tasks)
        except (
            EOFError,
            pickle.UnpicklingError,
        ):  # the caller is gone, perhaps in the middle of a window
            return
        answer: Any
        try:
            answer = label_window(window, clustering, threads=1)
        except Exception as error:  # the caller raises it, of any type
            answer = error
        pickle.dump(answer, answers, protocol=5)
        answers.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller handles Ctrl-C and ends this
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:  # the caller is gone: nothing to answer or flush
        os._exit(1)
