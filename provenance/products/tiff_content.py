# SPDX-License-Identifier: Apache-2.0
"""What is content in a TIFF file: the strips and tiles of each image, and what its tags say of them."""

import hashlib
from collections.abc import Iterator
from itertools import repeat

from provenance.errors import UnreadableProductError
from provenance.products.found import Part
from provenance.products.meaning import Sum, add, name_of, unordered
from provenance.products.tiff_ifds import Directory, Entry, Tiff

DOCUMENT, RECORD = 65220, 65221
"""Our tags, of those that everybody may use within a file."""
XMP = 700

_WIDTH, _LENGTH, _BITS, _COMPRESSION, _SAMPLES, _SUB = 256, 257, 258, 259, 277, 330
_STRIPS = ((273, 279), (324, 325), (513, 514))
"""Where strips, tiles and old JPEG streams are, and how long each is."""
_PLACES = (273, 279, 324, 325, 513, 514, 288, 289, 519, 520, 521, _SUB, 34665, 34853, 40965)
_ABOUT = (305, 306, 315, 316, XMP, 33432, 33723, 34377, 37724, DOCUMENT, RECORD)
_NOT_MEANING = frozenset((*_PLACES, *_ABOUT))
_STRIPS_LIMIT = 1 << 24
_DEPTH_LIMIT = 3


def parts(tiff: Tiff) -> Iterator[Part]:
    """Yield a part a page, and one for each image within it.

    Raises
    ------
    UnreadableProductError
        The file is damaged.
    """
    content = _Content(tiff)
    for number, page in enumerate(tiff.pages(), 1):
        yield from content.images(page, f"page {number}", _DEPTH_LIMIT)


class _Content:
    """Digests of a file's images, and how many more strips it may have."""

    def __init__(self, tiff: Tiff) -> None:
        self._tiff = tiff
        self._left = _STRIPS_LIMIT

    def images(self, directory: Directory, name: str, depth: int) -> Iterator[Part]:
        data = hashlib.sha256()
        size = sum(self._strips(data, directory, *tags) for tags in _STRIPS)
        said = (self._said(entry) for entry in directory.entries if entry.tag not in _NOT_MEANING)
        yield Part(name, name_of(data), unordered(said), size)
        within = directory.entry(_SUB)
        if within is None:
            return
        if not depth:
            raise UnreadableProductError(self._tiff.path, "its images lie in one another")
        for number, at in enumerate(self._tiff.numbers(within), 1):
            yield from self.images(self._tiff.directory(at), f"{name}, image {number}", depth - 1)

    def _strips(self, data: Sum, directory: Directory, places: int, sizes: int) -> int:
        where = directory.entry(places)
        if where is None:
            return 0
        done = 0
        for start, size in zip(self._tiff.numbers(where), self._sizes(directory, sizes), strict=False):
            self._left -= 1
            if self._left < 0:
                raise UnreadableProductError(self._tiff.path, f"it has more than {_STRIPS_LIMIT} strips")
            self._tiff.within(start, size)
            add(data, self._tiff.path, self._tiff.fd, start, start + size)
            done += size
        return done

    def _sizes(self, directory: Directory, tag: int) -> Iterator[int]:
        sizes = directory.entry(tag)
        if sizes is not None:
            return self._tiff.numbers(sizes)
        if self._one(directory, _COMPRESSION, 1) != 1:
            raise UnreadableProductError(self._tiff.path, "it does not say how long its strips are")
        return repeat(self._uncompressed(directory), 1)

    def _uncompressed(self, directory: Directory) -> int:
        """Return the bytes of an image in one strip, whose length old programs did not write."""
        bits = self._one(directory, _BITS, 1) * self._one(directory, _SAMPLES, 1)
        return -(-bits * self._one(directory, _WIDTH, 0) // 8) * self._one(directory, _LENGTH, 0)

    def _one(self, directory: Directory, tag: int, absent: int) -> int:
        entry = directory.entry(tag)
        return absent if entry is None else next(self._tiff.numbers(entry), absent)

    def _said(self, entry: Entry) -> bytes:
        said = hashlib.sha256(f"{entry.tag} {entry.type} {entry.number} ".encode())
        at = self._tiff.place(entry)
        if at is None:
            said.update(entry.field[: entry.size])
        else:
            self._tiff.within(at, entry.size)
            add(said, self._tiff.path, self._tiff.fd, at, at + entry.size)
        return said.digest()
