"""Which experiment draws which figure; each module has `run(out) -> list[Outcome]` and is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from shiftlint.errors import InputError

if TYPE_CHECKING:
    from shiftzoo.experiments.outcome import Experiment, Outcome

MODULES = {
    "lemma1": "lemma1",
    "figure4d": "seams",
    "figure5": "constant_image",
    "supplementary2": "zero_padding",
    "section5": "truncated_resnet",
}


def reproduce(figure: str, out: Path) -> list[Outcome]:
    """Run one experiment; write its picture and FIGURE.json with the counts into the folder `out`.

    Raises
    ------
    InputError
        matplotlib is missing, or the folder cannot be written.
    """
    try:
        import matplotlib  # noqa: F401  # asked for here, used by the experiments
    except ImportError as error:
        raise InputError(
            'matplotlib is not installed: expected it for the figures. Install it: pip install "shiftlint[cpu,train]".'
        ) from error
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write ({out}): expected a folder, got: {error.strerror}.") from error
    from shiftzoo.experiments.outcome import write_outcomes

    run: Experiment = import_module(f"shiftzoo.experiments.{MODULES[figure]}").run
    outcomes = run(out)
    write_outcomes(out / f"{figure}.json", outcomes)
    return outcomes
