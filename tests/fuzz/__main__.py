"""`python -m tests.fuzz`: exit 1 at a contradiction, with what reproduces it.

    python -m tests.fuzz --graphs N [--seed S]              random graphs, by seed
    python -m tests.fuzz --planted [--graphs N]             the first of N graphs that finds each
                                                            planted fault; exit 1 if none does
    python -m tests.fuzz --standard [PATTERN] [--every N]   the ONNX standard's test cases; all of
                                                            them take two hours

Graphs run in a process of their own: onnxruntime can crash on a graph that should have been called
illegal, and that is a finding.
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
from pathlib import Path

from tests.fuzz import standard
from tests.fuzz.campaign import Statistics, Verdict, try_seed
from tests.fuzz.faults import FAULTS, first_found


def verdicts(seed: int, graphs: int) -> Iterator[Verdict]:
    """The verdicts of consecutive seeds; a crash is also a verdict."""
    following, end = seed, seed + graphs
    while following < end:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            try:
                for verdict in pool.map(try_seed, range(following, end), chunksize=1):
                    following += 1
                    yield verdict
            except BrokenProcessPool:
                yield Verdict(
                    following,
                    False,
                    runs=False,
                    contradictions=("onnxruntime crashes at a size that is called legal",),
                )
                following += 1


def planted(seed: int, graphs: int) -> int:
    """A table of faults and the first graphs that find them; the number of those that are not
    found.
    """
    missed = 0
    for fault in FAULTS:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            verdict = pool.submit(first_found, fault, seed, graphs).result()
        missed += verdict is None
        found = f"{verdict.seed:5}  {verdict.contradictions[0]}" if verdict else " none"
        print(f"{fault.__name__:22} {found[:140]}", flush=True)
    return missed


def main() -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=__doc__, formatter_class=raw
    )
    parser.add_argument("--graphs", type=int, default=1000, help="how many random graphs")
    parser.add_argument("--seed", type=int, default=0, help="of the first graph; the others follow")
    parser.add_argument(
        "--verbose", action="store_true", help="list graphs that are not exact, too"
    )
    parser.add_argument("--planted", action="store_true", help="find planted faults")
    parser.add_argument(
        "--standard",
        nargs="?",
        const="*",
        metavar="PATTERN",
        help='variants by name, such as "test_conv_*"',
    )
    parser.add_argument("--every", type=int, default=1, metavar="N", help="one in N of them")
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="FOLDER",
        help="store there the ONNX files of those that are contradicted",
    )
    options = parser.parse_args()
    if options.planted:
        return int(planted(options.seed, options.graphs) > 0)
    if options.standard:
        summary = standard.run(
            options.standard, options.every, keep=options.keep, verbose=options.verbose, tell=print
        )
        if not summary.cases:
            print(f"no such case ({options.standard}): expected an operator or a pattern of names.")
            return 2
        print(summary)
        return int(summary.counts["contradicted"] > 0)
    statistics, start = Statistics(Counter()), time.monotonic()
    for verdict in verdicts(options.seed, options.graphs):
        statistics.add(verdict)
        for sentence in verdict.contradictions:
            print(
                f"CONTRADICTION {sentence}\n  reproduce: python -m tests.fuzz --graphs 1 --seed "
                f"{verdict.seed}",
                flush=True,
            )
        if options.verbose and verdict.runs and not verdict.spoiled and not verdict.exact:
            print(f"seed {verdict.seed}: {'not exact' if verdict.periodic else 'no period'}")
        if sys.stderr.isatty():
            print(f"\r{statistics.counts['graphs']} of {options.graphs}", end="", file=sys.stderr)
    print(f"{statistics} ({time.monotonic() - start:.0f} s)")
    return int(statistics.counts["contradicted"] > 0)


if __name__ == "__main__":
    sys.exit(main())
