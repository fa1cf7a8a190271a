# SPDX-License-Identifier: Apache-2.0
"""The bodies of answers: bounded, and unpacked by ourselves so that the bound holds."""

import zlib
from collections.abc import Iterable, Iterator

_GZIP = 16 + zlib.MAX_WBITS
_PIECE = 1 << 20


class BodyError(Exception):
    """A body that can't be read, and why."""


class CutBodyError(BodyError):
    """A body that ends before its end."""


def whole(pieces: Iterable[bytes], encoding: str, most: int) -> bytes:
    """Return a body of at most so many bytes, unpacked.

    Raises
    ------
    BodyError
        It is larger, or packed in a way that was not asked for.
    """
    got, size = [], 0
    for piece in unpacked(pieces, encoding):
        size += len(piece)
        if size > most:
            raise BodyError(f"it is larger than {most >> 20} MiB")
        got.append(piece)
    return b"".join(got)


def unpacked(pieces: Iterable[bytes], encoding: str) -> Iterable[bytes]:
    """Return the pieces of a body as they were before the server packed them.

    Raises
    ------
    BodyError
        It is packed in a way that was not asked for.
    """
    if encoding in ("", "identity"):
        return pieces
    if encoding in ("gzip", "x-gzip"):
        return _inflated(pieces)
    raise BodyError(f"its encoding is {encoding[:40]!r}, which was not asked for")


def _inflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    unpacker, is_empty = zlib.decompressobj(_GZIP), True
    for piece in pieces:
        rest = piece
        is_empty = is_empty and not rest
        while rest:
            if unpacker.eof:  # one member may follow another
                unpacker = zlib.decompressobj(_GZIP)
            yield _step(unpacker, rest)
            rest = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    if not (unpacker.eof or is_empty):  # servers say gzip of a body that is not there, as with 304
        raise CutBodyError("its gzip ends too early")


def _step(unpacker: "zlib._Decompress", piece: bytes) -> bytes:
    try:
        return unpacker.decompress(piece, _PIECE)
    except zlib.error as wrong:
        raise BodyError(f"its gzip is broken: {wrong}") from wrong
