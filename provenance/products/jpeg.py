# SPDX-License-Identifier: Apache-2.0
"""What a JPEG image carries: its record in APP9 segments, and its content in the coded image.

The record goes before the image, so the file is written anew. It goes before
an MPF segment too, from which the places of further pictures are counted. A
comment after it points to it: the one thing that programs keep which save an
image again.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from provenance.canonical import ni_of_hex
from provenance.products import signpost
from provenance.products.found import Contents, Embedded, Embedding, Label, Part
from provenance.products.jpeg_segments import (
    APP0,
    APP1,
    APP2,
    APP9,
    APP14,
    COM,
    EOI,
    Segment,
    walk,
)
from provenance.products.meaning import add, name_of, unordered
from provenance.products.replacing import copy_range, rewriting
from provenance.products.signpost import Signpost

TEARS = False
_NAME = b"eb:provenance\0"
_PLACE = "APP9 segments eb:provenance"
_POINTER = b'eb:record="'
_PIECE = 65_000
_PIECES_LIMIT = 16


def recognises(path: Path) -> bool:  # noqa: ARG001 -- as all formats have it
    """Say yes: that it begins like JPEG tells all."""
    return True


def media_type(path: Path) -> str:  # noqa: ARG001 -- as all formats have it
    """Return the type of JPEG."""
    return "image/jpeg"


def read(path: Path, *, check: bool = True) -> Contents:
    """Read the attached document, and the digests of the image and of what comes after it.

    The digest of the image is of its tables and coded data. Of the rest only
    JFIF's resolution, Adobe's colour transform and an ICC profile mean
    something. Further pictures and all else after EOI are a part.

    Raises
    ------
    UnreadableProductError
        The file is damaged.
    """
    with path.open("rb") as file:
        fd = file.fileno()
        parts = _parts(path, fd) if check else ()
        pieces, pointer = _carried(path, fd)
    if not pieces:
        return Contents(parts, None, *pointer)
    document = b"".join(pieces).decode("ascii", "replace")
    return Contents(parts, Embedded(document, _PLACE, None, pointer.record), *pointer)


def _carried(path: Path, fd: int) -> tuple[list[bytes], Signpost]:
    """Return the pieces of the document, and what a comment points to."""
    pieces: list[bytes] = []
    pointer = Signpost()
    for segment in walk(path, fd, coded=False):
        if _is_piece(fd, segment) and len(pieces) < _PIECES_LIMIT:
            pieces.append(os.pread(fd, segment.end - segment.data, segment.data)[len(_NAME) :])
        elif _is_pointer(fd, segment):
            pointer = signpost.found(os.pread(fd, segment.end - segment.data, segment.data))
    return pieces, pointer


def _is_piece(fd: int, segment: Segment) -> bool:
    return segment.marker == APP9 and _begins(fd, segment, _NAME)


def _is_pointer(fd: int, segment: Segment) -> bool:
    return segment.marker == COM and _begins(fd, segment, _POINTER)


def _begins(fd: int, segment: Segment, name: bytes) -> bool:
    return segment.end - segment.data >= len(name) and os.pread(fd, len(name), segment.data) == name


def _parts(path: Path, fd: int) -> tuple[Part, ...]:
    data, size, said = hashlib.sha256(), 0, []
    after = limit = os.fstat(fd).st_size
    for segment in walk(path, fd):
        if segment.marker == EOI:
            after = segment.end
        elif not segment.is_application and segment.marker != COM:
            add(data, path, fd, segment.start, segment.end)
            size += segment.end - segment.start
        elif meaning := _meaning(fd, segment):
            said.append(hashlib.sha256(meaning).digest())
    image = Part("image", name_of(data), unordered(said), size)
    if after == limit:
        return (image,)
    rest = hashlib.sha256()
    add(rest, path, fd, after, limit)
    return image, Part("after the image", ni_of_hex(rest.hexdigest()), None, limit - after)


def _meaning(fd: int, segment: Segment) -> bytes | None:
    """Return what a segment of an application says about how the image looks."""
    said = os.pread(fd, segment.end - segment.data, segment.data)
    if segment.marker == APP0 and said.startswith(b"JFIF\0"):
        return said[:12]  # without its thumbnail
    adobe = segment.marker == APP14 and said.startswith(b"Adobe")
    profile = segment.marker == APP2 and said.startswith(b"ICC_PROFILE\0")
    return said if adobe or profile else None


def embed(path: Path, document: bytes, label: Label) -> Embedding:
    """Put the document before the image; one that was there before is taken out.

    Raises
    ------
    CanNotAttachError
        There is no room, and the file is as it was.
    UnreadableProductError
        The file is damaged.
    """
    with path.open("r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        fd = file.fileno()
        pieces, pointer = _carried(path, fd)
        if b"".join(pieces) == document and pointer == signpost.found(signpost.written(label)):
            return Embedding(_PLACE)
        place = _place(path, fd)
        ours = [one for one in walk(path, fd, coded=False) if _is_piece(fd, one) or _is_pointer(fd, one)]
        with rewriting(path) as (old, new):
            copy_range(old, new, 0, place)
            new.writelines(_segments(document, label))
            new.flush()
            at = place
            for segment in ours:
                copy_range(old, new, at, segment.start)
                at = segment.end
            copy_range(old, new, at, os.fstat(fd).st_size)
    return Embedding(_PLACE)


def _place(path: Path, fd: int) -> int:
    """Return where the segments end that JFIF and Exif want first."""
    place = 2
    for segment in walk(path, fd, coded=False):
        if segment.marker not in (APP0, APP1):
            break
        place = segment.end
    return place


def _segments(document: bytes, label: Label) -> Iterator[bytes]:
    for at in range(0, len(document), _PIECE):
        yield _segment(APP9, _NAME + document[at : at + _PIECE])
    yield _segment(COM, signpost.written(label))


def _segment(marker: int, data: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(data) + 2).to_bytes(2, "big") + data
