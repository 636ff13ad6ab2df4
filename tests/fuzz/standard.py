"""The test cases of the ONNX standard as networks; all claims are checked against onnxruntime.

`python -m tests.fuzz --standard`. Every case becomes variants (`variants`) and every variant a
verdict (`claims`), in its own process.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path

from tests.fuzz.claims import hold
from tests.fuzz.isolated import Lost, isolated
from tests.fuzz.standard_cases import Case, standard_cases
from tests.fuzz.variants import Variant, variants_of
from tests.fuzz.verdicts import Claim, Contradiction, Outcome, Verdict

PROCESSES = 2
LONGEST_S = 120.0  # for one variant
SHOWN = 3  # contradictions of one operator and claim


def chosen(cases: Iterable[Case], pattern: str, every: int = 1) -> Iterator[Variant]:
    """The variants of the operator `pattern`, or whose name is like it ("test_conv_*"): one in
    `every`, the first among them.
    """
    variants = (
        variant for case in cases for variant in variants_of(case) if _like(variant, pattern)
    )
    return islice(variants, 0, None, every)


def _like(variant: Variant, pattern: str) -> bool:
    return variant.operator == pattern or fnmatch(variant.name, pattern)


def verdicts(variants: Iterable[Variant]) -> Iterator[tuple[Variant, Verdict]]:
    """The verdict on each variant; a crash is also a contradiction."""
    for variant, result in isolated(hold, variants, processes=PROCESSES, seconds=LONGEST_S):
        if isinstance(result, Lost):
            wrong = Contradiction(Claim.STABILITY, f"{result.stage}: {result.how}")
            yield variant, Verdict(variant.name, variant.operator, Outcome.CRASHED, (wrong,))
        else:
            yield variant, result


@dataclass
class Summary:
    """Counts over many verdicts."""

    counts: Counter[str] = field(default_factory=Counter)
    cases: set[str] = field(default_factory=set)
    contradicted: Counter[str] = field(default_factory=Counter)
    claims: Counter[Claim] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    examples: dict[tuple[str, Claim], list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, verdict: Verdict) -> None:
        self.cases.add(verdict.name.partition("/")[0])
        self.counts[verdict.outcome] += 1
        self.counts["contradicted"] += bool(verdict.contradictions)
        self.contradicted[verdict.operator] += bool(verdict.contradictions)
        self.missed[verdict.operator] += bool(verdict.missed)
        self.claims.update({wrong.claim for wrong in verdict.contradictions})
        self.runs.update(run.partition(":")[0] for run in verdict.runs)
        for wrong in verdict.contradictions:
            self.examples[verdict.operator, wrong.claim].append(f"{verdict.name}: {wrong.detail}")

    @property
    def loaded(self) -> int:
        """Variants that onnxruntime loads."""
        return sum(self.counts[outcome] for outcome in Outcome if outcome is not Outcome.REFUSED)

    def __str__(self) -> str:
        lines = [
            f"{len(self.cases)} cases, {self.loaded} variants that onnxruntime loads: "
            f"{self.counts[Outcome.ANSWERED]} with an answer; {self.counts['contradicted']} "
            "contradicted",
            "runs in tiles: "
            f"{', '.join(f'{count} {how}' for how, count in self.runs.most_common(4))}",
        ]
        lines += [f"  {claim}: {count}" for claim, count in self.claims.most_common()]
        lines += self._by_operator("contradicted", self.contradicted)
        lines += self._by_operator("without a period that was seen", self.missed)
        return "\n".join(lines)

    @staticmethod
    def _by_operator(what: str, counts: Counter[str]) -> list[str]:
        found = [f"{operator} {count}" for operator, count in counts.most_common() if count]
        return [f"{what}, by operator: {', '.join(found)}"] if found else []


def run(
    pattern: str, every: int, *, keep: Path | None, verbose: bool, tell: Callable[[str], None]
) -> Summary:
    """Hold one in `every` of the variants that are like `pattern`, and `tell` what is contradicted.

    If `verbose`, what has no period is told, too. With `keep`, the ONNX files of those that are
    contradicted are stored there.
    """
    summary = Summary()
    for variant, verdict in verdicts(chosen(standard_cases(), pattern, every)):
        summary.add(verdict)
        if verbose and verdict.outcome in {Outcome.NO_CONTRACT, Outcome.NO_PERIOD}:
            tell(f"{variant.name}: {verdict.outcome}: {'; '.join(verdict.reasons)}")
        for wrong in verdict.contradictions:
            if len(summary.examples[verdict.operator, wrong.claim]) <= SHOWN:
                tell(f"CONTRADICTION {variant.name}: {wrong.claim}: {wrong.detail}")
                tell(f"  reproduce: python -m tests.fuzz --standard '{variant.name}'")
        if verdict.contradictions and keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{variant.name.replace('/', '-')}.onnx").write_bytes(variant.model)
    return summary
