# SPDX-License-Identifier: Apache-2.0
"""Walk over the segments of a JPEG file without trusting a byte of it.

Segments are those of ITU-T T.81, B.1. The walk holds one segment's place at
a time. Coded data, which only end where a marker comes, are read through
once in small pieces.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from provenance.errors import UnreadableProductError

SOI, EOI, SOS, COM = 0xD8, 0xD9, 0xDA, 0xFE
APP0, APP1, APP2, APP9, APP14, APP15 = 0xE0, 0xE1, 0xE2, 0xE9, 0xEE, 0xEF
START = b"\xff\xd8\xff"
_ALONE = frozenset((0x01, *range(0xD0, 0xD9), EOI))
_SEGMENTS_LIMIT = 1 << 14
_FILL_LIMIT = 1 << 12
_CHUNK = 1 << 18
# neither stuffed nor restart markers, nor what JPEG-LS escapes, end coded data
_MARKER = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")


class Segment(NamedTuple):
    """Where a segment lies, its marker at ``start``; that of SOS has the coded data too."""

    marker: int
    start: int
    data: int
    end: int

    @property
    def is_application(self) -> bool:
        """Whether programs put here what they like."""
        return APP0 <= self.marker <= APP15


def walk(path: Path, fd: int, *, coded: bool = True) -> Iterator[Segment]:
    """Yield the segments after SOI up to EOI, or up to the end of a file that has none.

    Without ``coded`` the walk ends where the first coded data begin.

    Raises
    ------
    UnreadableProductError
        The file is no JPEG, or has more segments than any image.
    """
    limit = os.fstat(fd).st_size
    at = 2
    for _ in range(_SEGMENTS_LIMIT):
        segment = _segment(path, fd, at, limit)
        if segment.marker == SOS and coded:
            segment = segment._replace(end=_end_of_coded(fd, segment.end, limit))
        yield segment
        if segment.marker == EOI or (segment.marker == SOS and (not coded or segment.end == limit)):
            return
        at = segment.end
    raise UnreadableProductError(path, "it has too many segments")


def _segment(path: Path, fd: int, at: int, limit: int) -> Segment:
    head = os.pread(fd, 4, at)
    if head.startswith(b"\xff\xff"):
        head = os.pread(fd, _FILL_LIMIT, at)
    marker = head.lstrip(b"\xff")[:1]
    fill = len(head) - len(head.lstrip(b"\xff"))
    if not marker or not fill:
        what = "it is truncated before its image" if at + len(head) >= limit else "there is no marker"
        raise UnreadableProductError(path, f"{what} at byte {at}")
    start = at + fill - 1
    if marker[0] in _ALONE:
        return Segment(marker[0], start, start + 2, start + 2)
    size = int.from_bytes(os.pread(fd, 2, start + 2), "big")
    if size < 2 or start + 2 + size > limit:
        raise UnreadableProductError(path, f"it is truncated, or damaged at byte {start}")
    return Segment(marker[0], start, start + 4, start + 2 + size)


def _end_of_coded(fd: int, at: int, limit: int) -> int:
    while at < limit:
        data = os.pread(fd, _CHUNK, at)
        found = _MARKER.search(data)
        if found is not None:
            return at + found.start()
        if len(data) < 2:
            return limit
        at += len(data) - 1  # a marker may begin with the last byte
    return limit
