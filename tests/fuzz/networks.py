"""A variant as onnxruntime runs it, on random images of its type."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnxruntime

from shiftlint.analysis.probe import Probe
from shiftlint.contract.values import Contract
from shiftlint.onnx_file.reader import read_graph
from shiftlint.verification.onnxruntime_session import open_session
from shiftlint.verification.subject import RunError, Subject
from shiftlint.verification.verify import subject_of
from tests.fuzz.image_forms import SPACE
from tests.fuzz.standard_cases import Array
from tests.fuzz.variants import Span, Variant


@dataclass(frozen=True)
class Network:
    """A variant in a session.

    Attributes
    ----------
    run : callable
        From an image to the outputs by name; RunError where onnxruntime refuses it.
    draw : callable
        From the sizes along `axes` to a random image, one in a batch.
    axes : tuple of int
        Of the image, that hold px.
    """

    run: Callable[[Array], dict[str, Array]]
    draw: Callable[[Sequence[int]], Array]
    axes: tuple[int, ...]


def open_network(variant: Variant, path: Path, probe: Probe | None = None) -> Network:
    """The variant in the file `path`; Refused where onnxruntime does not load it.

    The analyzer's `probe`, if given, chooses which dimensions hold px, and what is put in for a
    dynamic number of channels.
    """
    session = open_session(path)
    names = [output.name for output in session.get_outputs()]
    dtype = _dtype(session.get_inputs()[0].type)
    axes = (
        probe.axes
        if probe
        else tuple(axis for axis, dim in enumerate(variant.dims) if dim in SPACE)
    )
    channels = probe.channels if probe else 1
    random = np.random.default_rng(zlib.crc32(variant.name.encode()))

    def run(image: Array) -> dict[str, Array]:
        try:
            return dict(
                zip(names, session.run(names, {variant.image: image} | variant.feeds), strict=True)
            )
        except Exception as error:  # onnxruntime's have no other class in common
            raise RunError(
                f"onnxruntime at {image.shape}: {' '.join(str(error).split())[:300]}"
            ) from error

    def draw(sizes: Sequence[int]) -> Array:
        chosen = dict(zip(axes, sizes, strict=True))
        shape = [
            chosen.get(i, n if isinstance(n, int) else channels if i else 1)
            for i, n in enumerate(variant.dims)
        ]
        return _random(random, shape, dtype, variant.span)

    return Network(run, draw, axes)


def broken_by_optimizing(
    network: Network, variant: Variant, path: Path, sizes: Sequence[int]
) -> bool:
    """Whether onnxruntime runs the network at `sizes` as it is written, but not as it is
    optimized.
    """
    image = network.draw(sizes)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        network.run(image)
    except RunError:
        try:
            session = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )
            session.run(None, {variant.image: image} | variant.feeds)
        except Exception:  # as above
            return False
        return True
    return False


def subject(network: Network, variant: Variant, path: Path, contract: Contract) -> Subject:
    """What `shiftlint verify` measures, run on the variant's own values and other inputs."""
    made = subject_of(open_session(path), read_graph(path), contract, where=variant.name)
    return replace(made, run=network.run, draw=network.draw)


def _dtype(kind: str) -> np.dtype[np.generic]:
    """From onnxruntime's name of a tensor type, such as tensor(float)."""
    name = kind.removeprefix("tensor(").removesuffix(")")
    return np.dtype({"float": "float32", "double": "float64"}.get(name, name))


def _random(
    random: np.random.Generator,
    shape: Sequence[int],
    dtype: np.dtype[np.generic],
    span: Span | None,
) -> Array:
    if dtype.kind in "iu" and span is not None:
        return random.integers(int(span[0]), int(span[1]), shape, endpoint=True).astype(dtype)
    return random.standard_normal(shape, np.float32).astype(dtype)
