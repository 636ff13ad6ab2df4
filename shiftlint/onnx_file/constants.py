"""The elements of a constant: bytes as they stand in the file, an array once somebody computes with
them.

Most constants are weights that nobody computes with, or some integers (the bounds of a crop) that
need no array: for these numpy is not imported at all.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from shiftlint.lazy_numpy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMATS = {  # numpy's names of what can be computed with, and those of `struct`
    "float16": "e",
    "float32": "f",
    "float64": "d",
    "bool": "?",
    "int8": "b",
    "int16": "h",
    "int32": "i",
    "int64": "q",
    "uint8": "B",
    "uint16": "H",
    "uint32": "I",
    "uint64": "Q",
}
TYPES = (  # by the numbers that onnx.proto gives them; what is not in FORMATS is not computed with
    *(
        "",
        "float32",
        "uint8",
        "int8",
        "uint16",
        "int16",
        "int32",
        "int64",
        "object",
        "bool",
        "float16",
        "float64",
        "uint32",
    ),
    *(
        "uint64",
        "complex64",
        "complex128",
        "bfloat16",
        "float8_e4m3fn",
        "float8_e4m3fnuz",
        "float8_e5m2",
        "float8_e5m2fnuz",
    ),
    *(
        "uint4",
        "int4",
        "float4_e2m1fn",
        "float8_e8m0fnu",
        "uint2",
        "int2",
        "float6_e2m3fn",
        "float6_e3m2fn",
    ),
)


LARGEST_SIZE = 1 << 40  # elements of one dimension; beyond it a shape is a mistake or an attack


@dataclass(frozen=True, slots=True, eq=False)
class Elements:
    """The elements of one constant.

    Attributes
    ----------
    shape : tuple of int
    dtype : str
        numpy's name of the type; for the bytes of a file one of `FORMATS`.
    data : bytes or ndarray
        Little-endian, the last axis innermost; or what was computed. Elements that are repeated
        along an axis may lie in memory once (numpy's stride 0).
    """

    shape: tuple[int, ...]
    dtype: str
    data: bytes | NDArray[Any]

    @property
    def kind(self) -> str:
        """What numpy calls the kind of the type: "b" truth values, "i" and "u" integers, "f"
        floating-point numbers; else "".
        """
        return self.dtype[0] if self.dtype in FORMATS else ""

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The memory they take."""
        return len(self.data) if isinstance(self.data, bytes) else once(self.data).nbytes

    def numbers(self) -> list[Any]:
        """All elements as numbers of Python, the last axis innermost."""
        if isinstance(self.data, bytes):
            return list(struct.unpack(f"<{self.size}{FORMATS[self.dtype]}", self.data))
        return self.data.reshape(-1).tolist()

    def array(self) -> NDArray[Any]:
        """As an array, which must not be written to."""
        if not isinstance(self.data, bytes):
            return self.data
        return np.frombuffer(self.data, np.dtype(self.dtype).newbyteorder("<")).reshape(self.shape)

    def encoded(self) -> bytes:
        """The bytes as they stand, or would stand, in a file."""
        return self.data if isinstance(self.data, bytes) else self.data.tobytes()


def once(array: NDArray[Any]) -> NDArray[Any]:
    """The array with a single element along every axis along which it is repeated in memory."""
    return (
        array[tuple([slice(0, 1) if stride == 0 else slice(None) for stride in array.strides])]
        if array.size
        else array
    )


def type_name(number: int) -> str:
    """Numpy's name of the element type that has this number in onnx.proto; "" where there
    is none.
    """
    return TYPES[number] if 0 < number < len(TYPES) else ""


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant of a file: its elements where they are few, else its sizes alone.

    Attributes
    ----------
    name : str
    number : int
        Tells constants of one name in different graphs apart.
    shape : tuple of int
    elements : Elements, optional
    """

    name: str
    number: int
    shape: tuple[int, ...]
    elements: Elements | None = None
