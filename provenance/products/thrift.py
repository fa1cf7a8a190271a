# SPDX-License-Identifier: Apache-2.0
"""The compact protocol of Apache Thrift: find fields, and write few, without knowing the rest.

Every value that is passed over takes at least a byte, so time is bounded by
the length of the text, and depth by a limit.
"""

from collections.abc import Iterator
from typing import NamedTuple

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT, UUID = range(1, 14)
_DEPTH_LIMIT = 32
_VARINT_LIMIT = 10
_STOP = 0
_SIZES = {TRUE: 0, FALSE: 0, BYTE: 1, DOUBLE: 8, UUID: 16}
"""Bytes of the types of one length; a boolean is in the type of its field, but for lists."""
_NUMBERS = (I16, I32, I64)


class Field(NamedTuple):
    """A field of a struct, and where its value is; that of a boolean is in its type."""

    id: int
    type: int
    start: int
    end: int


class Text:
    """What is written in the compact protocol; an IndexError says that it ends in the middle."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def fields(self, at: int) -> Iterator[Field]:
        """Yield the fields of the struct at ``at``; the last one is of type 0 and ends where the struct does.

        Raises
        ------
        ValueError
            There is none, or it is nested too deep.
        IndexError
            The text ends before.
        """
        last = 0
        while head := self.data[at]:
            at += 1
            if head >> 4:
                last += head >> 4
            else:
                last, at = self.number(at)
            end = self._after(head & 0x0F, at, 1)
            yield Field(last, head & 0x0F, at, end)
            at = end
        yield Field(0, _STOP, at, at + 1)

    def structs(self, field: Field) -> Iterator[int]:
        """Yield where each struct of a list begins.

        Raises
        ------
        ValueError
            It is no list of structs.
        IndexError
            The text ends before.
        """
        kind, count, at = self._items(field.start) if field.type == LIST else (BINARY, 1, 0)
        if count and kind != STRUCT:
            raise ValueError(f"field {field.id} is no list of structs")
        for _ in range(count):
            yield at
            at = self._after_struct(at, 1)

    def number(self, at: int) -> tuple[int, int]:
        """Return the number at ``at`` and where it ends."""
        value, at = self._varint(at)
        return (value >> 1) ^ -(value & 1), at

    def binary(self, at: int) -> bytes:
        """Return the bytes that a length at ``at`` goes before."""
        size, at = self._varint(at)
        return self.data[at : self._within(at, size)]

    def _within(self, at: int, size: int) -> int:
        if size > len(self.data) - at:
            raise ValueError(f"{size} bytes at byte {at}")
        return at + size

    def _varint(self, at: int) -> tuple[int, int]:
        byte = self.data[at]
        if byte < 0x80:
            return byte, at + 1
        value = 0
        for shift in range(0, 7 * _VARINT_LIMIT, 7):
            byte = self.data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
        raise ValueError(f"a number of more than {_VARINT_LIMIT} bytes at byte {at}")

    def _items(self, at: int) -> tuple[int, int, int]:
        """Return the type and count of a list's items, and where the first begins."""
        head = self.data[at]
        count, at = (head >> 4, at + 1) if head >> 4 < 15 else self._varint(at + 1)
        self._within(at, count)
        return head & 0x0F, count, at

    def _after(self, kind: int, at: int, depth: int) -> int:
        """Return where the value of a field of that type ends."""
        if kind in _NUMBERS:
            return self._varint(at)[1]
        if kind == BINARY:
            size, at = self._varint(at)
            return self._within(at, size)
        if kind == STRUCT:
            return self._after_struct(at, depth)
        if kind in (LIST, SET):
            inner, count, at = self._items(at)
            return self._after_items((inner,), count, at, depth)
        if kind == MAP:
            return self._after_map(at, depth)
        return self._within(at, _size(kind))

    def _after_struct(self, at: int, depth: int) -> int:
        _not_below(depth)
        data = self.data
        while head := data[at]:
            at += 1
            if not head & 0xF0:
                at = self._varint(at)[1]
            kind = head & 0x0F
            if kind in _NUMBERS and data[at] < 0x80:  # most values are, and footers are long
                at += 1
            else:
                at = self._after(kind, at, depth + 1)
        return at + 1

    def _after_items(self, kinds: tuple[int, ...], count: int, at: int, depth: int) -> int:
        _not_below(depth)
        for _ in range(count):
            for kind in kinds:
                # in a list a boolean is a byte
                at = self._within(at, 1) if kind in (TRUE, FALSE) else self._after(kind, at, depth + 1)
        return at

    def _after_map(self, at: int, depth: int) -> int:
        count, at = self._varint(at)
        self._within(at, count)
        if not count:
            return at
        kinds = self.data[at]
        return self._after_items((kinds >> 4, kinds & 0x0F), count, at + 1, depth)


def _size(kind: int) -> int:
    if kind not in _SIZES:
        raise ValueError(f"a value of type {kind}")
    return _SIZES[kind]


def _not_below(depth: int) -> None:
    if depth > _DEPTH_LIMIT:
        raise ValueError(f"more than {_DEPTH_LIMIT} values in one another")


def varint(value: int) -> bytes:
    """Return a number that is not negative."""
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*written, value))


def binary(value: bytes) -> bytes:
    """Return bytes, with their length before."""
    return varint(len(value)) + value


def head(last: int, number: int, kind: int) -> bytes:
    """Return what goes before the value of a field that follows that of number ``last``."""
    if 0 < number - last < 16:
        return bytes(((number - last) << 4 | kind,))
    return bytes((kind,)) + varint((number << 1) ^ (number >> 63))


def struct_list(items: list[bytes]) -> bytes:
    """Return a list of structs."""
    if len(items) < 15:
        return bytes((len(items) << 4 | STRUCT,)) + b"".join(items)
    return bytes((0xF0 | STRUCT,)) + varint(len(items)) + b"".join(items)
