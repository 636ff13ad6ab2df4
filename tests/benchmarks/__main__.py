"""The benchmarks of shiftrun as Markdown tables.

`python -m tests.benchmarks MODEL [--size 2048] [--scaling 2048,4096]`.

Each row runs in its own process, one after the other, and has its own peak memory; wall time, CPU
time and peak are those of the whole process except the imports. Peers that are not installed are
omitted, with a note.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import onnxruntime

from tests.benchmarks.cases import CASES, PEERS
from tests.benchmarks.on_cuda import rows_of

TABLES = ("tiling", "scaling", "meanshift", "cuda")
CUDA_PX, CUDA_TILES = 4096, (2048, 1024, 512, 144)
PATH = click.Path(path_type=Path, exists=True)


def measured(case: str, **options: Any) -> dict[str, Any]:
    """Run one case of `cases.py` in a new process; its figures, or {"error": …}."""
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.cases",
        case,
        json.dumps(options, default=str),
    ]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        return {"error": (found.stderr.strip().splitlines() or ["failed"])[-1][:80]}
    result: dict[str, Any] = json.loads(found.stdout.splitlines()[-1])
    return result


def installed(peer: str) -> bool:
    """Whether the package of a peer is installed."""
    try:
        return find_spec(PEERS[peer]) is not None
    except ModuleNotFoundError:  # the package that it is a part of
        return False


def table(rows: list[dict[str, Any]]) -> str:
    """Rows with equal keys as a markdown table."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    lines = [keys, ["---"] * len(keys), *([str(row.get(key, "")) for key in keys] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def tiling(model: Path, size: int, folder: Path) -> str:
    """One network and image: the whole image at once, shiftrun, and the peers that are
    installed.
    """
    rows: list[dict[str, Any]] = []
    for case in ("whole", "auto", *(peer for peer in PEERS if installed(peer))):
        found = measured(
            case, model=model, size=size, out=folder / f"{case}.npy", reference=folder / "whole.npy"
        )
        first = rows[0] if rows else found
        if "seconds" in found and "seconds" in first:
            found["times whole"] = round(found["seconds"] / first["seconds"], 2)
            found["memory of whole"] = round(found["peak MB"] / first["peak MB"], 2)
        rows.append({"runner": CASES[case].__doc__, **found})
    missing = [peer for peer in PEERS if not installed(peer)]
    return table(rows) + (
        f"\n\nnot installed, not measured: {', '.join(missing)}" if missing else ""
    )


@click.command()
@click.argument("model", type=PATH)
@click.option("--size", default=2048, show_default=True, help="Px along y and x of the image.")
@click.option(
    "--scaling", default="2048,4096", show_default=True, help="Sizes for the scaling of segment."
)
@click.option(
    "--only",
    type=click.Choice(TABLES),
    multiple=True,
    help="Default: all, and cuda where there is a device.",
)
def main(model: Path, size: int, scaling: str, only: tuple[str, ...]) -> None:
    """Print tables: whole image against tiles, scaling with size, mean shift against scikit-learn,
    tiles on CUDA.
    """
    wanted = only or (
        TABLES if "CUDAExecutionProvider" in onnxruntime.get_available_providers() else TABLES[:3]
    )
    with TemporaryDirectory() as folder:
        if "tiling" in wanted:
            click.echo(f"\n## Network on {size}x{size}\n\n{tiling(model, size, Path(folder))}")
        if "scaling" in wanted:
            sizes = [int(text) for text in scaling.split(",")]
            rows = []
            for n in sizes:
                measured("image", size=n, folder=folder)
                rows.append(
                    {"px": f"{n}x{n}", **measured("segment", model=model, size=n, folder=folder)}
                )
            click.echo(f"\n## segment, by image size\n\n{table(rows)}")
    if "meanshift" in wanted:
        rows = [
            measured("meanshift", points=n, dimensions=e, centers=c, smeared=s)
            for n, e, c, s in MEAN_SHIFT
        ]
        click.echo(f"\n## Mean shift, 50 clusters\n\n{table(rows)}")
    if "cuda" in wanted:
        click.echo(
            "\n## Tiles on CUDA, "
            f"{CUDA_PX}x{CUDA_PX}\n\n{table(rows_of(model, CUDA_PX, CUDA_TILES))}"
        )


MEAN_SHIFT = (
    (65536, 3, "random", 0.0),
    (262144, 3, "random", 0.0),
    (65536, 8, "random", 0.0),
    (262144, 8, "random", 0.0),
    (262144, 8, "lattice", 0.0),
    (65536, 8, "random", 0.1),
    (262144, 8, "random", 0.1),
)

if __name__ == "__main__":
    main()
