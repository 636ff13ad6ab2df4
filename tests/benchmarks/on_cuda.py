"""Tiles on a CUDA device."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from shiftrun.inference.session import start_session
from shiftrun.model.model import INSTANCE_OUTPUTS, TileWish
from shiftrun.model.open_model import open_model
from tests.benchmarks.pictures import picture


def rows_of(path: Path, size: int, tiles: tuple[int, ...]) -> list[dict[str, Any]]:
    """How long tiles take if image and outputs stay on the device, and from array to array of the
    host: a row for each.
    """
    pixels, rows = picture(size), []
    exact: dict[str, NDArray[np.float32]] = {}
    for precision in ("exact", "tf32", "fp16"):
        model = open_model(path, device="cuda", precision=precision, force=True)
        sizes: list[TileWish] = [*tiles, "auto"]
        for tile in sizes:
            plan = model.plan(pixels.shape, tile=tile, outputs=INSTANCE_OUTPUTS)
            found = model.predict(pixels, tile=tile, outputs=INSTANCE_OUTPUTS)
            exact = exact or found
            seconds = []
            for _ in range(5):
                start = time.perf_counter()
                model.predict(pixels, tile=tile, outputs=INSTANCE_OUTPUTS, out=found)
                seconds.append(time.perf_counter() - start)
            resident = plan.tile_count * resident_seconds(path, precision, plan.read_shape)
            off = max(float(np.abs(found[name] - exact[name]).max()) for name in INSTANCE_OUTPUTS)
            rows.append(
                {
                    "precision": precision,
                    "tile": f"{tile}: {plan.tile_shape[0]}" if tile == "auto" else tile,
                    "on the device, Mpx/s": round(pixels.size / resident / 1e6, 1),
                    "host to host, Mpx/s": round(pixels.size / sorted(seconds)[2] / 1e6, 1),
                    "share": round(resident / sorted(seconds)[2], 2),
                    "max abs": float(f"{off:.2g}"),
                }
            )
    return rows


def resident_seconds(path: Path, precision: str, read: tuple[int, ...]) -> float:
    """The time of one tile whose input and outputs lie on the device: the mean over half a
    second.
    """
    session = start_session(path, "cuda", precision=precision)
    pixels = np.random.default_rng(0).normal(0, 1, (1, 1, *read)).astype(np.float32)
    name = session.get_inputs()[0].name
    binding = session.io_binding()
    binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(pixels, "cuda", 0))
    for output, values in zip(
        INSTANCE_OUTPUTS, session.run(INSTANCE_OUTPUTS, {name: pixels}), strict=True
    ):
        kept = onnxruntime.OrtValue.ortvalue_from_shape_and_type(
            values.shape, values.dtype.type, "cuda", 0
        )
        binding.bind_ortvalue_output(output, kept)
    session.run_with_iobinding(binding)
    start, runs = time.perf_counter(), 0
    while time.perf_counter() - start < 0.5:
        session.run_with_iobinding(binding)
        runs += 1
    return (time.perf_counter() - start) / runs
