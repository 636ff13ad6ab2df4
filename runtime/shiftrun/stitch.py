"""Executing a plan: pad once, then read, run, keep and write tile by tile. No blending, no counting: each px is written once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from shiftlint.contract import OutputContract
from shiftlint.errors import InputError
from shiftrun.plan import Plan

Progress = Callable[[int, int], None]  # tiles done, tiles in all; raise from it to cancel


class Network(Protocol):
    """What runs a batch: `session.Session`, or a function in a test."""

    def run(self, batch: NDArray[np.float32], outputs: tuple[str, ...] | None = None) -> Mapping[str, NDArray[Any]]:
        """Return the named outputs of one batch of size 1."""
        ...


def predict(
    network: Network,
    image: NDArray[np.float32],
    plan: Plan,
    outputs: tuple[OutputContract, ...],
    progress: Progress | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Run `network` on `image` by `plan`.

    Parameters
    ----------
    network : Network
    image : array (C, *space) of float32, normalized
    plan : Plan
        For this image's shape.
    outputs : tuple of OutputContract
        The outputs to compute; their axes say where the spatial axes lie in the network's tensors.
    progress : callable (done, total), optional
        Called after every tile.

    Returns
    -------
    dict of name to array (C', *plan.output_shape) of float32

    Raises
    ------
    InputError
        The network fails, or an output is not of the size that its contract says.
    """
    padded = pad_image(image, plan)
    input_axes = [axis.input_axis for axis in outputs[0].axes]
    names = tuple(output.name for output in outputs)
    results: dict[str, NDArray[np.float32]] = {}
    for done, tile in enumerate(plan.tiles(), start=1):
        batch = padded[(slice(None), *tile.read)][None]  # (1, C, *space)
        found = network.run(np.moveaxis(batch, range(2, batch.ndim), input_axes), names)
        for output in outputs:
            values = channels_first(found[output.name], [axis.output_axis for axis in output.axes])
            if any(size < box.stop for size, box in zip(values.shape[1:], tile.keep, strict=True)):
                got = "x".join(map(str, values.shape[1:]))
                raise InputError(
                    f"output size ({output.name}): expected {'x'.join(str(box.stop) for box in tile.keep)} px or more from a read "
                    f"of {'x'.join(map(str, plan.read_shape))}, got {got}. The contract does not fit: run shiftlint verify."
                )
            if output.name not in results:
                results[output.name] = np.empty((values.shape[0], *plan.output_shape), dtype=np.float32)
            results[output.name][(slice(None), *tile.write)] = values[(slice(None), *tile.keep)]
        if progress is not None:
            progress(done, plan.tile_count)
    return results


def pad_image(image: NDArray[np.float32], plan: Plan) -> NDArray[np.float32]:
    """Pad `image` (C, *space) as the plan says; with `pad="none"` what is filled in reaches no result."""
    if all(pair == (0, 0) for pair in plan.padding):
        return image
    mode: Any = "constant" if plan.pad == "none" else plan.pad
    return np.pad(image, ((0, 0), *plan.padding), mode=mode)


def channels_first(values: NDArray[Any], output_axes: list[int]) -> NDArray[Any]:
    """Bring an output of batch size 1 to (C', *space), wherever its axes lie; without a channel axis C' is 1."""
    space = len(output_axes)
    moved = np.moveaxis(values, output_axes, range(values.ndim - space, values.ndim))
    return moved.reshape(-1, *moved.shape[values.ndim - space :])
