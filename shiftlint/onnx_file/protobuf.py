"""The protobuf wire format: a message as the fields that stand in the file, decoded when they are
asked for.

A message is a sequence of fields, each a key (field number, wire type) and a value: an integer of
variable length, four or eight bytes, or a length and as many bytes. The latter are passed over by
their length alone: weights in a memory-mapped file are never touched.

Spec: https://protobuf.dev/programming-guides/encoding/

Reading is strict. What leaves its message, an integer of more than 64 bits, a wire type that the
field does not have, a field twice that may stand once (of which libraries take the last, or the
sum), messages nested too deep: each is a `WireError`.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

if sys.platform != "win32":
    from mmap import MADV_DONTNEED

VARIABLE, EIGHT_BYTES, BYTES, FOUR_BYTES = (
    0,
    1,
    2,
    5,
)  # wire types; 3 and 4, groups, are of the last century
DEEPEST = 100  # messages within each other, as in protobuf's own libraries
MOST_FIELDS = 1_500_000  # of all messages that are looked into: about a second, and 200 MB
MAPPED = 16 << 20  # bytes that are passed over before pages are let go of

Field = tuple[
    int, int, int
]  # the wire type; of an integer its value and 0, else where the bytes start and end


class WireError(ValueError):
    """Bytes that are no such message; says what is wrong."""


@dataclass(slots=True)
class Source:
    """The bytes of a file, how many fields of it may still be looked at, how many bytes were
    copied, and passed over, so far.
    """

    data: bytes | mmap
    left: int = MOST_FIELDS
    copied: int = 0
    passed: int = 0

    def passes(self, length: int) -> None:
        """Let go of what was mapped, from time to time: the pages beside a large field come with
        its first byte.
        """
        self.passed += length
        if self.passed > MAPPED and isinstance(self.data, mmap) and sys.platform != "win32":
            self.passed = 0
            self.data.madvise(MADV_DONTNEED)


class Message:
    """One message; every accessor takes the number of a field, and has protobuf's default where the
    field is not there.

    Raises
    ------
    WireError
        On construction and by every accessor: the bytes are damaged.
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
        """How often a repeated field stands there."""
        return len(self._fields.get(number, ()))

    def encoded(self) -> bytes:
        """The message as it stands in the file."""
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
        """Text; UnicodeDecodeError where it is not UTF-8."""
        return str(self.data(number), "utf-8")

    def message(self, number: int) -> Message:
        """A message within this one; an empty one where there is none."""
        return self._within(self._one(number, BYTES) or (BYTES, 0, 0))

    def each_data(self, number: int) -> list[bytes]:
        return [self._copied(first, end) for _, first, end in self._all(number, BYTES)]

    def texts(self, number: int) -> tuple[str, ...]:
        return tuple([str(data, "utf-8") for data in self.each_data(number)])

    def messages(self, number: int) -> Iterator[Message]:
        """The messages of a repeated field, each looked into when it is its turn."""
        return map(self._within, self._all(number, BYTES))

    def integers(self, number: int) -> tuple[int, ...]:
        """A repeated integer, each in a field of its own, or many packed into one."""
        found: list[int] = []
        for kind, first, end in self._all(number, VARIABLE, BYTES):
            found += [first] if kind == VARIABLE else _unpacked(self.source, first, end)
        return tuple([_signed(value) for value in found])

    def packed(self, number: int, kind: int) -> bytes:
        """The bytes of a repeated number of four or eight bytes, as by `kind`, each in a field of
        its own or many in one.
        """
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
            raise WireError(f"field {number} stands twice in one message")
        return found[0] if found else None

    def _all(self, number: int, *kinds: int) -> list[Field]:
        found = self._fields.get(number, [])
        for field in found:
            if field[0] not in kinds:
                raise WireError(f"field {number} has wire type {field[0]}")
        return found


def _fields(source: Source, at: int, end: int) -> dict[int, list[Field]]:
    """The fields from `at` to `end` by their numbers."""
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
        raise WireError("the end of the file within a field") from None
    if at != end:
        raise WireError("a field that leaves its message")
    if 0 in found:
        raise WireError("a field of number 0")
    source.left = left
    return found


def _integer(data: bytes | mmap, at: int) -> tuple[int, int]:
    """The integer of variable length at `at`, seven bits a byte, the lowest first; and where it
    ends.
    """
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
        raise WireError("the end of the file within an integer") from None
    if at != end:
        raise WireError("an integer that leaves its field")
    return found


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
