# SPDX-License-Identifier: Apache-2.0
"""Put a record into a TIFF file: a copy of the first directory at the end, with the document.

Nothing moves: the values of the copied entries stay where they are. Once all
of it is written, the header is switched to the new directory with one write
of 4 or 8 bytes, so at any moment there is one good first directory.

What is appended is a block that says how long it is and where the first one
began. Another record goes into a block that is not in use any more, or
behind the last one, so the file does not grow with each.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from provenance.errors import CanNotAttachError
from provenance.products import signpost
from provenance.products.ending import cut_back, write
from provenance.products.found import Label
from provenance.products.tiff_content import DOCUMENT, RECORD, XMP
from provenance.products.tiff_ifds import Entry, Tiff

_MAGIC = b"EB\x1aPROV\n"
_ALIGNED = 16
_HEAD = 32
_ASCII, _BYTE = 2, 1
_CLASSIC_LIMIT = (1 << 32) - 1
_ENTRIES_LIMIT = 0xFFFF
_BLOCKS_LIMIT = 16
_FAR = 1 << 62
_HAMAMATSU = 65420
_CLOUD = b"GDAL_STRUCTURAL_METADATA"
READ_LIMIT = 1 << 20


class _Ours(NamedTuple):
    """The blocks of ours at the end of a file: where the first begins, and the one in use."""

    base: int
    start: int
    end: int


def attach(path: Path, document: bytes, label: Label) -> None:
    """Append the document; a second call with the same changes nothing.

    Raises
    ------
    CanNotAttachError
        The file has no place for it, and is as it was.
    UnreadableProductError
        The file is damaged.
    """
    with path.open("r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        tiff = Tiff(path, file.fileno())
        first = tiff.directory(tiff.first)
        _refuse(tiff, first.entry(_HAMAMATSU))
        there = (_value(tiff, first.entry(DOCUMENT)), _value(tiff, first.entry(RECORD)))
        if there == (document + b"\0", label.record.encode() + b"\0"):
            return
        kept = [one for one in first.entries if one.tag not in (DOCUMENT, RECORD) and not _points(tiff, one)]
        _put(tiff, _Block(tiff, document, label, kept, first.next), _ours(tiff, first.entry(DOCUMENT)))


def _refuse(tiff: Tiff, hamamatsu: Entry | None) -> None:
    if not tiff.first:
        raise CanNotAttachError(tiff.path, "it has no page")
    if hamamatsu is not None:
        raise CanNotAttachError(tiff.path, "a slide of Hamamatsu has directories of another kind")
    if os.pread(tiff.fd, len(_CLOUD), tiff.layout.first + tiff.layout.offset) == _CLOUD:
        raise CanNotAttachError(tiff.path, "a cloud-optimised file would lose its order")


def _value(tiff: Tiff, entry: Entry | None) -> bytes | None:
    return None if entry is None else tiff.value(entry, READ_LIMIT)


def _points(tiff: Tiff, entry: Entry) -> bool:
    """Whether it is an XMP packet of ours; one of anybody else stays."""
    return entry.tag == XMP and signpost.is_ours(tiff.value(entry, READ_LIMIT) or b"")


class _Block:
    """A head, the document, what points to the record, and the first directory."""

    def __init__(self, tiff: Tiff, document: bytes, label: Label, kept: list[Entry], second: int) -> None:
        self._tiff, self._kept, self._second = tiff, kept, second
        self._values = [(DOCUMENT, _ASCII, document + b"\0"), (RECORD, _ASCII, label.record.encode() + b"\0")]
        if not any(entry.tag == XMP for entry in kept):
            self._values.append((XMP, _BYTE, signpost.in_xmp(label)))
        if len(kept) + len(self._values) > _ENTRIES_LIMIT:
            raise CanNotAttachError(tiff.path, "its first directory is full")
        self.directory = _HEAD + sum(_padded(len(value)) for _, _, value in self._values)
        self.size = self.directory + _padded(len(self._directory(self._entries(0))))

    def at(self, start: int, base: int) -> bytes:
        """Return the bytes for a place in the file."""
        head = _MAGIC + self.size.to_bytes(8, "little") + base.to_bytes(8, "little")
        values = [value.ljust(_padded(len(value)), b"\0") for _, _, value in self._values]
        directory = self._directory(self._entries(start))
        return b"".join((head.ljust(_HEAD, b"\0"), *values, directory)).ljust(self.size, b"\0")

    def _entries(self, start: int) -> Iterator[tuple[int, bytes]]:
        layout = self._tiff.layout
        at = start + _HEAD
        for tag, kind, value in self._values:
            count, place = layout.written(len(value), layout.offset), layout.written(at, layout.offset)
            yield tag, layout.written(tag, 2) + layout.written(kind, 2) + count + place
            at += _padded(len(value))
        for entry in self._kept:
            count = layout.written(entry.number, layout.offset)
            yield (
                entry.tag,
                layout.written(entry.tag, 2) + layout.written(entry.type, 2) + count + entry.field,
            )

    def _directory(self, entries: Iterable[tuple[int, bytes]]) -> bytes:
        layout = self._tiff.layout
        written = [entry for _, entry in sorted(entries, key=itemgetter(0))]
        count, second = (
            layout.written(len(written), layout.length),
            layout.written(self._second, layout.offset),
        )
        return b"".join((count, *written, second))


def _padded(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED


def _ours(tiff: Tiff, document: Entry | None) -> _Ours | None:
    """Return the blocks at the end of the file, if they are all of ours and the one in use is among them."""
    place = tiff.place(document) if document is not None else None
    if place is None or not _HEAD <= place < tiff.size:
        return None
    start = place - _HEAD
    at = base = int.from_bytes(os.pread(tiff.fd, 8, start + 16), "little")
    ends: dict[int, int] = {}
    while at < tiff.size and len(ends) < _BLOCKS_LIMIT:
        head = os.pread(tiff.fd, _HEAD, at) if at <= _FAR else b""
        size = int.from_bytes(head[8:16], "little")
        if not head.startswith(_MAGIC) or size < _HEAD:
            return None
        ends[at] = at + size
        at += size
    return _Ours(base, start, ends[start]) if at == tiff.size and start in ends else None


def _put(tiff: Tiff, block: _Block, ours: _Ours | None) -> None:
    """Write the block where none is in use, switch to it, and drop what is behind it and of no use."""
    if ours is None:
        start = base = _padded(tiff.size)
    else:
        base = ours.base
        start = base if block.size <= ours.start - base else ours.end
    layout = tiff.layout
    if not layout.is_big and start + block.size > _CLASSIC_LIMIT:
        raise CanNotAttachError(tiff.path, "a TIFF file that is no BigTIFF ends before 4 GiB")
    with cut_back(tiff.path, tiff.fd, tiff.size):
        write(tiff.fd, block.at(start, base), start)
    write(tiff.fd, layout.written(start + block.directory, layout.offset), layout.first)
    if ours is not None:
        os.ftruncate(tiff.fd, start + block.size)
