# SPDX-License-Identifier: Apache-2.0
"""Read the image file directories of a TIFF file without trusting a byte of it.

Both TIFF 6.0 and BigTIFF, in both byte orders. Whatever the file says, at
most 64 MiB of directories are read, no bytes outside the file, and no more
than four times the file.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from provenance.errors import UnreadableProductError

_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
"""Bytes of one value, by the number of its type."""
_WHOLE = (1, 3, 4, 13, 16, 18)
_ENTRIES_LIMIT = 0xFFFF
_DIRECTORIES_LIMIT = 64 << 20
_TIMES = 4
_CHUNK = 1 << 16


class Layout(NamedTuple):
    """How numbers are written, and how many bytes directories have for them."""

    order: Literal["little", "big"]
    is_big: bool

    @property
    def offset(self) -> int:
        """Bytes of an offset, and of the value in an entry."""
        return 8 if self.is_big else 4

    @property
    def length(self) -> int:
        """Bytes of the count of entries."""
        return 8 if self.is_big else 2

    @property
    def first(self) -> int:
        """Where the header says where the first directory is."""
        return 8 if self.is_big else 4

    def number(self, data: bytes) -> int:
        """Return the number that the bytes are."""
        return int.from_bytes(data, self.order)

    def written(self, number: int, size: int) -> bytes:
        """Return the bytes that a number is written as."""
        return number.to_bytes(size, self.order)


LAYOUTS = {
    b"II*\0": Layout("little", is_big=False),
    b"MM\0*": Layout("big", is_big=False),
    b"II+\0\x08\0\0\0": Layout("little", is_big=True),
    b"MM\0+\0\x08\0\0": Layout("big", is_big=True),
}
"""How files of each layout begin."""


class Entry(NamedTuple):
    """An entry of a directory; ``field`` is the value, or where it is."""

    tag: int
    type: int
    number: int
    field: bytes

    @property
    def each(self) -> int:
        """Bytes of one value."""
        return _SIZES.get(self.type, 1)

    @property
    def size(self) -> int:
        """Bytes of all values."""
        return self.number * self.each


class Directory(NamedTuple):
    """A page, or an image within one; ``next`` is where the next page is."""

    entries: tuple[Entry, ...]
    next: int

    def entry(self, tag: int) -> Entry | None:
        """Return the entry of that tag."""
        return next((entry for entry in self.entries if entry.tag == tag), None)


class Tiff:
    """A TIFF file, and how much more of it may be read."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path, self.fd = path, fd
        self.size = os.fstat(fd).st_size
        self._left = _TIMES * self.size
        self._directories = _DIRECTORIES_LIMIT
        head = os.pread(fd, 16, 0)
        layout = LAYOUTS.get(head[:4]) or LAYOUTS.get(head[:8])
        if layout is None or len(head) < layout.first + layout.offset:
            raise UnreadableProductError(path, "it does not begin like TIFF")
        self.layout = layout
        self.first = layout.number(head[layout.first :][: layout.offset])

    def within(self, start: int, size: int) -> None:
        """Say that bytes are going to be read.

        Raises
        ------
        UnreadableProductError
            They are not in the file, or more were read already than any TIFF has.
        """
        if start + size > self.size:
            raise UnreadableProductError(self.path, f"it is truncated: it should reach byte {start + size}")
        self._left -= size
        if self._left < 0:
            raise UnreadableProductError(self.path, "its images lie in one another")

    def bytes_at(self, start: int, size: int) -> bytes:
        """Return bytes of the file; the caller has a limit for them."""
        self.within(start, size)
        return os.pread(self.fd, size, start)

    def directory(self, at: int) -> Directory:
        """Return the directory at an offset.

        Raises
        ------
        UnreadableProductError
            There is none.
        """
        layout = self.layout
        count = layout.number(self.bytes_at(at, layout.length))
        each = 4 + 2 * layout.offset
        self._directories -= count * each
        if count > _ENTRIES_LIMIT or self._directories < 0:
            raise UnreadableProductError(self.path, "it has larger directories than any TIFF")
        data = self.bytes_at(at + layout.length, count * each + layout.offset)
        entries = tuple(self._entry(data[start : start + each]) for start in range(0, count * each, each))
        return Directory(entries, layout.number(data[-layout.offset :]))

    def _entry(self, data: bytes) -> Entry:
        number, size = self.layout.number, self.layout.offset
        return Entry(number(data[:2]), number(data[2:4]), number(data[4 : 4 + size]), data[4 + size :])

    def place(self, entry: Entry) -> int | None:
        """Return where the values are; None where they are in the entry."""
        return None if entry.size <= self.layout.offset else self.layout.number(entry.field)

    def value(self, entry: Entry, limit: int) -> bytes | None:
        """Return the bytes of all values; None of more than ``limit``."""
        at = self.place(entry)
        if at is None:
            return entry.field[: entry.size]
        return self.bytes_at(at, entry.size) if entry.size <= limit else None

    def numbers(self, entry: Entry) -> Iterator[int]:
        """Yield the values of an entry of whole numbers, few at a time."""
        if entry.type not in _WHOLE:
            raise UnreadableProductError(self.path, f"its tag {entry.tag} has no whole numbers")
        at = self.place(entry)
        if at is None:
            yield from self._split(entry.field[: entry.size], entry.each)
            return
        for start in range(at, at + entry.size, _CHUNK):
            yield from self._split(self.bytes_at(start, min(_CHUNK, at + entry.size - start)), entry.each)

    def _split(self, data: bytes, each: int) -> Iterator[int]:
        for start in range(0, len(data), each):
            yield self.layout.number(data[start : start + each])

    def pages(self) -> Iterator[Directory]:
        """Yield the directories of the pages in order.

        Raises
        ------
        UnreadableProductError
            One is not there, or they go round in a circle.
        """
        at, hare, steps, power = self.first, 0, 0, 1
        while at:
            if at == hare:
                raise UnreadableProductError(self.path, "its pages go round in a circle")
            if steps == power:  # Brent's way to find a circle without a memory of where one was
                hare, steps, power = at, 0, 2 * power
            page = self.directory(at)
            yield page
            at, steps = page.next, steps + 1
