"""The run report: how a result was made (schemas/run_report.schema.json)."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from importlib.metadata import version
from math import prod
from pathlib import Path
from typing import Any

from shiftlint.console.whole_files import write_atomically
from shiftlint.errors import InputError
from shiftrun.arrays.box import Box
from shiftrun.files.reading.images import Series
from shiftrun.inference.session import runtime_version
from shiftrun.memory.free_memory import peak_memory_bytes
from shiftrun.model.model import Model
from shiftrun.tiles import regions
from shiftrun.tiles.plan import Plan
from shiftschemas import validate

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """Seconds per stage, in the order the stages ran."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the body."""
        start = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 4)


def report_path(output: Path) -> Path:
    """Where the report of `output` is written."""
    return output.with_name(f"{output.stem}.report.json")


def check_report(output: Path, *, overwrite: bool) -> None:
    """Refuse early to replace an earlier report without `overwrite`; InputError."""
    path = report_path(output)
    if path.exists() and not overwrite:
        raise InputError(
            f"report exists ({path}): expected a new file. Choose another output or pass "
            "--overwrite."
        )


def run_report(
    command: str,
    model: Model,
    plan: Plan,
    *,
    series: Series,
    outputs: dict[str, Path],
    settings: dict[str, Any],
    overrides: dict[str, Any],
    seconds: dict[str, float],
    objects: int | None = None,
    region: Box | None = None,
    scales: tuple[Fraction, ...] = (),
    notes: Sequence[str] = (),
    processes: int = 0,
) -> dict[str, Any]:
    """The report of one run, checked against its schema.

    Parameters
    ----------
    command : {"segment", "embed"}
    model, plan
    series : Series
        The images of the file.
    outputs : dict of kind to Path
    settings : dict
        The settings used, from flags or metadata.
    overrides : dict
        The settings where a flag overrides the metadata.
    seconds : dict of stage to s
    objects : int, optional
    region : Box, optional
        The requested part of the result.
    scales : tuple of Fraction
        Px of the result per px of the image, if there is a region.
    notes : sequence of str
        What a reader of the result must know about this image.
    processes : int
        The number of processes started to label windows.
    """
    image = series.image((0,) * len(series.axes))
    report = {
        "schema_version": SCHEMA_VERSION,
        "command": command,
        "model": {
            "path": str(model.path),
            "sha256": model.sha256,
            "graph_sha256": model.contract.model.graph_sha256,
            "contract": model.contract_source,
        },
        "image": {
            "path": str(image.path),
            "shape": list(image.shape),
            "dtype": str(image.dtype),
            "series": dict(zip(series.axes, series.shape, strict=True)),
            "px": {
                name.lower(): {"size": size, "unit": unit}
                for name, (size, unit) in series.calibration.lengths.items()
            },
        },
        "region": None if region is None else [[part.start, part.stop] for part in region],
        "outputs": {kind: str(path) for kind, path in outputs.items()},
        "settings": settings,
        "overrides": overrides,
        "plan": plan.to_json()
        | ({} if region is None else {"halo_waste": round(regions.region_waste(plan, scales), 4)}),
        "provider": model.provider,
        "check": None if model.check is None else model.check.take(plan),
        "versions": {
            "shiftlint": version("shiftlint"),
            "onnxruntime": runtime_version(),
            "numpy": version("numpy"),
            "python": sys.version.split()[0],
        },
        "seconds": seconds,
        "peak_memory_bytes": peak_memory_bytes(processes),
        "objects": objects,
        "warnings": [*notes, *warnings_of(model, plan)],
    }
    validate(report, "run_report", where="run report")
    return report


def warnings_of(model: Model, plan: Plan) -> list[str]:
    """The warnings that a reader of the result must know."""
    found = [f"not exact, stitched by --force: {finding}" for finding in plan.findings]
    if plan.exact:
        found += [
            f"equal to the whole image up to rounding only: {reason}" for reason in plan.rounding
        ]
    if model.contract_source == "computed":
        found.append("the model has no stored contract: it was analyzed for this run")
    if model.contract_source.startswith("recomputed"):
        found.append("SL602 the model's stored contract is stale: --force used the computed one")
    if model.budget.on_cuda and model.budget.limit_bytes is None:
        found.append(
            "the free memory of the CUDA device is unknown, so the first tiles may be too large: "
            'install nvidia-ml-py (pip install "shiftlint[gpu]"), or pass --memory'
        )
    return found


def write_report(output: Path, report: dict[str, Any]) -> Path:
    """Write the report next to `output`; returns its path."""
    path = report_path(output)
    write_atomically(path, (json.dumps(report, indent=1) + "\n").encode())
    return path


def summary(
    what: str, series: Series, plan: Plan, watch: Stopwatch, paths: list[Path], warnings: list[str]
) -> str:
    """The summary line of a run, and a line per warning."""
    tiles = (
        f"{plan.tile_count} tile{'s' if plan.tile_count > 1 else ''} of "
        f"{'x'.join(map(str, plan.tile_shape))}"
    )
    if series.axes:
        count = prod(series.shape)
        tiles = f"{count} image{'s' if count > 1 else ''} along {series.axes}, each of {tiles}"
    line = f"{what}, {tiles}, {sum(watch.seconds.values()):.1f} s: {', '.join(map(str, paths))}"
    return "\n".join([line, *(f"warning: {warning}" for warning in warnings)])
