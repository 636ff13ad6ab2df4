"""What the benchmarks measure, each case in a process of its own: `python -m tests.benchmarks.cases CASE JSON`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shiftrun.report import peak_memory_bytes

Figures = dict[str, Any]
PEERS = {"monai": "monai"}  # case: the package that it needs
SAMPLE = Path(__file__).parents[2] / "zoo" / "samples" / "nuclei.tif"
BAD = 1e-3  # a px is bad if it is off by more, in standard deviations of the output


@contextmanager
def measuring(figures: Figures) -> Iterator[None]:
    """Add seconds, CPU seconds and the peak memory of the process."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    figures["seconds"] = round(time.perf_counter() - wall, 2)
    figures["CPU s"] = round(time.process_time() - cpu, 2)
    figures["peak MB"] = round((peak_memory_bytes() or 0) / 1e6)


def picture(size: int) -> NDArray[np.uint16]:
    """The sample of the zoo, mirrored until it fills `size` px, with a little noise."""
    from shiftrun.images import read_pixels

    sample = read_pixels(SAMPLE).astype(np.uint16)
    tile = np.block([[sample, sample[:, ::-1]], [sample[::-1], sample[::-1, ::-1]]])
    repeats = [-(-size // length) for length in tile.shape]
    return np.tile(tile, repeats)[:size, :size] + np.random.default_rng(0).integers(0, 3, (size, size)).astype(np.uint16)


def compared(found: NDArray[np.float32], options: dict[str, Any]) -> Figures:
    """Differences to the whole image, which the case "whole" has left in a file."""
    whole = np.load(options["reference"])
    difference = np.abs(found - whole) / whole.std()
    return {"max abs": float(f"{difference.max():.2g}"), "bad %": round(float((difference.max(0) > BAD).mean()) * 100, 2)}


def prepared(options: dict[str, Any]) -> tuple[Any, NDArray[np.float32]]:
    """The model, and the image padded and normalized for one run."""
    from shiftrun.arrays import MemoryArray
    from shiftrun.model import INSTANCE_OUTPUTS
    from shiftrun.models import open_model
    from shiftrun.plan import whole_plan
    from shiftrun.source import padding_index

    model = open_model(options["model"], device="cpu", force=True)
    image = picture(options["size"])
    plan = whole_plan(image.shape, model.axes(INSTANCE_OUTPUTS))
    source = model.source(MemoryArray(image[None]))
    return model, source.window(tuple(slice(0, size) for size in plan.read_shape), padding_index(plan))


def whole(options: dict[str, Any]) -> Figures:
    """onnxruntime, whole image"""
    import onnxruntime

    _, padded = prepared(options)
    session = onnxruntime.InferenceSession(options["model"], providers=["CPUExecutionProvider"])
    figures: Figures = {}
    with measuring(figures):
        found = session.run(["embedding", "foreground"], {session.get_inputs()[0].name: padded[None]})
    size = options["size"]
    result = np.concatenate([part[0] for part in found])[:, 4 : 4 + size, 4 : 4 + size]
    np.save(options["out"], result)
    return figures


def auto(options: dict[str, Any]) -> Figures:
    """shiftrun --tile auto"""
    from shiftrun.model import INSTANCE_OUTPUTS
    from shiftrun.models import open_model

    model, image = open_model(options["model"], device="cpu", force=True), picture(options["size"])
    figures: Figures = {}
    _ = model.session
    with measuring(figures):
        found = model.predict(image, outputs=INSTANCE_OUTPUTS)
    return figures | compared(np.concatenate([found[name] for name in INSTANCE_OUTPUTS]), options)


def monai(options: dict[str, Any]) -> Figures:
    """MONAI SlidingWindowInferer, window 512, its defaults; each window padded by reflection for the valid network"""
    import torch
    from monai.inferers import SlidingWindowInferer  # type: ignore[attr-defined,unused-ignore]

    model, padded = prepared(options)
    figures: Figures = {}
    inferer = SlidingWindowInferer((512, 512))

    def network(batch: Any) -> Any:
        wide = np.pad(batch.numpy(), ((0, 0), (0, 0), (96, 92), (96, 92)), mode="reflect")
        found = model.session.run(wide, ("embedding", "foreground"))
        joined = np.concatenate([found["embedding"], found["foreground"]], axis=1)
        return torch.from_numpy(joined[..., 4:516, 4:516].copy())

    size = options["size"]
    image = padded[:, 96 : 96 + size, 96 : 96 + size]
    with measuring(figures):
        result = inferer(torch.from_numpy(image[None].copy()), network)
    return figures | compared(np.asarray(result[0]), options)


def segment(options: dict[str, Any]) -> Figures:
    """shiftrun segment, file to file"""
    import tifffile

    from shiftrun.commands import segment_images

    size, folder = options["size"], Path(options["folder"])
    image, labels = folder / f"image{size}.tif", folder / f"labels{size}.tif"
    mapped = tifffile.memmap(image, shape=(size, size), dtype=np.uint16, photometric="minisblack")
    part = picture(min(size, 2048))
    for y in range(0, size, len(part)):
        mapped[y : y + len(part)] = np.tile(part, (1, -(-size // len(part))))[: size - y, :size]
    del mapped
    figures: Figures = {}
    chosen: dict[str, Any] = {"bandwidth": None, "threshold": None, "min_size": None, "tile": "auto", "memory": None}
    flags: dict[str, Any] = {"pad": "reflect", "force": True, "device": "cpu", "normalize": "model", "workers": 1}
    with measuring(figures):
        segment_images(
            model=Path(options["model"]),
            images=(str(image),),
            output=labels,
            preview=None,
            table=None,
            overwrite=True,
            quiet=True,
            say=lambda _: None,
            **chosen,
            **flags,
        )
    report = json.loads(labels.with_suffix(".report.json").read_text(encoding="utf-8"))
    figures["µs/px"] = round(figures["seconds"] / size**2 * 1e6, 2)
    return {"tile": "x".join(map(str, report["plan"]["tile"])), "objects": report["objects"], **figures}


def meanshift(options: dict[str, Any]) -> Figures:
    """Mean shift against scikit-learn"""
    from sklearn.cluster import MeanShift
    from sklearn.metrics import adjusted_rand_score

    from shiftrun.meanshift import mean_shift

    random = np.random.default_rng(0)
    count, dimensions = options["points"], options["dimensions"]
    corners = np.stack(np.meshgrid(*[np.arange(4 if dimensions < 5 else 2)] * dimensions), -1).reshape(-1, dimensions)
    centers = random.permutation(corners)[:50] * 3.0
    centers = centers + random.uniform(-0.5, 0.5, centers.shape)  # nothing lies on or between the cells of either grid by design
    truth = random.integers(0, 50, count)
    points = centers[truth] + random.normal(0, 0.1, (count, dimensions))
    smeared = random.random(count) < options["smeared"]
    way = random.random((count, 1))
    between = centers[truth] * way + centers[random.integers(0, 50, count)] * (1 - way)
    data = np.where(smeared[:, None], between, points).astype(np.float32)
    start = time.perf_counter()
    labels, modes = mean_shift(data, 1.0, min_support=100)
    ours, start = time.perf_counter() - start, time.perf_counter()
    oracle = MeanShift(bandwidth=1.0, bin_seeding=True).fit(data)
    theirs = time.perf_counter() - start
    supported = np.isin(oracle.labels_, np.flatnonzero(np.bincount(oracle.labels_) >= 100)) & (labels >= 0)
    return {
        "points": count,
        "E": dimensions,
        "smeared": options["smeared"],
        "scikit-learn s": round(theirs, 2),
        "shiftrun s": round(ours, 3),
        "times": round(theirs / ours, 1),
        "modes": f"{len(modes)} / {len(oracle.cluster_centers_)}",
        "ARI": round(float(adjusted_rand_score(labels[supported], oracle.labels_[supported])), 4),
        "px left out %": round(100 * float((~supported).mean()), 2),
    }


CASES: dict[str, Callable[[dict[str, Any]], Figures]] = {case.__name__: case for case in (whole, auto, monai, segment, meanshift)}

if __name__ == "__main__":
    print(json.dumps(CASES[sys.argv[1]](json.loads(sys.argv[2]))))
