"""The elements of a constant: the bytes of the file, or an array once they are computed with.

Most constants are weights that are never computed with, or a few integers (the bounds of a crop)
that need no array: these do not import numpy.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from shiftlint.lazy_numpy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMATS = {  # the types that can be computed with: numpy's name, and the format of `struct`
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
TYPES = (  # indexed by the numbers of onnx.proto; types outside FORMATS are not computed with
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
        numpy's name of the type; for the bytes of a file, one of `FORMATS`.
    data : bytes or ndarray
        Bytes are little-endian with the last axis innermost; arrays are computed. Elements that
        repeat along an axis may be stored once (numpy's stride 0).
    """

    shape: tuple[int, ...]
    dtype: str
    data: bytes | NDArray[Any]

    @property
    def kind(self) -> str:
        """The numpy kind of the type: "b" booleans, "i" and "u" integers, "f" floats; else ""."""
        return self.dtype[0] if self.dtype in FORMATS else ""

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Memory in bytes."""
        return len(self.data) if isinstance(self.data, bytes) else once(self.data).nbytes

    def numbers(self) -> list[Any]:
        """All elements as Python numbers, the last axis innermost."""
        if isinstance(self.data, bytes):
            return list(struct.unpack(f"<{self.size}{FORMATS[self.dtype]}", self.data))
        return self.data.reshape(-1).tolist()

    def array(self) -> NDArray[Any]:
        """The elements as an array, which must not be written to."""
        if not isinstance(self.data, bytes):
            return self.data
        return np.frombuffer(self.data, np.dtype(self.dtype).newbyteorder("<")).reshape(self.shape)

    def encoded(self) -> bytes:
        """The bytes as in a file."""
        return self.data if isinstance(self.data, bytes) else self.data.tobytes()


def once(array: NDArray[Any]) -> NDArray[Any]:
    """The array with one element along every axis of stride 0."""
    return (
        array[tuple([slice(0, 1) if stride == 0 else slice(None) for stride in array.strides])]
        if array.size
        else array
    )


def type_name(number: int) -> str:
    """The numpy name of the element type with this number in onnx.proto; "" if there is none."""
    return TYPES[number] if 0 < number < len(TYPES) else ""


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant of a file: its elements if they are few, else only its sizes.

    Attributes
    ----------
    name : str
    number : int
        Distinguishes constants of the same name in different graphs.
    shape : tuple of int
    elements : Elements, optional
    """

    name: str
    number: int
    shape: tuple[int, ...]
    elements: Elements | None = None
