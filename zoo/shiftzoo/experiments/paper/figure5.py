"""Figure 5, Corollaries 4 and 5: a network of valid convolutions on a constant image.

With fixed upsampling nothing distinguishes the px: the output is constant, whatever the weights.
Transposed convolutions give every px of a block its own weights: f^(dl) values, which repeat in the
next block. With primes as weights each value is a product of primes, and by unique factorization no
two are equal.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from numpy.typing import NDArray

from shiftlint.console.whole_files import whole_file
from shiftzoo.experiments.networks_by_hand import Frame, prime_products, random_network
from shiftzoo.experiments.outcome import Outcome, equal, legal_size, opened

SHOWN = Frame(4, 2, 2)
PRIME_FRAMES = (Frame(4, 3, 1), SHOWN, Frame(2, 3, 2), Frame(2, 2, 3))
BLOCKS = 3  # per axis


def on_ones(network: onnx.ModelProto) -> NDArray[np.float32]:
    """The output (C, *space) on an image of ones, at least BLOCKS periods wide."""
    with TemporaryDirectory() as folder:
        model = opened(network, Path(folder))
        size = legal_size(model, BLOCKS * (model.axes()[0].period or 1))
        found: NDArray[np.float32] = model.session.run(
            np.ones((1, 1, *size), np.float32), ("embedding",)
        )["embedding"][0]
    return found


def values_per_block(output: NDArray[np.float32], period: int) -> int:
    """The number of different px (C values each) in one block of `period` px per axis."""
    block = output[(slice(None), *[slice(period)] * (output.ndim - 1))]
    return len(np.unique(block.reshape(len(output), -1), axis=1).T)


def repeats(output: NDArray[np.float32], period: int) -> bool:
    """Whether the output repeats, bit for bit, after `period` px along every axis."""
    return all(
        np.array_equal(
            np.take(output, range(period, n), axis), np.take(output, range(n - period), axis)
        )
        for axis, n in enumerate(output.shape[1:], start=1)
    )


def run(out: Path) -> list[Outcome]:
    """Count the values in a block; draw figure5.png."""
    learned = on_ones(random_network(SHOWN, "learned", channels=8))
    fixed = on_ones(random_network(SHOWN, "fixed", channels=8))
    outcomes = [
        equal(
            "random weights, learned upsampling: values in a block of 16x16 px",
            SHOWN.functions,
            values_per_block(learned, 16),
        ),
        equal(
            "random weights, learned upsampling: the same in every block",
            True,
            repeats(learned, 16),
        ),
        equal(
            "random weights, fixed upsampling: values in the whole output",
            1,
            values_per_block(fixed, min(fixed.shape[1:])),
        ),
    ]
    for frame in PRIME_FRAMES:
        output = on_ones(prime_products(frame))
        name = f"primes, l={frame.levels}, f={frame.factor}, d={frame.dimensions}"
        outcomes.append(
            equal(
                f"{name}: values in a block",
                frame.functions,
                values_per_block(output, frame.period),
            )
        )
        outcomes.append(
            equal(f"{name}: the same in every block", True, repeats(output, frame.period))
        )
        outcomes.append(
            equal(f"{name}: all whole numbers", True, bool((output == np.rint(output)).all()))
        )
    _draw(
        out / "figure5.png",
        {"learned upsampling": learned, "fixed upsampling": fixed},
        on_ones(prime_products(SHOWN)),
    )
    return outcomes


def _draw(path: Path, outputs: dict[str, NDArray[np.float32]], primes: NDArray[np.float32]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.8), layout="constrained")
    shown = {
        **{name: _numbered(output) for name, output in outputs.items()},
        "primes for weights": _numbered(primes),
    }
    for axes, (name, numbers) in zip(figure.subplots(1, 3), shown.items(), strict=True):
        axes.imshow(numbers, cmap="twilight", vmin=0, vmax=256)
        axes.set_title(f"{name}: {numbers.max() + 1} value{'s' if numbers.max() else ''}")
        axes.set_xticks(range(0, numbers.shape[1] + 1, 16))
        axes.set_yticks(range(0, numbers.shape[0] + 1, 16))
    with whole_file(path) as draft:
        figure.savefig(draft, dpi=110)


def _numbered(output: NDArray[np.float32]) -> NDArray[np.intp]:
    """Every px by the number of its value."""
    _, number = np.unique(output.reshape(len(output), -1), axis=1, return_inverse=True)
    return np.asarray(number.reshape(output.shape[1:])[:48, :48])
