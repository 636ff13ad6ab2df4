"""`python -m tests.fuzz --graphs N [--seed S]`: exit 1 at a contradiction, with the seed that reproduces it.

Graphs run in a process of their own: onnxruntime can crash on a graph that should have been called illegal, and that is a finding.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from tests.fuzz.campaign import Statistics, Verdict, try_seed


def verdicts(seed: int, graphs: int) -> Iterator[Verdict]:
    """The verdicts of consecutive seeds; a crash is one, too."""
    following, end = seed, seed + graphs
    while following < end:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            try:
                for verdict in pool.map(try_seed, range(following, end), chunksize=1):
                    following += 1
                    yield verdict
            except BrokenProcessPool:
                yield Verdict(following, False, runs=False, contradictions=("onnxruntime crashes at a size that is called legal",))
                following += 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--graphs", type=int, default=1000, help="how many random graphs")
    parser.add_argument("--seed", type=int, default=0, help="of the first graph; the others follow")
    parser.add_argument("--verbose", action="store_true", help="list graphs that are not exact, too")
    options = parser.parse_args()
    statistics, start = Statistics(Counter()), time.monotonic()
    for verdict in verdicts(options.seed, options.graphs):
        statistics.add(verdict)
        for sentence in verdict.contradictions:
            print(f"CONTRADICTION {sentence}\n  reproduce: python -m tests.fuzz --graphs 1 --seed {verdict.seed}", flush=True)
        if options.verbose and verdict.runs and not verdict.spoiled and not verdict.exact:
            print(f"seed {verdict.seed}: {'not exact' if verdict.periodic else 'no period'}")
        if sys.stderr.isatty():
            print(f"\r{statistics.counts['graphs']} of {options.graphs}", end="", file=sys.stderr)
    print(f"{statistics} ({time.monotonic() - start:.0f} s)")
    return int(statistics.counts["contradicted"] > 0)


if __name__ == "__main__":
    sys.exit(main())
