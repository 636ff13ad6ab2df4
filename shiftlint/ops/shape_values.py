"""Shape arithmetic: small integer tensors whose elements are computed, not abstracted.

Repeated elements along an axis are stored once, whatever its length, so a map of zeros as large as
the image is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, inf, isfinite, prod
from typing import TYPE_CHECKING, Any

from shiftlint.calculus.note import Reason, SizeError, Unsupported, Words
from shiftlint.calculus.tensor import Tensor, computed, constant, plain
from shiftlint.lazy_numpy import np
from shiftlint.onnx_file.constants import LARGEST_SIZE, once
from shiftlint.ops.registry import signed, transfer

if TYPE_CHECKING:
    from numpy.typing import NDArray

Compute = Callable[..., Any] | str
LARGEST_INTEGER = (1 << 63) - 1
LARGEST_RANK = 64
LARGEST_VALUE = 1 << 16  # elements in memory; larger tensors keep only their sizes


def evaluated(compute: Compute, *tensors: Tensor | None) -> Tensor | None:
    """The result of `compute` (or the NumPy function of this name) on the elements of `tensors`.

    None if not all elements are known, or too many are repeated.
    """
    arrays = _arrays(tensors)
    if arrays is None or any(
        a is not None and a.size > LARGEST_VALUE and once(a).size < a.size for a in arrays
    ):
        return None
    return _kept(_computed(compute, arrays), arrays)


def evaluated_each(compute: Compute, *tensors: Tensor | None) -> Tensor | None:
    """Like `evaluated`, for an elementwise `compute`: repeated elements are computed once."""
    arrays = _arrays(tensors)
    if arrays is None:
        return None
    shapes = [a.shape for a in arrays if a is not None]
    result = _computed(compute, [a if a is None else once(a) for a in arrays])
    return _kept(
        _computed(np.broadcast_to, [result, _computed(np.broadcast_shapes, shapes)]), arrays
    )


def viewed(compute: Compute, tensor: Tensor) -> Tensor | None:
    """Like `evaluated`, for a `compute` that returns a view of its argument."""
    arrays = _arrays([tensor])
    return None if arrays is None else _kept(_computed(compute, arrays), arrays)


def _arrays(tensors: Sequence[Tensor | None]) -> list[NDArray[Any] | None] | None:
    """The elements of all tensors; None if some are unknown."""
    if any(t is not None and t.elements is None for t in tensors):
        return None
    return [None if t is None else t.value for t in tensors]


def _computed(compute: Compute, arguments: Sequence[Any]) -> Any:
    function = getattr(np, compute) if isinstance(compute, str) else compute
    try:
        with np.errstate(all="ignore"):
            return function(*arguments)
    # NumPy raises these for odd operands
    except (ValueError, IndexError, TypeError, OverflowError, ZeroDivisionError) as error:
        raise SizeError(f"shape arithmetic fails: {error}") from error


def _kept(result: Any, arrays: Sequence[NDArray[Any] | None]) -> Tensor | None:
    """The result as a tensor, unless it takes much more memory than its operands."""
    array = np.asarray(result)
    largest = max((once(a).size for a in arrays if a is not None), default=0)
    return computed(array) if once(array).size <= max(LARGEST_VALUE, largest) else None


@transfer("Constant", since=1)
def constant_(
    *,
    value: Tensor | None = None,
    value_int: int | None = None,
    value_ints: tuple[int, ...] | None = None,
    value_float: float | None = None,
    value_floats: tuple[float, ...] | None = None,
    value_string: str | None = None,
    value_strings: tuple[str, ...] | None = None,
    sparse_value: Any = None,
) -> Tensor:
    """A constant.

    Spec: https://onnx.ai/onnx/operators/onnx__Constant.html
    """
    if value is not None:
        return value
    for integers in (value_int, value_ints):
        if integers is not None:
            return constant(integers)
    for floats in (value_float, value_floats):
        if floats is not None:
            return constant(floats, "float32")
    raise Unsupported(Reason.NOT_DENSE)


@transfer("Shape", since=1)
def shape(data: Tensor, *, start: int = 0, end: int | None = None) -> Tensor:
    """The sizes of a tensor, known in every analysis.

    Spec: https://onnx.ai/onnx/operators/onnx__Shape.html
    """
    return constant(data.shape[start:end])


@transfer("Size", since=1)
def size(data: Tensor) -> Tensor:
    """The number of elements.

    Spec: https://onnx.ai/onnx/operators/onnx__Size.html
    """
    return constant(min(prod(data.shape), LARGEST_INTEGER))


@transfer("ConstantOfShape", since=9)
def constant_of_shape(shape: Tensor, *, value: Tensor | None = None) -> Tensor:
    """One value everywhere.

    Spec: https://onnx.ai/onnx/operators/onnx__ConstantOfShape.html
    """
    if shape.elements is None or shape.elements.size > LARGEST_RANK:
        raise Unsupported(Reason.NOT_CONSTANT, operand="shape")
    sizes = [int(n) for n in shape.elements.numbers()]
    if min(sizes, default=0) < 0:
        raise SizeError(f"a tensor of shape {sizes}")
    fill = (
        value.value.reshape(-1)[0]
        if value is not None and value.value is not None and value.value.size
        else np.float32(0)
    )
    try:
        return computed(np.broadcast_to(fill, sizes))
    except ValueError:  # more elements than NumPy can count
        return plain(*sizes, uniform=True)


@transfer("Range", since=11)
def range_(start: Tensor, limit: Tensor, delta: Tensor, *, stash_type: int = 1) -> Tensor:
    """Coordinates, which depend on absolute position.

    Spec: https://onnx.ai/onnx/operators/onnx__Range.html
    """
    if any(
        t.number() is None or t.elements is None or t.elements.kind not in ("i", "u", "f")
        for t in (start, limit, delta)
    ):
        raise Unsupported(Reason.NOT_CONSTANT, operand=("start", "limit", "delta"))
    first, last, step = (
        t.value.reshape(-1)[0] for t in (start, limit, delta) if t.value is not None
    )
    length = (float(last) - float(first)) / float(step) if float(step) else inf
    if not isfinite(length) or length > LARGEST_SIZE:
        bounds = {"first": Words(first), "last": Words(last), "step": Words(step)}
        raise Unsupported(Reason.BOUNDS, **bounds)
    count = max(ceil(length), 0)
    if count <= LARGEST_VALUE:
        return computed(first + step * np.arange(count, dtype=np.asarray(first).dtype))
    return plain(count)


def _window_function(op: str) -> None:
    def function(size: Tensor, **attributes: Any) -> Tensor:
        length = size.number()
        if not isinstance(length, int):
            raise Unsupported(Reason.NOT_CONSTANT, operand="size")
        return plain(length)

    attributes = {"periodic": 1, "output_datatype": 1}
    transfer(op, since=17)(
        signed(
            function, attributes, op, "A window function: values that do not depend on the image."
        )
    )


for _op in ("HannWindow", "HammingWindow", "BlackmanWindow"):
    _window_function(_op)


@transfer("MelWeightMatrix", since=17)
def mel_weight_matrix(
    num_mel_bins: Tensor,
    dft_length: Tensor,
    sample_rate: Tensor,
    lower_edge_hertz: Tensor,
    upper_edge_hertz: Tensor,
    *,
    output_datatype: int = 1,
) -> Tensor:
    """Weights that do not depend on the image.

    Spec: https://onnx.ai/onnx/operators/onnx__MelWeightMatrix.html
    """
    bins, length = num_mel_bins.number(), dft_length.number()
    if not isinstance(bins, int) or not isinstance(length, int):
        raise Unsupported(Reason.NOT_CONSTANT, operand=("num_mel_bins", "dft_length"))
    return plain(length // 2 + 1, bins)


@transfer("EyeLike", since=9)
def eye_like(x: Tensor, *, dtype: int = 1, k: int = 0) -> Tensor:
    """An identity matrix, which depends on position.

    Spec: https://onnx.ai/onnx/operators/onnx__EyeLike.html
    """
    if x.rank != 2:
        raise Unsupported(Reason.RANK, rank=x.rank)
    if prod(x.shape) <= LARGEST_VALUE:
        rows, columns = x.shape
        return computed(np.eye(rows, columns, max(min(k, columns), -rows), np.float32))
    return plain(*x.shape)
