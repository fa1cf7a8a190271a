# SPDX-License-Identifier: Apache-2.0
"""The superblock of an HDF5 file: where the file's data end, and where its first group is.

Sections II.A of the HDF5 File Format Specification, versions 0 to 3.
"""

import os
import struct
from typing import NamedTuple

SIGNATURE = b"\x89HDF\r\n\x1a\n"

_FIRST_OF_OLD = 512
_LENGTH_OF_NEW = 48
_LENGTH_OF_OLD = 96
_OPEN_FOR_WRITING = 0b101
_MASK = 0xFFFFFFFF


class Superblock(NamedTuple):
    """Where it is, its bytes, and what they say."""

    at: int
    data: bytes
    version: int
    end: int

    @property
    def is_being_written(self) -> bool:
        """Whether a program says that it writes the file, or said so when it was killed."""
        return self.version >= 3 and bool(self.data[11] & _OPEN_FOR_WRITING)

    def moved(self, end: int, root: int) -> bytes:
        """Return the bytes for data that end elsewhere, and another first group."""
        new = bytearray(self.data)
        if self.version >= 2:
            struct.pack_into("<QQ", new, 28, end, root)
            struct.pack_into("<I", new, 44, _checksum(bytes(new[:44])))
            return bytes(new)
        shift = 4 if self.version else 0
        struct.pack_into("<Q", new, 40 + shift, end)
        # the cached copy of where the group keeps its links would be another group's
        struct.pack_into("<QII16x", new, 64 + shift, root, 0, 0)
        return bytes(new)


def superblock(fd: int) -> Superblock | None:
    """Return the superblock at the start or after a user block; None where there is none that is known."""
    size, at = os.fstat(fd).st_size, 0
    while at < size:
        head = os.pread(fd, _LENGTH_OF_OLD + 4, at)
        if head.startswith(SIGNATURE):
            return _parsed(at, head)
        at = at * 2 or _FIRST_OF_OLD
    return None


def _parsed(at: int, head: bytes) -> Superblock | None:
    version = head[8] if len(head) > 15 else 255
    widths = head[9:11] if version >= 2 else head[13:15]
    if version > 3 or widths != b"\x08\x08":
        return None
    length = _LENGTH_OF_NEW if version >= 2 else _LENGTH_OF_OLD + 4 * version
    if len(head) < length:
        return None
    where = 28 if version >= 2 else 40 + 4 * version
    return Superblock(at, head[:length], version, struct.unpack_from("<Q", head, where)[0])


def _checksum(data: bytes) -> int:
    """Return Jenkins' lookup3 of the bytes, as the specification asks for."""
    a = b = c = 0xDEADBEEF + len(data) & _MASK
    words = list(struct.unpack(f"<{-(-len(data) // 12) * 3}I", data.ljust(-(-len(data) // 12) * 12, b"\0")))
    while len(words) > 3:
        a, b, c = (a + words[0]) & _MASK, (b + words[1]) & _MASK, (c + words[2]) & _MASK
        a, b, c = _mixed(a, b, c)
        del words[:3]
    return _final((a + words[0]) & _MASK, (b + words[1]) & _MASK, (c + words[2]) & _MASK)


def _mixed(a: int, b: int, c: int) -> tuple[int, int, int]:
    for turn in (4, 6, 8, 16, 19, 4):
        a = (a - c & _MASK) ^ _turned(c, turn)
        c = c + b & _MASK
        a, b, c = b, c, a
    return a, b, c


def _final(a: int, b: int, c: int) -> int:
    for turn in (14, 11, 25, 16, 4, 14, 24):
        c = (c ^ b) - _turned(b, turn) & _MASK
        a, b, c = b, c, a
    return b


def _turned(word: int, by: int) -> int:
    return (word << by | word >> 32 - by) & _MASK
