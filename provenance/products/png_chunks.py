# SPDX-License-Identifier: Apache-2.0
"""Walk over the chunks of a PNG file without trusting a byte of it, and make chunks of text.

The walk holds one chunk's place at a time. What a chunk is made of, and the
three kinds of text, are in section 5.3 and 11.3.3 of the standard.
"""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from provenance.errors import UnreadableProductError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXT_LIMIT = 1 << 20
_CHUNKS_LIMIT = 1 << 20
_OTHERS_LIMIT = 1 << 14
_PIXELS = (b"IDAT", b"fdAT")
_KEYWORD_LIMIT = 79


class Chunk(NamedTuple):
    """Where a chunk lies; ``size`` is of what is in it."""

    kind: bytes
    start: int
    size: int

    @property
    def data(self) -> int:
        """Where what is in it begins."""
        return self.start + 8

    @property
    def end(self) -> int:
        """Where the next chunk begins."""
        return self.start + 12 + self.size


def walk(path: Path, fd: int) -> Iterator[Chunk]:
    """Yield the chunks up to IEND.

    Raises
    ------
    UnreadableProductError
        The file is no PNG, or ends before IEND, or has more chunks than any image.
    """
    limit = os.fstat(fd).st_size
    at, others = len(SIGNATURE), 0
    for number in range(_CHUNKS_LIMIT):
        chunk = _chunk(path, fd, at, limit)
        others += chunk.kind not in _PIXELS
        if others > _OTHERS_LIMIT:
            break
        if not number and chunk.kind != b"IHDR":
            raise UnreadableProductError(path, "it does not begin with IHDR")
        yield chunk
        if chunk.kind == b"IEND":
            return
        at = chunk.end
    raise UnreadableProductError(path, "it has too many chunks")


def _chunk(path: Path, fd: int, at: int, limit: int) -> Chunk:
    head = os.pread(fd, 8, at)
    if len(head) < 8:
        raise UnreadableProductError(path, f"it is truncated: there is no IEND up to byte {limit}")
    chunk = Chunk(head[4:], at, int.from_bytes(head[:4], "big"))
    if not chunk.kind.isalpha():
        raise UnreadableProductError(path, f"there is no chunk at byte {at}")
    if chunk.end > limit:
        raise UnreadableProductError(path, f"it is truncated: a chunk should reach byte {chunk.end}")
    return chunk


def made(kind: bytes, data: bytes) -> bytes:
    """Return a chunk."""
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def text(keyword: bytes, value: bytes) -> bytes:
    """Return a chunk with a short text, which stands in it as it is."""
    return made(b"tEXt", keyword + b"\0" + value)


def long_text(keyword: bytes, value: bytes) -> bytes:
    """Return a chunk with a compressed text."""
    return made(b"iTXt", keyword + b"\0\1\0\0\0" + zlib.compress(value, 9))


def keyword_of(fd: int, chunk: Chunk) -> bytes | None:
    """Return the keyword of a chunk of text, None of another."""
    if chunk.kind not in (b"tEXt", b"iTXt"):
        return None
    keyword, end, _ = os.pread(fd, min(chunk.size, _KEYWORD_LIMIT + 1), chunk.data).partition(b"\0")
    return keyword if end else None


def text_of(fd: int, chunk: Chunk) -> bytes | None:
    """Return the text; None where it is longer than any of ours, or can't be decompressed."""
    if chunk.size > _TEXT_LIMIT:
        return None
    value = os.pread(fd, chunk.size, chunk.data).partition(b"\0")[2]
    if chunk.kind == b"tEXt":
        return value
    flags, (_, _, value) = value[:2], (value[2:].split(b"\0", 2) + [b""] * 3)[:3]
    if flags[:1] != b"\1":
        return value
    expanding = zlib.decompressobj()
    try:
        value = expanding.decompress(value, _TEXT_LIMIT)
    except zlib.error:
        return None
    return value if expanding.eof else None
