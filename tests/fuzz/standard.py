"""The test cases of the ONNX standard as networks, all claims held against onnxruntime: `python -m tests.fuzz --standard`.

Every case becomes variants (`variants`), every variant a verdict (`claims`), in a process of its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from tests.fuzz.claims import hold
from tests.fuzz.isolated import Lost, isolated
from tests.fuzz.standard_cases import Case, standard_cases
from tests.fuzz.variants import Variant, variants_of
from tests.fuzz.verdicts import Claim, Contradiction, Outcome, Verdict

PROCESSES = 2
LONGEST_S = 120.0  # for one variant
SHOWN = 3  # contradictions of one operator and claim


def chosen(cases: Iterable[Case], pattern: str) -> Iterator[Variant]:
    """The variants whose name is like `pattern`, as in "test_conv_*" or "*/tokens/*"."""
    return (variant for case in cases for variant in variants_of(case) if fnmatch(variant.name, pattern))


def verdicts(variants: Iterable[Variant]) -> Iterator[tuple[Variant, Verdict]]:
    """What came of each; a crash is a contradiction, too."""
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
    examples: dict[tuple[str, Claim], list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, verdict: Verdict) -> None:
        self.cases.add(verdict.name.partition("/")[0])
        self.counts[verdict.outcome] += 1
        self.counts["contradicted"] += bool(verdict.contradictions)
        self.contradicted[verdict.operator] += bool(verdict.contradictions)
        self.missed[verdict.operator] += bool(verdict.missed)
        self.claims.update({wrong.claim for wrong in verdict.contradictions})
        for wrong in verdict.contradictions:
            self.examples[verdict.operator, wrong.claim].append(f"{verdict.name}: {wrong.detail}")

    def __str__(self) -> str:
        loaded = sum(self.counts[outcome] for outcome in Outcome if outcome is not Outcome.REFUSED)
        lines = [
            f"{len(self.cases)} cases, {loaded} variants that onnxruntime loads: {self.counts[Outcome.ANSWERED]} with an answer; "
            f"{self.counts['contradicted']} contradicted"
        ]
        lines += [f"  {claim}: {count}" for claim, count in self.claims.most_common()]
        lines += self._by_operator("contradicted", self.contradicted)
        lines += self._by_operator("without a period that was seen", self.missed)
        return "\n".join(lines)

    @staticmethod
    def _by_operator(what: str, counts: Counter[str]) -> list[str]:
        found = [f"{operator} {count}" for operator, count in counts.most_common() if count]
        return [f"{what}, by operator: {', '.join(found)}"] if found else []


def run(pattern: str, *, keep: Path | None, tell: Callable[[str], None]) -> Summary:
    """Hold the variants that are like `pattern`; with `keep`, store there the ONNX files of those that are contradicted."""
    summary = Summary()
    for variant, verdict in verdicts(chosen(standard_cases(), pattern)):
        summary.add(verdict)
        for wrong in verdict.contradictions:
            if len(summary.examples[verdict.operator, wrong.claim]) <= SHOWN:
                tell(f"CONTRADICTION {variant.name}: {wrong.claim}: {wrong.detail}")
                tell(f"  reproduce: python -m tests.fuzz --standard '{variant.name}'")
        if verdict.contradictions and keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{variant.name.replace('/', '-')}.onnx").write_bytes(variant.model)
    return summary
