"""Dependences that no window expresses, and limits of the analysis: a kind, a reason and its facts.

Facts are values: decisions, comparisons and hashes use only them. Each reason has its words next to
it; `text_of` fills in the facts for a reader.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any

EVERY = -1  # axis of a note on all axes of the image: what it concerns follows none of them
Facts = tuple[tuple[str, Any], ...]


class Words(str):
    """A fact that is text: it is shown, but never compared or hashed."""

    __slots__ = ()


@unique
class Reason(StrEnum):
    """Why something is noted, and its words, with the names of facts in braces."""

    # limits of the interpreter
    UNKNOWN_OPERATOR = "the analyzer does not know {operator}"
    OUTSIDE_SPECIFICATION = "{operator} with {wrong} is not in its specification"
    FOLLOWS_UNANALYZED = "an input is not analyzed"
    OPERAND_FROM_IMAGE = "its input {operand} is computed from the image"
    NEVER_COMPUTED = "the input is never computed"
    NESTED_TOO_DEEP = "functions or subgraphs are nested too deep, or called too often"
    SUBGRAPH_MISFIT = "the subgraph does not fit"
    FUNCTION_INPUTS = "{given} inputs for {expected}"
    TOO_MANY_PHASES = "a grid of {phases} phases"

    # values that must depend on the size alone
    NOT_CONSTANT = "{operand} must be constant"
    NOT_ONE_NUMBER = "{operand} must be one constant number"
    INDEX_FROM_IMAGE = "elements are picked by an index that is computed from the image"
    COUNT_FROM_IMAGE = "the image decides how many elements there are"

    # control flow
    BRANCHES_DIFFER = "the branches differ, and the condition is not constant"
    CONDITION_FROM_IMAGE = "the condition is computed from the image"
    BRANCH_BY_IMAGE = "the whole image decides which branch runs"
    LOOP_TOO_LONG = "the number of rounds must be constant and at most {most}"
    LOOP_GATHERS = "results that a loop collects in each round are not followed"
    SCANNED = "a subgraph that scans an axis is not followed"
    ABSENT = "an optional value is absent"

    # operators that are not analyzed
    SEQUENCES = "sequences of tensors are not followed"
    TEXT = "text is not an image"
    REGIONS = "regions are taken at computed positions"
    PATCHES_SUMMED = "patches are summed at their positions"
    DECODED = "the image is decoded inside the network"
    WRITTEN_AT_COMPUTED = "elements are written at computed positions"
    LANGUAGE_MODEL = "an operator of language models"
    CACHED_ATTENTION = "attention over packed or cached sequences"
    PACKED_KEYS = "packed or cached keys and values"
    SIGNAL_FRAMES = "frames of a signal are not followed"
    INDICES_OF_MAXIMA = "the indices of maxima are not followed"

    # uses of an operator that are not analyzed
    RANK = "an input of rank {rank}"
    RANKS = "inputs of rank {ranks}"
    AXIS = "axis {axis} of a tensor of rank {rank}"
    AXES_REPEATED = "axes {axes} are not distinct"
    ORDER = "perm {order} of a tensor of rank {rank}"
    SHAPE = "a shape of {shape}"
    INDICES_SHAPE = "indices of shape {indices} into {data}"
    INDICES_NOT_INTEGERS = "the indices are not integers"
    COUNT_FOR_AXES = "{count} {operand} for {axes} axes"
    LENGTHS_DIFFER = "starts, ends, axes and steps have different lengths"
    STEP_OF_ZERO = "a step of 0"
    BOUNDS = "bounds from {first} to {last} by {step}"
    ATTRIBUTE = "{attribute} {value}"
    SCALE = "a scale of {scale}"
    MIXED_NEAREST = "nearest by factors above and below 1, which round differently"
    EQUATION_INPUTS = "equation {equation} for {inputs} inputs"
    EQUATION_RANKS = "equation {equation} for inputs of rank {ranks}"
    EQUATION_DIAGONAL = "equation {equation} takes a diagonal"
    SCALAR_PRODUCT = "a product with a scalar"
    TRANSPOSED_BATCHES = "a matrix product with transposed batches"
    WEIGHTS_SHAPE = "weights of {rows} by {columns}"
    REPEATED_BIAS = "a bias that is repeated row by row"
    BLOCKED_CHANNELS = "{channels} channels of an input of rank {rank}"
    NOT_DENSE = "a constant that is not a dense tensor of numbers"
    NOTHING_TO_CONCATENATE = "nothing to concatenate"
    FLATTENED = "elements of the flattened tensor"
    WINDOW_AXES = "kernel, strides, dilations or pads do not have {rank} axes"
    WINDOW_RANGE = "a kernel, stride, dilation or pad is out of range"
    OUTPUT_AXES = "output_padding or output_shape do not have {rank} axes"

    # axes that merge or meet
    LOCAL_OVER_MERGED = "a local operator over a dimension in which axes are merged"
    CROP_OF_MERGED = "a crop or pad of a dimension in which axes are merged"
    MERGED_DIFFERENTLY = "axes that are merged in different ways meet"
    CUT_ACROSS = "a reshape from {before} to {after} cuts across axes"
    SEVERAL_DIMENSIONS = "several dimensions follow the same axis of the image"
    AXIS_AS_CHANNELS = "an axis of the image is used as channels"
    SIDE_BY_SIDE = "pieces of merged or different axes are concatenated"
    AXES_MEET = "two axes of the image meet element by element"
    STRIDES_DIFFER = (
        "branches of different stride meet: {first} and {second} px of output per px of the image"
    )

    # dependence on position
    VARIES = "combined with values that depend on the position"
    SPREAD = "an axis of one element is spread over a longer one"
    DROPPED = "an axis of one element is dropped"
    REPEATED = "an axis of the image is repeated as a whole"
    BACKWARD = "the axis is read backward"
    PICKED = "elements are picked by their position"
    WRITTEN = "elements are written at their position"
    TRIANGLE = "a triangle of the axes is kept"
    RUNNING_SUM = "a running sum along the axis"
    STATE = "a state that runs along the axis"
    STATE_FROM_IMAGE = "a state that the image initializes"
    ANGLE = "an angle that grows along the axis"
    GROUPED = "elements are grouped by their position"
    WEIGHTED = "weighted by position"
    ATTENTION_BY_PLACE = "attention that depends on the position"
    HEADS_BY_PLACE = "heads share keys by their position"
    MASK_OVER_HEADS = "a mask over heads"
    QUANTIZED_IN_BLOCKS = "quantized block by block"
    SCALES_MISFIT = "scales that do not fit the axis"
    SAMPLED = "elements are taken at positions relative to the total size"
    COORDINATES = "coordinate_transformation_mode {mode}: coordinates depend on the total size"
    NO_COMMON_GRID = "resized from {before} to {after}: no common grid"
    COARSE_COORDINATES = "resized from {before} to {after}: float32 coordinates are too coarse"
    IRREGULAR_COORDINATES = (
        "resized from {before} to {after}: float32 coordinates round to different px at different "
        "positions"
    )

    # dependence on a whole axis
    AVERAGE = "an average over the whole axis"
    REDUCED = "an axis is reduced as a whole"
    CHANNEL_NORM = "a norm over neighboring channels"
    NORM = "a norm over the whole axis"
    SOFTMAX = "a softmax over the whole axis"
    AXIS_STATISTICS = "statistics over the whole axis"
    BATCH_STATISTICS = "batch statistics (training mode)"
    DYNAMIC_SCALE = "dynamic quantization: the scale is taken from the whole image"
    STATISTICS = "statistics over the whole image"
    SUMMED = "a product summed over the whole axis"
    ATTENTION = "attention over the whole axis"
    DETERMINANT = "a determinant over the axes"
    LOSS = "a loss over the axis"
    GREATEST = "the greatest elements of the whole axis"
    PLACES_OF_GREATEST = "the positions of the greatest elements of the axis"
    PLACE_OF_GREATEST = "the position of the greatest element of the axis"
    FOURIER = "a Fourier transform over the whole axis"
    OFFSETS = "taps at offsets that are computed from the image"

    # chance
    RANDOM = "random values: no two runs agree"
    TRAINING = "random values (training mode)"

    # dependence on the size
    RUNS_NOT_AT = "runs at {first} px but not at {second} px: {error}"
    OTHER_PROGRAM = "{words}"


def text_of(reason: Reason, facts: Facts) -> str:
    """A reason in words: one line without a final period."""
    return reason.format(**{name: _text(value) for name, value in facts}) if facts else str(reason)


def _text(value: Any) -> str:
    """A fact in words: sizes as [2, 3], names of inputs as "starts, ends and axes"."""
    if not isinstance(value, tuple):
        return str(value)
    if not value or not all(isinstance(part, str) for part in value):
        return str(list(value))
    *most, last = value
    return f"{', '.join(most)} and {last}" if most else last


class SizeError(ValueError):
    """The operator does not run at these sizes: they are not legal for the graph."""


class Unsupported(ValueError):
    """The operator is known, but this use of it is not analyzed.

    Attributes
    ----------
    reason : Reason
    facts : tuple of (name, value)
    """

    def __init__(self, reason: Reason, **facts: Any) -> None:
        self.reason, self.facts = reason, tuple(facts.items())
        super().__init__(text_of(reason, self.facts))


class Kind(StrEnum):
    """The effect on an image axis."""

    GLOBAL = "global"  # the output depends on the whole axis; the period remains
    POSITION = "position"  # the output depends on absolute position or total size; no period
    SIZE = "size"  # the network computes something different at another size; no period
    RANDOM = "random"  # no two runs agree; no period
    STRIDES = "strides"  # branches of different stride meet; no period
    UNKNOWN = "unknown"  # not analyzed; no claims


@dataclass(frozen=True, slots=True)
class Note:
    """A dependence on one image axis that no window expresses.

    Attributes
    ----------
    kind : Kind
    axis : int
        Axis of the image input; `EVERY` for all axes.
    reason : Reason
    period : int
        A global dependence is unchanged only under shifts by multiples of this (input px).
    node, op : str
        The node; filled in by the interpreter.
    facts : tuple of (name, value)
        The facts of the reason.
    """

    kind: Kind
    axis: int
    reason: Reason
    period: int = 1
    node: str = ""
    op: str = ""
    facts: Facts = ()

    @property
    def text(self) -> str:
        """The reason in words: one line without a final period."""
        return text_of(self.reason, self.facts)

    @property
    def fact(self) -> Facts:
        """Its identity besides node and axis: the reason and its facts, without words."""
        return (
            ("reason", self.reason.name),
            ("op", self.op),
            *((name, value) for name, value in self.facts if not isinstance(value, Words)),
        )
