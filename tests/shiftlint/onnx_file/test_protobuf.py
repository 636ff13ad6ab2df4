"""The wire format: written data is read back, and damaged data is refused."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import AttributeProto, TensorProto

from shiftlint.onnx_file.protobuf import EIGHT_BYTES, FOUR_BYTES, Message, Source, WireError

INT64 = st.integers(-(2**63), 2**63 - 1)


def message(data: bytes) -> Message:
    return Message(Source(data))


@given(
    st.text(),
    INT64,
    st.lists(INT64),
    st.lists(st.floats(width=32, allow_nan=False)),
    st.floats(width=32, allow_nan=False),
)
def test_what_protobuf_writes_is_read(
    name: str, i: int, ints: list[int], floats: list[float], f: float
) -> None:
    """Repeated numbers of an attribute stand each in a field of its own."""
    read = message(
        AttributeProto(name=name, i=i, ints=ints, floats=floats, f=f).SerializeToString()
    )
    assert (read.text(1), read.integer(3), read.integers(8), read.real(2)) == (
        name,
        i,
        tuple(ints),
        f,
    )
    assert read.packed(7, FOUR_BYTES) == struct.pack(f"<{len(floats)}f", *floats)


@given(st.lists(INT64), st.lists(st.floats(allow_nan=False)), st.binary())
def test_numbers_packed_into_one_field_are_read(
    ints: list[int], doubles: list[float], raw: bytes
) -> None:
    read = message(
        TensorProto(int64_data=ints, double_data=doubles, raw_data=raw).SerializeToString()
    )
    assert read.integers(7) == tuple(ints)
    assert read.packed(10, EIGHT_BYTES) == struct.pack(f"<{len(doubles)}d", *doubles)
    assert read.data(9) == raw


def test_what_is_not_there_has_the_default_of_protobuf() -> None:
    read = message(b"")
    assert (read.text(1), read.integer(2), read.real(3), read.data(4), read.integers(5)) == (
        "",
        0,
        0.0,
        b"",
        (),
    )
    assert read.message(6).text(1) == ""
    assert 1 not in read


DAMAGED = {
    "cut in a key": b"\x80",
    "cut in an integer": b"\x08\x80",
    "cut in a length": b"\x0a",
    "cut in bytes": b"\x0a\x05abc",
    "cut in four bytes": b"\x0d\x00\x00",
    "cut in eight bytes": b"\x09\x00",
    "length of 2^63": b"\x0a" + b"\xff" * 8 + b"\x7f",
    "eleven bytes": b"\x08" + b"\x80" * 10 + b"\x00",
    "more than 64 bits": b"\x08" + b"\xff" * 9 + b"\x02",
    "group": b"\x0b\x0c",
    "wire type 6": b"\x0e\x00",
    "number 0": b"\x00\x00",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_refused(name: str) -> None:
    with pytest.raises(WireError):
        message(DAMAGED[name])


def test_a_field_does_not_leave_its_message() -> None:
    outer = message(
        b"\x0a\x03\x0a\x05a\x0a\x04aaaa"
    )  # the inner length 5 would read into the next field
    with pytest.raises(WireError, match="leaves its message"):
        list(outer.messages(1))


def test_a_single_field_stands_once() -> None:
    with pytest.raises(WireError, match="field 1 occurs twice"):
        message(b"\x08\x01\x08\x02").integer(1)


def test_a_field_has_its_own_wire_type() -> None:
    with pytest.raises(WireError, match="field 1 has wire type 0"):
        message(b"\x08\x01").text(1)


def test_packed_numbers_are_whole() -> None:
    with pytest.raises(WireError, match="whole numbers"):
        message(b"\x0a\x03abc").packed(1, FOUR_BYTES)
    with pytest.raises(WireError, match="leaves its field"):
        message(b"\x0a\x01\x80\x10\x00").integers(1)


def test_nesting_ends() -> None:
    data = b""
    for _ in range(120):
        length = len(data)
        size = bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])
        data = b"\x0a" + size + data

    def deepest(read: Message) -> Message:
        while 1 in read:
            read = read.message(1)
        return read

    with pytest.raises(WireError, match="nested more than 100 deep"):
        deepest(message(data))


def test_fields_are_counted_over_all_messages() -> None:
    data = (b"\x0a\x08" + b"\x08\x01" * 4) * 2  # two fields, and four in each of them
    assert len(list(Message(Source(data, left=10)).messages(1))) == 2
    with pytest.raises(WireError, match="fields"):
        list(Message(Source(data, left=9)).messages(1))


def test_bytes_that_are_passed_over_are_not_copied() -> None:
    read = message(TensorProto(name="w", raw_data=bytes(1000)).SerializeToString())
    assert read.text(8) == "w"
    assert read.source.copied == 1
