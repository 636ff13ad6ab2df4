"""The protobuf wire format: the fields of a message, decoded on access.

A message is a sequence of fields, each a key (field number, wire type) and a value: an integer of
variable length, four or eight bytes, or a length followed by that many bytes. The latter are
skipped by their length, so weights in a memory-mapped file are never read.

Spec: https://protobuf.dev/programming-guides/encoding/

Reading is strict. A `WireError` is raised for a field that leaves its message, an integer of more
than 64 bits, a wrong wire type, a repeated field that must be unique (libraries take the last one,
or merge them), and messages nested too deep.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

if sys.platform != "win32":
    from mmap import MADV_DONTNEED

# wire types; 3 and 4 (groups) are deprecated
VARIABLE, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5
DEEPEST = 100  # nested messages, as in protobuf's own libraries
MOST_FIELDS = 1_500_000  # in all decoded messages: about a second, and 200 MB
MAPPED = 16 << 20  # skipped bytes before pages are released

# the wire type, then an integer's value and 0, or the start and end of the bytes
Field = tuple[int, int, int]


class WireError(ValueError):
    """The bytes are not a valid message; the text says why."""


@dataclass(slots=True)
class Source:
    """The bytes of a file, and counts: fields left to decode, bytes copied, bytes skipped."""

    data: bytes | mmap
    left: int = MOST_FIELDS
    copied: int = 0
    passed: int = 0

    def passes(self, length: int) -> None:
        """Release mapped pages now and then: a field's first byte maps its neighboring pages."""
        self.passed += length
        if self.passed > MAPPED and isinstance(self.data, mmap) and sys.platform != "win32":
            self.passed = 0
            self.data.madvise(MADV_DONTNEED)


class Message:
    """One message; accessors take a field number and return protobuf's default if it is missing.

    Raises
    ------
    WireError
        On construction and by every accessor if the bytes are damaged.
    """

    __slots__ = ("_depth", "_end", "_fields", "_start", "source")

    def __init__(
        self, source: Source, start: int = 0, end: int | None = None, depth: int = 1
    ) -> None:
        if depth > DEEPEST:
            raise WireError(f"messages nested more than {DEEPEST} deep")
        self.source, self._depth = source, depth
        self._start, self._end = start, len(source.data) if end is None else end
        self._fields = _fields(source, self._start, self._end)

    def __contains__(self, number: int) -> bool:
        return number in self._fields

    def count(self, number: int) -> int:
        """The number of occurrences of a field."""
        return len(self._fields.get(number, ()))

    def encoded(self) -> bytes:
        """The bytes of the message."""
        return self._copied(self._start, self._end)

    def integer(self, number: int, default: int = 0) -> int:
        field = self._one(number, VARIABLE)
        return default if field is None else _signed(field[1])

    def real(self, number: int) -> float:
        field = self._one(number, FOUR_BYTES)
        return struct.unpack("<f", self._copied(*field[1:]))[0] if field else 0.0

    def data(self, number: int) -> bytes:
        field = self._one(number, BYTES)
        return self._copied(*field[1:]) if field else b""

    def text(self, number: int) -> str:
        """Text; UnicodeDecodeError if it is not UTF-8."""
        return str(self.data(number), "utf-8")

    def message(self, number: int) -> Message:
        """A nested message; empty if there is none."""
        return self._within(self._one(number, BYTES) or (BYTES, 0, 0))

    def each_data(self, number: int) -> list[bytes]:
        return [self._copied(first, end) for _, first, end in self._all(number, BYTES)]

    def texts(self, number: int) -> tuple[str, ...]:
        return tuple([str(data, "utf-8") for data in self.each_data(number)])

    def messages(self, number: int) -> Iterator[Message]:
        """The messages of a repeated field, decoded one by one."""
        return map(self._within, self._all(number, BYTES))

    def integers(self, number: int) -> tuple[int, ...]:
        """A repeated integer, one per field or many packed into one field."""
        found: list[int] = []
        for kind, first, end in self._all(number, VARIABLE, BYTES):
            found += [first] if kind == VARIABLE else _unpacked(self.source, first, end)
        return tuple([_signed(value) for value in found])

    def packed(self, number: int, kind: int) -> bytes:
        """The bytes of a repeated number of wire type `kind`, one per field or many packed."""
        parts = [self._copied(first, end) for _, first, end in self._all(number, kind, BYTES)]
        width = 4 if kind == FOUR_BYTES else 8
        if any(len(part) % width for part in parts):
            raise WireError(f"field {number} does not hold whole numbers")
        return b"".join(parts)

    def _within(self, field: Field) -> Message:
        return Message(self.source, field[1], field[2], self._depth + 1)

    def _copied(self, start: int, end: int) -> bytes:
        self.source.copied += end - start
        return self.source.data[start:end]

    def _one(self, number: int, kind: int) -> Field | None:
        found = self._all(number, kind)
        if len(found) > 1:
            raise WireError(f"field {number} occurs twice in one message")
        return found[0] if found else None

    def _all(self, number: int, *kinds: int) -> list[Field]:
        found = self._fields.get(number, [])
        for field in found:
            if field[0] not in kinds:
                raise WireError(f"field {number} has wire type {field[0]}")
        return found


def _fields(source: Source, at: int, end: int) -> dict[int, list[Field]]:
    """The fields from `at` to `end`, by number."""
    found: dict[int, list[Field]] = {}
    data, left = source.data, source.left
    try:
        while at < end:
            key = data[at]
            at += 1
            if key > 0x7F:
                key, at = _integer(data, at - 1)
            kind = key & 7
            if kind == BYTES:
                length = data[at]
                at += 1
                if length > 0x7F:
                    length, at = _integer(data, at - 1)
                    source.passes(length)
                field = (BYTES, at, at + length)
                at += length
            elif kind == VARIABLE:
                value = data[at]
                at += 1
                if value > 0x7F:
                    value, at = _integer(data, at - 1)
                field = (VARIABLE, value, 0)
            elif kind in (FOUR_BYTES, EIGHT_BYTES):
                width = 4 if kind == FOUR_BYTES else 8
                field = (kind, at, at + width)
                at += width
            else:
                raise WireError(f"a field of wire type {kind}")
            found.setdefault(key >> 3, []).append(field)
            left -= 1
            if left < 0:
                raise WireError(f"more than {MOST_FIELDS} fields")
    except IndexError:
        raise WireError("the file ends within a field") from None
    if at != end:
        raise WireError("a field that leaves its message")
    if 0 in found:
        raise WireError("a field of number 0")
    source.left = left
    return found


def _integer(data: bytes | mmap, at: int) -> tuple[int, int]:
    """The integer of variable length at `at` (seven bits per byte, lowest first), and its end."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
    else:
        raise WireError("an integer of more than ten bytes")
    if value >> 64:
        raise WireError("an integer of more than 64 bits")
    return value, at


def _unpacked(source: Source, at: int, end: int) -> list[int]:
    """The integers packed into one field."""
    found = []
    data = source.data
    try:
        while at < end:
            value, at = _integer(data, at)
            found.append(value)
    except IndexError:
        raise WireError("the file ends within an integer") from None
    if at != end:
        raise WireError("an integer that leaves its field")
    return found


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
