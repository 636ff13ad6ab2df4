"""The experiments by figure; each module has `run(out) -> list[Outcome]`, imported on first use.

Modules with trained networks list them in `CASES` and have `run(out, networks)`, where `networks`
is the folder of the ONNX files.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from shiftlint.errors import InputError
from shiftrun.progress import Progress

if TYPE_CHECKING:
    from shiftzoo.experiments.outcome import Experiment, Outcome

FIGURES = (
    "lemma1",
    "figure2",
    "figure4",
    "figure4d",
    "figure5",
    "supplementary2",
    "supplementary3",
    "section5",
)  # modules of `paper`


def reproduce(
    figure: str, out: Path, *, train: bool = False, progress: Progress | None = None
) -> list[Outcome]:
    """Run one experiment; write its picture and the counts (FIGURE.json) to the folder `out`.

    Parameters
    ----------
    train : bool
        Retrain its networks, into out/networks; otherwise use those of the package.
    progress : callable (networks trained, total), optional

    Raises
    ------
    InputError
        matplotlib is missing, or the folder cannot be written.
    """
    try:
        import matplotlib  # noqa: F401  # checked here, used by the experiments
    except ImportError as error:
        raise InputError(
            "matplotlib is not installed: expected it for the figures. Install it: pip install "
            '"shiftlint[cpu,train]".'
        ) from error
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot write ({out}): expected a folder, got: {error.strerror}."
        ) from error
    from shiftzoo.experiments.outcome import write_outcomes

    module = import_module(f"shiftzoo.experiments.paper.{figure}")
    run: Experiment = module.run
    if cases := getattr(module, "CASES", ()):
        from shiftzoo.experiments.networks_trained import CARRIED, train_all

        run = partial(module.run, networks=out / "networks" if train else CARRIED)
        if train:
            train_all(cases, out / "networks", progress)
    outcomes = run(out)
    write_outcomes(out / f"{figure}.json", outcomes)
    return outcomes
