"""Find the image input, its spatial axes and its number of channels."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from shiftlint.analysis.legal_sizes import candidates, typical_sizes
from shiftlint.analysis.probe import Probe
from shiftlint.calculus.note import Reason, SizeError
from shiftlint.errors import InputError
from shiftlint.onnx_file.graph import Graph, Value

AXIS_NAMES = {1: ("x",), 2: ("y", "x"), 3: ("z", "y", "x")}
IMAGE_TYPES = {
    "float32",
    "float16",
    "float64",
    "bfloat16",
    "uint8",
    "uint16",
    "int8",
    "int16",
    "int32",
}


LARGEST_IMAGE_DEPTH = 4  # channels of an image whose layout must be guessed


LARGEST_GROUP = 1 << 16


COLORS = 3  # more than one, to detect nodes that merge channels with an axis of the image


MOST_COUNTS = 64  # numbers of channels that are tried if it is dynamic


TRIED_SIZES = 8  # per number of channels


def open_probe(graph: Graph, *, where: str, input_name: str | None = None) -> Probe:
    """The network with its image and axes chosen; InputError (SL005) if that is impossible."""
    images = [v for v in graph.inputs if len(v.shape) >= 3 and v.dtype in IMAGE_TYPES]
    if input_name is not None:
        images = [v for v in graph.inputs if v.name == input_name]
    if len(images) != 1:
        names = (
            ", ".join(v.name for v in images)
            or ", ".join(f"{v.name} {list(v.shape)}" for v in graph.inputs)
            or "none"
        )
        raise InputError(
            f"no single image input ({where}): expected one input of shape (batch, channels, "
            f"space…), got {names}. "
            "Choose one with --input NAME.",
            code="SL005",
        )
    layouts = [_with_channels(Probe(graph, images[0], axes)) for axes in layouts_of(images[0])]
    return next((probe for probe in layouts if len(layouts) > 1 and _suits(probe)), layouts[0])


def layouts_of(image: Value) -> list[tuple[int, ...]]:
    """Candidate spatial dimensions, likeliest first: after batch and channels, or between them."""
    rank = len(image.shape)
    first, last = tuple(range(2, rank)), tuple(range(1, rank - 1))
    near, far = image.shape[1], image.shape[-1]
    if isinstance(near, int) != isinstance(far, int):
        return [first] if isinstance(near, int) else [last]
    if isinstance(near, int) and isinstance(far, int) and far <= LARGEST_IMAGE_DEPTH < near:
        return [last, first]
    return [first, last]


def _suits(probe: Probe) -> bool:
    """Whether the network runs with these spatial axes and uses none of them as channels."""
    try:
        behavior = probe.at(typical_sizes(probe))
    except SizeError:
        return False
    if any(tensor.opaque for tensor in behavior.outputs.values()):
        return False
    return not any(
        note.reason is Reason.AXIS_AS_CHANNELS
        for tensor in behavior.outputs.values()
        for note in tensor.notes
    )


def _with_channels(probe: Probe) -> Probe:
    """The probe with the first number of channels that works, if that number is dynamic."""
    if all(
        isinstance(n, int)
        for axis, n in enumerate(probe.image.shape)
        if axis and axis not in probe.axes
    ):
        return probe
    counts = dict.fromkeys(_channel_counts(probe.graph))
    tried = (probe.taking(count) for count in counts)
    taken = (
        one
        for one in tried
        if any(one.legal(sizes) for sizes in islice(candidates(one), TRIED_SIZES))
    )
    return next(taken, probe.taking(next(iter(counts))))


def _channel_counts(graph: Graph) -> Iterator[int]:
    """Numbers of channels to try: of the first convolution, of a color image, of constants, any."""
    for node in graph.nodes:
        weights = graph.constants.get(node.inputs[1]) if len(node.inputs) > 1 else None
        group = node.attributes.get("group", 1)
        if (
            node.op in {"Conv", "FusedConv"}
            and weights is not None
            and len(weights.shape) > 2
            and isinstance(group, int)
        ):
            if 0 < group < LARGEST_GROUP:
                yield max(weights.shape[1] * group, 1)
            break
    yield COLORS
    held = (
        n
        for node in graph.nodes
        for name in node.inputs
        if name in graph.constants
        for n in graph.constants[name].shape
    )
    yield from islice((n for n in held if 0 < n < LARGEST_GROUP), MOST_COUNTS)
    yield from range(1, MOST_COUNTS + 1)


def axis_names(probe: Probe) -> tuple[str, ...]:
    """The names of the spatial axes of the image."""
    return AXIS_NAMES.get(len(probe.axes), tuple(f"axis{i}" for i in probe.axes))
