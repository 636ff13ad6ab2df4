"""Random operators: their results differ in every run, so there is no period.

The note applies to every image axis: one random number, or random weights, add noise to all px.
"""

from __future__ import annotations

from dataclasses import replace

from shiftlint.calculus.note import EVERY, Kind, Note, Reason, Unsupported
from shiftlint.calculus.sliding_windows import Ints
from shiftlint.calculus.tensor import Atom, Tensor, dim_of, plain
from shiftlint.ops.elementwise import pointwise
from shiftlint.ops.registry import numbered, transfer
from shiftlint.ops.shape_values import viewed


@transfer("Dropout", since=12)
@numbered(elementwise=True)
def dropout(
    data: Tensor, ratio: Tensor | None = None, training_mode: Tensor | None = None, *, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """The identity, unless in training mode.

    Spec: https://onnx.ai/onnx/operators/onnx__Dropout.html
    """
    if training_mode is not None and (
        training_mode.elements is None or any(training_mode.elements.numbers())
    ):
        return (noisy(data, Reason.TRAINING),) * 2
    return viewed(lambda array: array, data) or pointwise(data), pointwise(data)


@transfer("Dropout", since=7)
@numbered(elementwise=True)
def dropout_7(data: Tensor, *, ratio: float = 0.5) -> tuple[Tensor, Tensor]:
    """The identity.

    Spec: https://onnx.ai/onnx/operators/text_diff_Dropout_7_12.html
    """
    return dropout(data)


@transfer("RandomNormalLike", since=1)
def random_normal_like(
    x: Tensor, *, dtype: int = 1, mean: float = 0.0, scale: float = 1.0, seed: float = 0.0
) -> Tensor:
    """Random values in the shape of a tensor.

    Spec: https://onnx.ai/onnx/operators/onnx__RandomNormalLike.html
    """
    return noisy(x)


@transfer("RandomUniformLike", since=1)
def random_uniform_like(
    x: Tensor, *, dtype: int = 1, high: float = 1.0, low: float = 0.0, seed: float = 0.0
) -> Tensor:
    """Random values in the shape of a tensor.

    Spec: https://onnx.ai/onnx/operators/onnx__RandomUniformLike.html
    """
    return noisy(x)


@transfer("Bernoulli", since=15)
def bernoulli(x: Tensor, *, dtype: int = 1, seed: float = 0.0) -> Tensor:
    """Random values with the probabilities in a tensor.

    Spec: https://onnx.ai/onnx/operators/onnx__Bernoulli.html
    """
    return noisy(x)


@transfer("Multinomial", since=7)
def multinomial(x: Tensor, *, dtype: int = 6, sample_size: int = 1, seed: float = 0.0) -> Tensor:
    """Random classes with the probabilities in a row.

    Spec: https://onnx.ai/onnx/operators/onnx__Multinomial.html
    """
    if x.rank != 2:
        raise Unsupported(Reason.RANK, rank=x.rank)
    return noisy(x.with_dim(1, dim_of(sample_size)))


@transfer("RandomNormal", since=1)
def random_normal(
    *, shape: Ints, dtype: int = 1, mean: float = 0.0, scale: float = 1.0, seed: float = 0.0
) -> Tensor:
    """Random values in a given shape.

    Spec: https://onnx.ai/onnx/operators/onnx__RandomNormal.html
    """
    return noisy(plain(*shape))


@transfer("RandomUniform", since=1)
def random_uniform(
    *, shape: Ints, dtype: int = 1, high: float = 1.0, low: float = 0.0, seed: float = 0.0
) -> Tensor:
    """Random values in a given shape.

    Spec: https://onnx.ai/onnx/operators/onnx__RandomUniform.html
    """
    return noisy(plain(*shape))


def noisy(x: Tensor, reason: Reason = Reason.RANDOM) -> Tensor:
    """The axes of `x` with unknown elements, and a note for every image axis."""
    dims = tuple(
        [tuple([atom if atom.track else Atom(atom.size) for atom in dim]) for dim in x.dims]
    )
    return replace(x, dims=dims, elements=None, program=None).with_notes(
        [Note(Kind.RANDOM, EVERY, reason)]
    )
