"""How an operand of any rank can be the image of a network: dynamic dimensions and added nodes.

A form gives the image's dimensions for those of the operand, and adds the nodes between the image
and the operand and between the results and the outputs. Batch always comes first; "n", "c" and the
names in `SPACE` are dynamic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Dims = list[int | str]
BATCH, CHANNELS = "n", "c"
SPACE = ("u", "z", "y", "x")  # as many as needed, from the end
AXES_AS_INPUT = 13  # the opset since which Squeeze takes its axes as an input


@dataclass
class Wrapping:
    """A graph in the making: a case's nodes and those around them, whose names begin with an
    underscore.
    """

    opset: int
    image: str
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; the name of its output."""
        name = f"_t{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(
                kind, list(inputs), [name], name=f"_{kind}_{len(self.nodes)}", **attributes
            )
        )
        return name

    def constant(self, value: Sequence[int] | NDArray[Any]) -> str:
        name = f"_c{len(self.constants)}"
        array = np.asarray(value)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def with_axes(self, kind: str, x: str, axes: Sequence[int]) -> str:
        """Squeeze or Unsqueeze."""
        if self.opset >= AXES_AS_INPUT:
            return self.op(kind, x, self.constant(axes))
        return self.op(kind, x, axes=list(axes))

    def reshaped(self, x: str, *shape: int) -> str:
        return self.op("Reshape", x, self.constant(shape))

    def spread(self, px: str, shape: Sequence[int], like: str, axes: dict[int, int]) -> str:
        """A tensor of this shape made of its first px, along `axes` as long as the given ones of a
        tensor.
        """
        sizes = self.op("Shape", like)
        parts = [
            self.op("Gather", sizes, self.constant([axes[axis]]), axis=0)
            if axis in axes
            else self.constant([size])
            for axis, size in enumerate(shape)
        ]
        return self.op("Expand", px, self.op("Concat", *parts, axis=0))

    def sizes(self, *dims: int) -> str:
        """A list of sizes: those of the image's dimension where one is given, -1 as it is."""
        of_image = self.op("Shape", self.image)
        parts = [
            self.constant([-1])
            if d < 0
            else self.op("Gather", of_image, self.constant([d]), axis=0)
            for d in dims
        ]
        return self.op("Concat", *parts, axis=0)


Enter = Callable[
    [Wrapping, str, tuple[int, ...]], str
]  # from the image to the operand of this shape
Leave = Callable[
    [Wrapping, str, int], tuple[str, int]
]  # from a result of this rank to an output and its rank
Dimensions = Callable[[tuple[int, ...]], Dims]


@dataclass(frozen=True)
class Form:
    """One way to be an image.

    Attributes
    ----------
    name : str
    ranks : range
        Of operands that can take it.
    space : callable
        From the operand's rank to those of its dimensions that hold px.
    dims : callable
        From the operand's shape to the image's dimensions.
    enter, leave : callable
        The nodes before the operand, and those behind each result.
    unfolds : bool
        Whether `leave` takes only results with as many px as the operand has.
    """

    name: str
    ranks: range
    space: Callable[[int], range]
    dims: Dimensions
    enter: Enter
    leave: Leave
    unfolds: bool = False


def _same(b: Wrapping, x: str, shape: tuple[int, ...]) -> str:
    return x


def _as_it_is(b: Wrapping, x: str, rank: int) -> tuple[str, int]:
    return x, rank


def _space(count: int) -> Dims:
    return list(SPACE[len(SPACE) - count :])


def _squeeze(*axes: int) -> Enter:
    return lambda b, x, shape: b.with_axes("Squeeze", x, axes)


def _unsqueeze(*axes: int) -> Leave:
    return lambda b, x, rank: (b.with_axes("Unsqueeze", x, axes), rank + len(axes))


def _halved(b: Wrapping, x: str, shape: tuple[int, ...]) -> str:
    space = len(shape) - 2
    return b.op("MaxPool", x, kernel_shape=[2] * space, strides=[2] * space)


def _doubled(b: Wrapping, x: str, shape: tuple[int, ...]) -> str:
    """Learned upsampling: every px becomes two along each axis."""
    space = len(shape) - 2
    weights = np.linspace(0.5, 1.5, shape[1] * 2**space, dtype=np.float32).reshape(
        shape[1], 1, *[2] * space
    )
    return b.op(
        "ConvTranspose",
        x,
        b.constant(weights),
        strides=[2] * space,
        kernel_shape=[2] * space,
        group=shape[1],
    )


def _rows(b: Wrapping, x: str, shape: tuple[int, ...]) -> str:
    return b.reshaped(b.op("Transpose", x, perm=[0, 2, 3, 1]), -1, shape[1])


def _rows_back(b: Wrapping, x: str, rank: int) -> tuple[str, int]:
    return b.op("Transpose", b.op("Reshape", x, b.sizes(0, 2, 3, -1)), perm=[0, 3, 1, 2]), 4


def _tokens(b: Wrapping, x: str, shape: tuple[int, ...]) -> str:
    return b.op("Transpose", b.reshaped(x, 0, shape[2], -1), perm=[0, 2, 1])


def _tokens_back(b: Wrapping, x: str, rank: int) -> tuple[str, int]:
    return b.op("Reshape", b.op("Transpose", x, perm=[0, 2, 1]), b.sizes(0, -1, 2, 3)), 4


def _heads(b: Wrapping, x: str, shape: tuple[int, ...]) -> str:
    return b.op("Transpose", b.reshaped(x, 0, shape[1], shape[3], -1), perm=[0, 1, 3, 2])


def _heads_back(b: Wrapping, x: str, rank: int) -> tuple[str, int]:
    return b.op("Reshape", b.op("Transpose", x, perm=[0, 1, 3, 2]), b.sizes(0, -1, 2, 3)), 4


def _flat(b: Wrapping, x: str, shape: tuple[int, ...]) -> str:
    return b.reshaped(x, -1)


def _flat_back(b: Wrapping, x: str, rank: int) -> tuple[str, int]:
    return b.op("Reshape", x, b.op("Shape", b.image)), 4


def _behind_channels(rank: int) -> range:
    return range(2, rank)


def _between(rank: int) -> range:
    return range(1, rank - 1)


def _behind_first(rank: int) -> range:
    return range(1, rank)


def _every(rank: int) -> range:
    return range(rank)


def _one(axis: int) -> Callable[[int], range]:
    return lambda rank: range(axis, axis + 1)


IMAGES, POOLED = range(3, 6), range(3, 5)
FORMS = (
    Form(
        "first", IMAGES, _behind_channels, lambda s: [*s[:2], *_space(len(s) - 2)], _same, _as_it_is
    ),
    Form(
        "first-batch",
        IMAGES,
        _behind_channels,
        lambda s: [BATCH, s[1], *_space(len(s) - 2)],
        _same,
        _as_it_is,
    ),
    Form(
        "last-batch",
        IMAGES,
        _between,
        lambda s: [BATCH, *_space(len(s) - 2), s[-1]],
        _same,
        _as_it_is,
    ),
    Form(
        "every",
        IMAGES,
        _behind_channels,
        lambda s: [BATCH, CHANNELS, *_space(len(s) - 2)],
        _same,
        _as_it_is,
    ),
    Form(
        "one",
        range(2, 5),
        _behind_first,
        lambda s: [1, s[0], *_space(len(s) - 1)],
        _squeeze(0),
        _unsqueeze(0),
    ),
    Form(
        "halved",
        POOLED,
        _behind_channels,
        lambda s: [BATCH, s[1], *_space(len(s) - 2)],
        _halved,
        _as_it_is,
    ),
    Form(
        "doubled",
        POOLED,
        _behind_channels,
        lambda s: [BATCH, s[1], *_space(len(s) - 2)],
        _doubled,
        _as_it_is,
    ),
    Form(
        "tokens",
        range(3, 4),
        _one(1),
        lambda s: [BATCH, s[2], "y", "x"],
        _tokens,
        _tokens_back,
        unfolds=True,
    ),
    Form(
        "heads",
        range(4, 5),
        _one(2),
        lambda s: [BATCH, s[1] * s[3], "y", "x"],
        _heads,
        _heads_back,
        unfolds=True,
    ),
    Form(
        "plane", range(2, 3), _every, lambda s: [1, 1, "y", "x"], _squeeze(0, 1), _unsqueeze(0, 1)
    ),
    Form(
        "rows",
        range(2, 3),
        _one(0),
        lambda s: [BATCH, s[1], "y", "x"],
        _rows,
        _rows_back,
        unfolds=True,
    ),
    Form("line", range(1, 2), _every, lambda s: [1, 1, "x"], _squeeze(0, 1), _unsqueeze(0, 1)),
    Form("flat", range(1, 2), _every, lambda s: [1, 1, "y", "x"], _flat, _flat_back, unfolds=True),
)
