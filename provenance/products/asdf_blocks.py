# SPDX-License-Identifier: Apache-2.0
"""The binary blocks of an ASDF file: where they lie and what is in them."""

import bz2
import hashlib
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from provenance.errors import UnreadableProductError
from provenance.products.meaning import most_expanded

MAGIC = b"\xd3BLK"
INDEX = b"#ASDF BLOCK INDEX"
_FIELDS = struct.Struct(">I4sQQQ16s")
_STREAMED = 1
_CHUNK = 1 << 18
_BLOCK_LIMIT = 100_000
_DECODERS: dict[bytes, Callable[[], Any]] = {b"zlib": zlib.decompressobj, b"bzp2": bz2.BZ2Decompressor}


class Block(NamedTuple):
    """A block: where it, its data and what follows begin; ``size`` is of the data once decompressed."""

    start: int
    data: int
    used: int
    end: int
    size: int
    compression: bytes


def blocks(path: Path, file: BinaryIO, start: int, limit: int) -> Iterator[Block]:
    """Yield the blocks that follow the tree, which ends at ``start``.

    Raises
    ------
    UnreadableProductError
        The file is truncated, or its blocks make no sense.
    """
    at = after_padding(file, start)
    for _ in range(_BLOCK_LIMIT):
        file.seek(at)
        head = file.read(len(MAGIC) + 2)
        if head[:4] != MAGIC:
            return
        block = _block(path, file, at, int.from_bytes(head[4:], "big"), limit)
        yield block
        at = block.end
    raise UnreadableProductError(path, f"it has more than {_BLOCK_LIMIT} blocks")


def after_padding(file: BinaryIO, start: int) -> int:
    """Return where the zeros that begin at ``start`` end."""
    file.seek(start)
    while chunk := file.read(_CHUNK):
        rest = chunk.lstrip(b"\0")
        start += len(chunk) - len(rest)
        if rest:
            break
    return start


def _block(path: Path, file: BinaryIO, at: int, length: int, limit: int) -> Block:
    fields = file.read(length)
    if len(fields) != length or length < _FIELDS.size:
        raise UnreadableProductError(path, f"the block at byte {at} has no whole header")
    flags, compression, allocated, used, size, _ = _FIELDS.unpack_from(fields)
    data = at + len(MAGIC) + 2 + length
    if flags & _STREAMED:
        return Block(at, data, limit - data, limit, limit - data, b"\0\0\0\0")
    if used > allocated or data + allocated > limit:
        raise UnreadableProductError(
            path, f"it is truncated: the block at byte {at} should have {used} bytes"
        )
    return Block(at, data, used, data + allocated, size, compression)


def digest(path: Path, file: BinaryIO, block: Block) -> str:
    """Return the SHA-256 of the block's data, decompressed where the standard library can.

    Raises
    ------
    UnreadableProductError
        The data can't be decompressed, or to more than they should be.
    """
    sha, size = hashlib.sha256(), 0
    pieces = _raw(file, block)
    if block.compression in _DECODERS:
        limit = min(block.size, most_expanded(block.used))
        for piece in _decoded(path, pieces, _DECODERS[block.compression]()):
            size += len(piece)
            if size > limit:
                raise UnreadableProductError(
                    path, f"the block at byte {block.start} expands to more than it says"
                )
            sha.update(piece)
    else:
        for piece in pieces:
            sha.update(piece)
    return sha.hexdigest()


def _raw(file: BinaryIO, block: Block) -> Iterator[bytes]:
    file.seek(block.data)
    left = block.used
    while left and (piece := file.read(min(_CHUNK, left))):
        left -= len(piece)
        yield piece


def _decoded(path: Path, pieces: Iterator[bytes], decoder: Any) -> Iterator[bytes]:
    try:
        for piece in pieces:
            if decoder.eof:
                return
            yield decoder.decompress(piece, _CHUNK)
            while not decoder.eof and (more := decoder.decompress(_left(decoder), _CHUNK)):
                yield more
    except (zlib.error, OSError) as reason:
        raise UnreadableProductError(path, f"a block can't be decompressed: {reason}") from reason
    if not decoder.eof:
        raise UnreadableProductError(path, "a compressed block is cut off")


def _left(decoder: Any) -> bytes:
    """Return what zlib gives back, to be given again; bz2 keeps it."""
    left: bytes = getattr(decoder, "unconsumed_tail", b"")
    return left
