"""The cases of the benchmarks, one process each: `python -m tests.benchmarks.cases CASE JSON`."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from shiftrun.memory.free_memory import peak_memory_bytes
from tests.benchmarks.pictures import picture

Figures = dict[str, Any]
PEERS = {
    "monai": "monai",
    "torchio": "torchio",
    "bioimageio": "bioimageio.core",
}  # case: the package that it needs
CLUSTERS, SUPPORT = 50, 100
BAD = 1e-3  # a px is bad if it is off by more, in standard deviations of the output


@contextmanager
def measuring(figures: Figures) -> Iterator[None]:
    """Add seconds, CPU seconds and the peak memory of the process.

    "peak MB" is what the system counts (resident, with pages of files that are mapped), "own MB"
    the most of it that is the process's own (not shared, looked at every 10 ms; Linux only).
    """
    stop, largest = threading.Event(), [0]

    def look() -> None:
        process = psutil.Process()
        while psutil.LINUX:
            memory = process.memory_info()
            largest[0] = max(largest[0], memory.rss - memory.shared)
            if stop.wait(0.01):
                return

    looking = threading.Thread(target=look, daemon=True)
    wall, cpu = time.perf_counter(), time.process_time()
    looking.start()
    try:
        yield
    finally:
        stop.set()
        looking.join()
    figures["seconds"] = round(time.perf_counter() - wall, 2)
    figures["CPU s"] = round(time.process_time() - cpu, 2)
    figures["peak MB"] = round((peak_memory_bytes() or 0) / 1e6)
    figures["own MB"] = round(largest[0] / 1e6)


def compared(found: NDArray[np.float32], options: dict[str, Any]) -> Figures:
    """Differences to the whole image, which the case "whole" has left in a file."""
    whole = np.load(options["reference"])
    difference = np.abs(found - whole) / whole.std()
    return {
        "max abs": float(f"{difference.max():.2g}"),
        "bad %": round(float((difference.max(0) > BAD).mean()) * 100, 2),
    }


def prepared(options: dict[str, Any]) -> tuple[Any, NDArray[np.float32]]:
    """The model, and the image padded and normalized for one run."""
    from shiftrun.arrays.readers import ArrayReader
    from shiftrun.inference.network_input import padding_index
    from shiftrun.model.model import INSTANCE_OUTPUTS
    from shiftrun.model.open_model import open_model
    from shiftrun.tiles.plan import whole_plan

    model = open_model(options["model"], device="cpu", force=True)
    image = picture(options["size"])
    plan = whole_plan(image.shape, model.axes(INSTANCE_OUTPUTS))
    source = model.source(ArrayReader(image[None]))
    return model, source.window(
        tuple(slice(0, size) for size in plan.read_shape), padding_index(plan)
    )


def whole(options: dict[str, Any]) -> Figures:
    """onnxruntime, whole image"""
    import onnxruntime

    _, padded = prepared(options)
    session = onnxruntime.InferenceSession(options["model"], providers=["CPUExecutionProvider"])
    figures: Figures = {}
    with measuring(figures):
        found = session.run(
            ["embedding", "foreground"], {session.get_inputs()[0].name: padded[None]}
        )
    size = options["size"]
    result = np.concatenate([part[0] for part in found])[:, 4 : 4 + size, 4 : 4 + size]
    np.save(options["out"], result)
    return figures


def auto(options: dict[str, Any]) -> Figures:
    """shiftrun --tile auto"""
    from shiftrun.model.model import INSTANCE_OUTPUTS
    from shiftrun.model.open_model import open_model

    model, image = open_model(options["model"], device="cpu", force=True), picture(options["size"])
    figures: Figures = {}
    _ = model.session
    with measuring(figures):
        found = model.predict(image, outputs=INSTANCE_OUTPUTS)
    return figures | compared(np.concatenate([found[name] for name in INSTANCE_OUTPUTS]), options)


def same_size(model: Any) -> Callable[[Any], Any]:
    """The valid network as most runners want one: each window (N, 1, Y, X) padded by reflection, so
    that as many px come out.
    """
    import torch

    def network(batch: Any) -> Any:
        wide = np.pad(batch.numpy(), ((0, 0), (0, 0), (96, 92), (96, 92)), mode="reflect")
        found = model.session.run(wide, ("embedding", "foreground"))
        joined = np.concatenate([found["embedding"], found["foreground"]], axis=1)
        return torch.from_numpy(
            joined[..., 4 : 4 + batch.shape[-2], 4 : 4 + batch.shape[-1]].copy()
        )

    return network


def monai(options: dict[str, Any]) -> Figures:
    """MONAI SlidingWindowInferer, window 512, its defaults (overlap 0.25)"""
    import torch
    from monai.inferers import SlidingWindowInferer  # type: ignore[attr-defined,unused-ignore]

    model, padded = prepared(options)
    inferer, network, size = SlidingWindowInferer((512, 512)), same_size(model), options["size"]
    pixels = torch.from_numpy(padded[None, :, 96 : 96 + size, 96 : 96 + size].copy())
    figures: Figures = {}
    with measuring(figures):
        result = inferer(pixels, network)
    return figures | compared(np.asarray(result[0]), options)


def torchio(options: dict[str, Any]) -> Figures:
    """torchio GridSampler, window 512, overlap 192, cropped: period and halo known by hand"""
    import torch
    import torchio as tio  # type: ignore[import-not-found,unused-ignore]

    model, padded = prepared(options)
    network, size = same_size(model), options["size"]
    pixels = torch.from_numpy(padded[:, 96 : 96 + size, 96 : 96 + size, None].copy())
    figures: Figures = {}
    with measuring(figures):
        sampler = tio.GridSampler(
            tio.Subject(image=tio.ScalarImage(tensor=pixels)), (512, 512, 1), (192, 192, 0)
        )
        aggregator = tio.GridAggregator(sampler, overlap_mode="crop")
        for patch in sampler:
            found = network(patch["image"][tio.DATA][None, ..., 0])
            aggregator.add_batch(found[..., None], patch[tio.LOCATION][None])
        result = aggregator.get_output_tensor()
    return figures | compared(np.asarray(result[..., 0]), options)


def bioimageio(options: dict[str, Any]) -> Figures:
    """bioimageio.core, blocks of 512, halo 96, network wrapped: period and halo known by hand"""
    from tests.benchmarks.blockwise import HALO, STEP, blocks_of, pipeline

    _, padded = prepared(options)
    size, fill = options["size"], [(0, 0), *((0, -length % STEP) for length in padded.shape[1:])]
    pixels = np.pad(padded, fill, mode="edge")
    figures: Figures = {}
    with TemporaryDirectory() as folder:
        name, ready = pipeline(Path(folder), Path(options["model"]))
        with measuring(figures):
            result = blocks_of(name, ready, pixels)
    return figures | compared(result[:, HALO : HALO + size, HALO : HALO + size], options)


def image(options: dict[str, Any]) -> Figures:
    """The image of the case "segment", in a file"""
    import tifffile

    size, path = options["size"], Path(options["folder"]) / f"image{options['size']}.tif"
    mapped = tifffile.memmap(path, shape=(size, size), dtype=np.uint16, photometric="minisblack")
    part = picture(min(size, 2048))
    for y in range(0, size, len(part)):
        mapped[y : y + len(part)] = np.tile(part, (1, -(-size // len(part))))[: size - y, :size]
    return {}


def segment(options: dict[str, Any]) -> Figures:
    """shiftrun segment, file to file"""
    from shiftrun.commands.segment import segment_images
    from shiftrun.tiles.label_grid import GRIDS

    size, folder = options["size"], Path(options["folder"])
    labels = folder / f"labels{size}.tif"
    figures: Figures = {}
    settings: dict[str, Any] = {
        "force": True,
        "device": "cpu",
        "overwrite": True,
        "quiet": True,
        "say": lambda _: None,
    }
    with measuring(figures):
        segment_images(
            model=Path(options["model"]),
            images=(str(folder / f"image{size}.tif"),),
            output=labels,
            **settings,
        )
    report = json.loads(labels.with_suffix(".report.json").read_text(encoding="utf-8"))
    figures["CPU µs/px"] = round(figures["CPU s"] / size**2 * 1e6, 3)
    if size <= GRIDS[2].single:  # else they overlap, and one waits for the other
        figures["cluster / predict"] = round(
            report["seconds"]["cluster"] / report["seconds"]["predict"], 2
        )
    return {
        "tile": "x".join(map(str, report["plan"]["tile"])),
        "objects": report["objects"],
        **figures,
    }


def meanshift(options: dict[str, Any]) -> Figures:
    """Mean shift against scikit-learn"""
    from sklearn.cluster import MeanShift
    from sklearn.metrics import adjusted_rand_score

    from shiftrun.clustering.mean_shift.mean_shift import mean_shift

    random = np.random.default_rng(0)
    count, dimensions = options["points"], options["dimensions"]
    centers = centers_of(options["centers"], dimensions, random)
    truth = random.integers(0, CLUSTERS, count)
    points = centers[truth] + random.normal(0, 0.1, (count, dimensions))
    smeared = random.random(count) < options["smeared"]
    way = random.random((count, 1))
    between = centers[truth] * way + centers[random.integers(0, CLUSTERS, count)] * (1 - way)
    data = np.where(smeared[:, None], between, points).astype(np.float32)
    ours = []
    for _ in range(3):
        start = time.perf_counter()
        labels, modes = mean_shift(data, 1.0, min_support=SUPPORT, cluster_all=True)
        ours.append(time.perf_counter() - start)
    start = time.perf_counter()
    oracle = MeanShift(bandwidth=1.0, bin_seeding=True).fit(data)
    theirs = time.perf_counter() - start
    supported = np.isin(oracle.labels_, np.flatnonzero(np.bincount(oracle.labels_) >= SUPPORT))
    return {
        "points": count,
        "E": dimensions,
        "centers": options["centers"],
        "smeared": options["smeared"],
        "scikit-learn s": round(theirs, 2),
        "shiftrun s": round(sorted(ours)[1], 3),
        "times": round(theirs / sorted(ours)[1], 1),
        "modes": f"{len(modes)} / {len(oracle.cluster_centers_)}",
        "ARI": round(float(adjusted_rand_score(labels[supported], oracle.labels_[supported])), 4),
        "px in weaker modes %": round(100 * float((~supported).mean()), 2),
    }


def centers_of(kind: str, dimensions: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Centers (CLUSTERS, E) at least 3 bandwidths apart: anywhere ("random"), or on the walls of a
    grid ("lattice").
    """
    if kind == "lattice":
        corners = np.stack(
            np.meshgrid(*[np.arange(4 if dimensions < 5 else 2)] * dimensions), -1
        ).reshape(-1, dimensions)
        return random.permutation(corners)[:CLUSTERS] * 3.0
    found: list[NDArray[np.float64]] = []
    while len(found) < CLUSTERS:
        center = random.uniform(0, 14 if dimensions < 5 else 5, dimensions)
        if all(np.linalg.norm(center - other) >= 3 for other in found):
            found.append(center)
    return np.stack(found)


CASES: dict[str, Callable[[dict[str, Any]], Figures]] = {
    case.__name__: case
    for case in (whole, auto, monai, torchio, bioimageio, image, segment, meanshift)
}

if __name__ == "__main__":
    print(json.dumps(CASES[sys.argv[1]](json.loads(sys.argv[2]))))
