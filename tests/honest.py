"""Whether a run in tiles is honest: it gives the whole-image result, as its plan promises."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftlint.contract.values import AxisContract
from shiftlint.verification.subject import gaps
from shiftrun.tiles.plan import Plan

ROUNDED = 1e-4  # of a standard deviation: what a plan that is not `bitwise` allows
FLOAT32 = float(np.finfo(np.float32).eps)


def dishonest(
    plan: Plan,
    axes: tuple[AxisContract, ...],
    found: NDArray[Any],
    whole: NDArray[Any],
    *,
    rounded: float = ROUNDED,
    jumping: float = 0.0,
) -> str | None:
    """What is wrong with a result in tiles, (C, *space) as the whole image's; None where it is as
    the plan says.

    Of a plan that is not `bitwise` px may differ by `rounded` standard deviations, and a share of
    `jumping` by any amount.

    A coordinate of interpolation is known to float32: at n px it is wrong by up to n·eps, and the
    interpolated value by as much of the difference between two px. Where the contract says that
    weights depend on the place, this is allowed, too.
    """
    if found.shape != whole.shape:
        return f"{found.shape} where the whole image gives {whole.shape}"
    apart = gaps(found, whole)
    if not apart.any():
        return None
    px = max(
        (
            plan_axis.output_px
            for plan_axis, axis in zip(plan.axes, axes, strict=True)
            if not axis.bitwise
        ),
        default=0,
    )
    allowed = (
        0.0 if plan.bitwise else max(rounded * deviation(whole), px * FLOAT32 * _steepest(whole))
    )
    if (apart > allowed).mean() <= (0.0 if plan.bitwise else jumping):
        return None
    return (
        f"{(apart > 0).mean():.2%} of the px differ, by up to {apart.max():.3g} where "
        f"{allowed:.3g} is allowed"
    )


def deviation(values: NDArray[Any]) -> float:
    """The standard deviation of the finite values."""
    finite = values[np.isfinite(values)].astype(float)
    return float(finite.std()) if finite.size else 0.0


def _steepest(values: NDArray[Any]) -> float:
    """The largest difference between neighbors."""
    finite = np.where(np.isfinite(values), values, 0.0).astype(float)
    steps = [np.abs(np.diff(finite, axis=axis)).max(initial=0.0) for axis in range(1, values.ndim)]
    return float(max(steps, default=0.0))
