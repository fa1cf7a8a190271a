# SPDX-License-Identifier: Apache-2.0
"""What a PNG image carries: its record in a chunk of text, and its content in the others.

The record is an iTXt chunk before IEND, after all pixels, so nothing moves
however large the image is. Before it a short tEXt chunk points to it.
"""

import fcntl
import hashlib
import os
from pathlib import Path

from provenance.errors import CanNotAttachError
from provenance.products import signpost
from provenance.products.ending import end_with
from provenance.products.found import Contents, Embedded, Embedding, Label, Part
from provenance.products.meaning import Sum, add, name_of, unordered
from provenance.products.png_chunks import Chunk, keyword_of, long_text, made, text, text_of, walk
from provenance.products.replacing import copy_range, rewriting

TEARS = False
_DOCUMENT = b"eb:provenance"
_POINTER = b"eb:record"
_PLACE = "iTXt chunk eb:provenance"
_END = made(b"IEND", b"")
_PAGE = 4096
_NOT_MEANING = frozenset((b"tEXt", b"zTXt", b"iTXt", b"tIME", b"eXIf", b"IEND"))


def recognises(path: Path) -> bool:  # noqa: ARG001 -- as all formats have it
    """Say yes: that it begins like PNG tells all."""
    return True


def media_type(path: Path) -> str:  # noqa: ARG001 -- as all formats have it
    """Return the type of PNG, and of an animation too."""
    return "image/png"


def read(path: Path, *, check: bool = True) -> Contents:
    """Read the attached document, and the digests of the image and of its animation.

    The digest of the pixels is of them as compressed, however they are cut
    into chunks. All else but text, EXIF and time is what the header means.

    Raises
    ------
    UnreadableProductError
        The file is damaged.
    """
    with path.open("rb") as file:
        fd = file.fileno()
        image, document, pointer = _Image(path, fd, check=check), None, signpost.Signpost()
        for chunk in walk(path, fd):
            match keyword_of(fd, chunk):
                case b"eb:provenance":
                    document = text_of(fd, chunk) or document
                case b"eb:record":
                    pointer = signpost.found(text_of(fd, chunk) or b"")
                case _:
                    image.add(chunk)
    embedded = None
    if document is not None:
        embedded = Embedded(document.decode("ascii", "replace"), _PLACE, None, pointer.record)
    return Contents(image.parts if check else (), embedded, *pointer)


class _Image:
    """Digests of an image, chunk by chunk."""

    def __init__(self, path: Path, fd: int, *, check: bool) -> None:
        self._path, self._fd, self._check = path, fd, check
        self._pixels, self._frames = hashlib.sha256(), hashlib.sha256()
        self._sizes = {b"IDAT": 0, b"fdAT": 0}
        self._said: list[bytes] = []
        self._moves = hashlib.sha256()

    def add(self, chunk: Chunk) -> None:
        match chunk.kind if self._check else b"IEND":
            case b"IDAT":
                self._take(self._pixels, chunk, 0)
            case b"fdAT":
                self._take(self._frames, chunk, 4)
            case b"acTL":
                add(self._moves, self._path, self._fd, chunk.data, chunk.end - 4)
            case b"fcTL":
                add(self._moves, self._path, self._fd, chunk.data + 4, chunk.end - 4)
            case kind:
                if kind in _NOT_MEANING:
                    return
                said = hashlib.sha256(kind)
                add(said, self._path, self._fd, chunk.data, chunk.end - 4)
                self._said.append(said.digest())

    def _take(self, total: Sum, chunk: Chunk, number: int) -> None:
        """Take pixels without the number that the chunk has in the sequence."""
        add(total, self._path, self._fd, chunk.data + number, chunk.end - 4)
        self._sizes[chunk.kind] += max(0, chunk.size - number)

    @property
    def parts(self) -> tuple[Part, ...]:
        image = Part("image", name_of(self._pixels), unordered(self._said), self._sizes[b"IDAT"])
        if not self._sizes[b"fdAT"]:
            return (image,)
        return image, Part("animation", name_of(self._frames), name_of(self._moves), self._sizes[b"fdAT"])


def embed(path: Path, document: bytes, label: Label) -> Embedding:
    """Put the document before IEND; one that was there before is taken out.

    The first one is written behind the end of the image, which is then moved
    behind it with one small write. For another the file is written anew.

    Raises
    ------
    CanNotAttachError
        There is no room, and the file is as it was.
    UnreadableProductError
        The file is damaged.
    """
    ending = text(_POINTER, signpost.written(label)) + long_text(_DOCUMENT, document) + _END
    with path.open("r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        fd = file.fileno()
        ours, end = _found(path, fd)
        if _texts(fd, ours) == [signpost.written(label), document]:
            return Embedding(_PLACE)
        if ours or not _is_simple(fd, end, ending):
            _rewrite(path, fd, [*ours, end], ending)
        else:
            end_with(path, fd, end.start, ending, first=len(_END))
    return Embedding(_PLACE)


def _found(path: Path, fd: int) -> tuple[list[Chunk], Chunk]:
    """Return the chunks that are ours, and IEND."""
    ours: list[Chunk] = []
    chunk = Chunk(b"", 0, 0)
    for chunk in walk(path, fd):
        if keyword_of(fd, chunk) in (_DOCUMENT, _POINTER):
            ours.append(chunk)
            if len(ours) > 1000:
                raise CanNotAttachError(path, "it has very many records")
    return ours, chunk


def _texts(fd: int, ours: list[Chunk]) -> list[bytes | None]:
    return [text_of(fd, chunk) for chunk in ours[:3]]


def _is_simple(fd: int, end: Chunk, ending: bytes) -> bool:
    """Whether only what a kill left follows IEND, and no kill can come amid its replacement."""
    after = os.pread(fd, 6, end.end)
    left = ending[len(_END) :][: len(after)]
    return after == left and end.start // _PAGE == (end.end - 1) // _PAGE


def _rewrite(path: Path, fd: int, out: list[Chunk], ending: bytes) -> None:
    with rewriting(path) as (old, new):
        at = 0
        for chunk in out:
            copy_range(old, new, at, chunk.start)
            at = chunk.end
        new.write(ending)
        new.flush()
        copy_range(old, new, at, os.fstat(fd).st_size)
