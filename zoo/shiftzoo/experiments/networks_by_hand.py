"""The networks of the paper's proofs as ONNX, with chosen weights.

Rumberger et al. 2021, section 3. All are U-Nets with the same frame: valid 3^d convolutions, one
per level on the way down and one on the way up, max pooling by f, upsampling by f, skips cropped by
constants. They differ in their convolutions and upsampling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from math import isqrt, prod
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
EXACT_INTEGERS = 1 << 24  # float32 represents every integer up to here


@dataclass(frozen=True, slots=True)
class Frame:
    """The size of a U-Net: number of poolings `levels` (l), their `factor` (f), `dimensions` (d).

    `padding` is the zero padding of each convolution.
    """

    levels: int
    factor: int = 2
    dimensions: int = 2
    padding: int = 0

    @property
    def period(self) -> int:
        """f^l px."""
        return int(self.factor**self.levels)

    @property
    def functions(self) -> int:
        """f^(dl), the largest possible number of output functions of such a network."""
        return int(self.period**self.dimensions)

    def lost(self, level: int) -> int:
        """Px of `level` lost from its first to its last convolution."""
        per_convolution = 2 - 2 * self.padding
        if level == self.levels:
            return per_convolution
        return 2 * per_convolution + self.factor * self.lost(level + 1)


@dataclass(slots=True)
class Graph:
    """A graph under construction."""

    frame: Frame
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Append a node; return the name of its output."""
        name = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def constant(self, values: NDArray[Any]) -> str:
        """Append an initializer; return its name."""
        name = f"constant_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(values, name))
        return name

    def convolve(
        self, x: str, weights: NDArray[np.float32], bias: NDArray[np.float32] | None = None
    ) -> str:
        """A convolution (M, C, *3^d) with the frame's padding."""
        given = (x, self.constant(weights)) + (() if bias is None else (self.constant(bias),))
        return self.add("Conv", *given, pads=[self.frame.padding] * (2 * self.frame.dimensions))

    def pool(self, x: str) -> str:
        """Max pooling by f."""
        size = [self.frame.factor] * self.frame.dimensions
        return self.add("MaxPool", x, kernel_shape=size, strides=size)

    def repeat(self, x: str) -> str:
        """Fixed upsampling: repeat every px f times along every axis."""
        scales = np.array([1, 1, *[self.frame.factor] * self.frame.dimensions], np.float32)
        settings = {
            "mode": "nearest",
            "coordinate_transformation_mode": "asymmetric",
            "nearest_mode": "floor",
        }
        return self.add("Resize", x, "", self.constant(scales), **settings)

    def transpose(self, x: str, weights: NDArray[np.float32]) -> str:
        """Learned upsampling: every px becomes a block of f^d px; weights (C, M, *f^d)."""
        return self.add(
            "ConvTranspose",
            x,
            self.constant(weights),
            strides=[self.frame.factor] * self.frame.dimensions,
        )

    def crop(self, x: str, px: int) -> str:
        """Cut `px` from both ends of every spatial axis."""
        if px == 0:
            return x
        axes = np.arange(2, 2 + self.frame.dimensions)
        return self.add(
            "Slice",
            x,
            *(self.constant(np.full_like(axes, n)) for n in (px, -px)),
            self.constant(axes),
        )

    def model(self, output: str) -> onnx.ModelProto:
        """The finished model: `image` (n, 1, *space) to `embedding` (n, C, *space)."""
        self.nodes.append(helper.make_node("Identity", [output], ["embedding"], name="embedding"))
        space = ["z", "y", "x"][-self.frame.dimensions :]
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 1, *space])
        embedding = helper.make_tensor_value_info(
            "embedding", TensorProto.FLOAT, ["n", None, *(f"o{axis}" for axis in space)]
        )
        graph = helper.make_graph(
            self.nodes, "construction", [image], [embedding], self.initializers
        )
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9
        )


def block_maximum(frame: Frame) -> onnx.ModelProto:
    """Lemma 1, part I: identity convolutions and fixed upsampling.

    Every output is the maximum of its block of f^l px per axis.
    """
    graph = Graph(frame)

    def upsample(x: str, level: int) -> str:
        return graph.repeat(x)

    return _identity_unet(graph, upsample)


def prime_products(frame: Frame) -> onnx.ModelProto:
    """Corollary 5: transposed convolutions whose weights are distinct primes.

    On an image of ones every px of a block of f^l px per axis is a different product of primes, one
    per level: by unique factorization no two are equal.

    Raises
    ------
    ValueError
        A product would be too large for float32 to be exact.
    """
    size = [frame.factor] * frame.dimensions
    primes = np.array(list(islice(_primes(), frame.levels * prod(size)))).reshape(
        frame.levels, *size
    )
    largest = prod(int(level.max()) for level in primes)
    if largest >= EXACT_INTEGERS:
        message = (
            f"products of primes ({frame}): expected less than 2^24 to be exact, got {largest}. "
            "Take fewer levels."
        )
        raise ValueError(message)
    graph = Graph(frame)

    def upsample(x: str, level: int) -> str:
        return graph.transpose(x, primes[level][None, None].astype(np.float32))

    return _identity_unet(graph, upsample)


def random_network(
    frame: Frame, upsampling: str, *, channels: int = 4, seed: int = 0
) -> onnx.ModelProto:
    """A U-Net with random weights and ReLU; upsampling "fixed" or "learned"."""
    random = np.random.default_rng(seed)
    graph = Graph(frame)

    def block(x: str, source: int) -> str:
        weights = random.normal(
            0,
            (2 / (source * 3**frame.dimensions)) ** 0.5,
            (channels, source, *[3] * frame.dimensions),
        )
        bias = random.normal(0, 0.1, channels)
        return graph.add(
            "Relu", graph.convolve(x, weights.astype(np.float32), bias.astype(np.float32))
        )

    def upsample(x: str, level: int) -> str:
        size = (channels, channels, *[frame.factor] * frame.dimensions)
        weights = random.normal(0, channels**-0.5, size).astype(np.float32)
        return graph.repeat(x) if upsampling == "fixed" else graph.transpose(x, weights)

    return _unet(
        graph,
        lambda x: block(x, 1 if x == "image" else channels),
        upsample,
        lambda x: block(x, 2 * channels),
    )


def _identity_unet(graph: Graph, upsample: Callable[[str, int], str]) -> onnx.ModelProto:
    """Convolutions that pass their input on; the skips exist, with weight 0."""
    central = np.zeros((1, 1, *[3] * graph.frame.dimensions), np.float32)
    central[(0, 0, *[1] * graph.frame.dimensions)] = 1
    merging = np.concatenate([np.zeros_like(central), central], axis=1)
    return _unet(
        graph, lambda x: graph.convolve(x, central), upsample, lambda x: graph.convolve(x, merging)
    )


def _unet(
    graph: Graph,
    encode: Callable[[str], str],
    upsample: Callable[[str, int], str],
    decode: Callable[[str], str],
) -> onnx.ModelProto:
    frame = graph.frame
    skips = [encode("image")]
    for _ in range(frame.levels):
        skips.append(encode(graph.pool(skips[-1])))
    x = skips.pop()
    for level in reversed(range(frame.levels)):
        skip = graph.crop(skips[level], frame.factor * frame.lost(level + 1) // 2)
        x = decode(graph.add("Concat", skip, upsample(x, level), axis=1))
    return graph.model(x)


def diagonal_image(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """An image of distinct integers that increase along every axis (Eq. 3).

    The largest px of any block is its last corner.
    """
    coordinates = np.indices(shape).reshape(len(shape), -1)
    order = np.lexsort((*coordinates[::-1], coordinates.sum(0)))
    values = np.empty(prod(shape), np.float32)
    values[order] = np.arange(prod(shape))
    return values.reshape(shape)


def _primes() -> Iterator[int]:
    return (n for n in count(2) if all(n % divisor for divisor in range(2, isqrt(n) + 1)))
