"""The width of a border, as measured with onnxruntime."""

from __future__ import annotations

from math import ceil

import numpy as np

from shiftlint.contract.claims import grid
from shiftlint.contract.values import AxisContract
from shiftlint.verification.subject import Subject, part


def measured_border(
    subject: Subject, output: str, a: AxisContract, size: int
) -> tuple[int, int] | None:
    """Output px at either end of a tile that differ from the whole, the tile lying inside of it;
    None for static sizes.
    """
    if a.period is None or a.step is None or a.sizes is None or a.sizes.max is not None:
        return None
    steps = grid(subject.contract, a.input_axis) // a.period
    hop = ceil((size + a.period) / (steps * a.period)) * steps
    image = subject.draw(subject.sizes(a.input_axis, size + 2 * hop * a.period))
    whole = subject.run(image)[output]
    tile = subject.run(part(image, a.input_axis, hop * a.period, hop * a.period + size))[output]
    length = tile.shape[a.output_axis]
    same = part(whole, a.output_axis, hop * a.step, hop * a.step + length)
    scale = float(np.std(whole, dtype=float)) or 1.0
    apart = np.abs(np.nan_to_num(tile.astype(float) - same)) > 1e-5 * scale
    rows = np.flatnonzero(np.moveaxis(apart, a.output_axis, 0).reshape(length, -1).any(axis=1))
    near, far = rows[rows < length // 2], rows[rows >= length // 2]
    return (int(near.max()) + 1 if len(near) else 0, length - int(far.min()) if len(far) else 0)
