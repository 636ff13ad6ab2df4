"""Lemma 1, Corollaries 1 and 2: a U-Net of l poolings by f has exactly f^(dl) output functions.

d is the number of dimensions. The network of part I (identity convolutions, max pooling, fixed
upsampling) gives at every px the maximum of its block of f^l px. On an image that increases along
every axis (Eq. 3) this is the last px of the block, at a different distance from each of the f^(dl)
places in the block. To evaluate all functions at the same px of the same image, the image is
cropped at a different px each time.
"""

from __future__ import annotations

from math import gcd, prod
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from shiftlint.console.whole_files import whole_file
from shiftrun.model.open_model import Model
from shiftzoo.experiments.networks_by_hand import Frame, block_maximum, diagonal_image
from shiftzoo.experiments.outcome import Outcome, equal, legal_size, opened

FRAMES = (Frame(4, 2, 1), Frame(2, 3, 1), Frame(3, 2, 2), Frame(2, 3, 2), Frame(2, 2, 3))
SHOWN = Frame(3, 2, 2)
# px between objects; above 2·f^l, so that the block of an object's center is inside its own cell
SPACINGS = range(17, 34)


def answers(model: Model, shifts: int) -> NDArray[np.float32]:
    """The values of the output functions at one px of an image, cropped at all shifts.

    The crops begin at 0 … `shifts` - 1 px along every axis.

    Returns
    -------
    array (shifts, …) of float32, one axis per spatial axis
    """
    size = legal_size(model, shifts)
    scope = (shifts,) * len(size)
    image = diagonal_image(tuple(n + shifts for n in size))
    crops = [
        image[tuple(slice(s, s + n) for s, n in zip(shift, size, strict=True))]
        for shift in np.ndindex(*scope)
    ]
    outputs = model.session.run(np.stack(crops)[:, None], ("embedding",))["embedding"][:, 0]
    same_px = [tuple(shifts - 1 - s for s in shift) for shift in np.ndindex(*scope)]
    return np.array(
        [output[px] for output, px in zip(outputs, same_px, strict=True)], np.float32
    ).reshape(scope)


def objects_apart(model: Model, spacing: int) -> int:
    """Count the equal objects, `spacing` px apart on every axis, with their own output."""
    axes = model.axes()
    objects = model.axes()[0].period or 1  # per axis: from here on the output functions repeat
    size = legal_size(model, spacing * (objects + 1))
    cells = np.tile(diagonal_image((spacing,) * len(axes)), tuple(-(-n // spacing) for n in size))
    output = model.session.run(cells[tuple(slice(n) for n in size)][None, None], ("embedding",))[
        "embedding"
    ][0, 0]
    # the first start of a cell in the output
    first = [-(-axis.origin // spacing) * spacing - axis.origin for axis in axes]
    centers = [start + spacing // 2 + spacing * np.arange(objects) for start in first]
    return len(np.unique(output[np.ix_(*centers)]))


def run(out: Path) -> list[Outcome]:
    """Count output functions and distinguishable objects; draw lemma1.png."""
    outcomes = []
    for frame in FRAMES:
        with TemporaryDirectory() as folder:
            model = opened(block_maximum(frame), Path(folder))
            name = f"l={frame.levels}, f={frame.factor}, d={frame.dimensions}"
            claimed = prod(axis.period or 0 for axis in model.axes())
            found = answers(model, 2 * frame.period)
            outcomes.append(
                equal(f"{name}: product of the periods in the contract", frame.functions, claimed)
            )
            outcomes.append(
                equal(
                    f"{name}: relative-distinct output functions",
                    frame.functions,
                    len(np.unique(found)),
                )
            )
            if frame == SHOWN:
                apart = {spacing: objects_apart(model, spacing) for spacing in SPACINGS}
                _draw(out / "lemma1.png", frame, found, apart)
                for spacing in (24, 20, 17):
                    expected = (frame.period // gcd(frame.period, spacing)) ** frame.dimensions
                    outcomes.append(
                        equal(
                            f"{name}: objects apart at spacing {spacing}", expected, apart[spacing]
                        )
                    )
    return outcomes


def _draw(path: Path, frame: Frame, found: NDArray[np.float32], apart: dict[int, int]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.9))
    left.imshow(np.unique(found, return_inverse=True)[1].reshape(found.shape), cmap="twilight")
    left.set_title(f"one px, {found.size} crops: {len(np.unique(found))} answers")
    left.set_xlabel("image cropped at x, px")
    left.set_ylabel("image cropped at y, px")
    spacing = np.array(list(apart))
    right.bar(spacing, list(apart.values()), color="#4477aa")
    right.axhline(frame.functions, color="black", linestyle=":")
    right.set_xticks(spacing)
    right.set_xlabel("spacing of equal objects, px")
    right.set_title(f"objects with an output of their own, of at most {frame.functions}")
    with whole_file(path) as draft:
        figure.savefig(draft, dpi=110)
