# SPDX-License-Identifier: Apache-2.0
"""Walk over the HDUs of a FITS file without trusting a byte of it.

Whatever the file says, the walk reads at most 64 MiB of headers, holds one
header at a time, and ends. Only ``open``, ``seek`` and ``read`` are needed,
so a compressed file can be walked too.
"""

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from provenance.errors import UnreadableProductError
from provenance.products.fits_cards import CARD, END, Value, keyword, meaning, value

BLOCK = 2880
_HEADER_LIMIT = 4 << 20
_HEADERS_LIMIT = 64 << 20
_HDU_LIMIT = 10_000
_CHUNK = 1 << 18
_AXES_LIMIT = 999
_HUGE = 1 << 62
_BITPIX = frozenset((8, 16, 32, 64, -32, -64))
_LOWEST = {"BITPIX": -64}


class HDU(NamedTuple):
    """Where an HDU lies; ``size`` is of the data without the fill, all in bytes.

    ``cards`` are those of the header, END left out, and ``said`` their
    values by keyword.
    """

    number: int
    start: int
    data: int
    size: int
    cards: tuple[bytes, ...]
    said: dict[str, Value]

    @property
    def end(self) -> int:
        """Where the next HDU begins."""
        return self.data + filled(self.size)

    @property
    def is_record(self) -> bool:
        """Whether it is a record that we attached, and so no content."""
        return self.said.get("EXTNAME") == "PROVENANCE" and "EBPRVER" in self.said

    @property
    def is_table(self) -> bool:
        """Whether it is a table to its readers; a compressed image is none."""
        return self.said.get("XTENSION") in ("BINTABLE", "TABLE") and self.said.get("ZIMAGE") is not True


def text_of(hdu: HDU, name: str) -> str | None:
    """Return the value of a keyword where it is text."""
    found = hdu.said.get(name)
    return found if isinstance(found, str) else None


class Torn(NamedTuple):
    """What follows the last HDU and is none: where it starts and how it begins."""

    start: int
    head: bytes


def filled(size: int) -> int:
    """Return the size with the fill that makes whole blocks of it."""
    return -(-size // BLOCK) * BLOCK


def walk(path: Path, file: BinaryIO, limit: int) -> Iterator[HDU | Torn]:
    """Yield the HDUs in order; at the end what is torn off, if anything.

    No data may reach beyond ``limit`` bytes: the file's size, where it is
    known.

    Raises
    ------
    UnreadableProductError
        The file is no FITS, or is damaged before its last HDU.
    """
    start, headers = 0, 0
    for index in range(_HDU_LIMIT):
        file.seek(start)
        header = _header(path, file, index, start)
        if header is None or isinstance(header, Torn):
            yield from (header,) if header else ()
            return
        headers += len(header) * CARD
        if headers > _HEADERS_LIMIT:
            raise UnreadableProductError(path, f"its headers are longer than {_HEADERS_LIMIT} bytes")
        hdu = _hdu(path, index, start, header)
        if hdu.data + hdu.size > limit:
            if not hdu.is_record:
                raise _truncated(path, hdu)
            yield Torn(start, b"".join(header))
            return
        yield hdu
        start = hdu.end
    raise UnreadableProductError(path, f"it has more than {_HDU_LIMIT} HDUs")


def _truncated(path: Path, hdu: HDU) -> UnreadableProductError:
    return UnreadableProductError(
        path, f"it is truncated: HDU {hdu.number} should reach byte {hdu.data + hdu.size}"
    )


def _header(path: Path, file: BinaryIO, index: int, start: int) -> tuple[bytes, ...] | Torn | None:
    """Return the cards up to END, None at the end of the file."""
    cards: list[bytes] = []
    while len(cards) * CARD < _HEADER_LIMIT:
        block = file.read(BLOCK)
        if not cards and block[:9] != (b"XTENSION=" if index else b"SIMPLE  ="):
            if not index:
                raise UnreadableProductError(path, "it does not begin like FITS")
            return Torn(start, block) if block else None
        if len(block) < BLOCK:
            if not index:
                raise UnreadableProductError(path, "it is truncated: its first header has no END")
            return Torn(start, b"".join(cards) + block)
        new = [block[at : at + CARD] for at in range(0, BLOCK, CARD)]
        if END in new:
            return (*cards, *new[: new.index(END)])
        cards += new
    raise UnreadableProductError(path, f"a header has no END in {_HEADER_LIMIT} bytes")


def _hdu(path: Path, index: int, start: int, cards: tuple[bytes, ...]) -> HDU:
    said = {keyword(card): value(card) for card in reversed(cards)}
    data = start + filled((len(cards) + 1) * CARD)
    return HDU(index, start, data, _size(path, index, said), cards, said)


def _size(path: Path, index: int, said: dict[str, Value]) -> int:
    """Return the size of the data in bytes, section 4.4.1 and, for groups, 6.1 of the standard."""

    def whole(name: str, absent: int | None = None) -> int:
        given = said.get(name, absent)
        if not isinstance(given, int) or isinstance(given, bool) or not _LOWEST.get(name, 0) <= given < _HUGE:
            raise UnreadableProductError(path, f"HDU {index} says {name} = {given!r}")
        return given

    bits, axes = whole("BITPIX"), whole("NAXIS")
    if bits not in _BITPIX or axes > _AXES_LIMIT:
        raise UnreadableProductError(path, f"HDU {index} says BITPIX = {bits}, NAXIS = {axes}")
    lengths = [whole(f"NAXIS{axis}") for axis in range(1, axes + 1)]
    if not lengths:
        return 0
    if lengths[0] == 0 and said.get("GROUPS") is True:
        lengths = lengths[1:]
    count = abs(bits) // 8 * whole("GCOUNT", 1) * (whole("PCOUNT", 0) + math.prod(lengths))
    if count >= _HUGE:
        raise UnreadableProductError(path, f"HDU {index} says that it is larger than any file")
    return count


def digests(path: Path, file: BinaryIO, hdu: HDU) -> tuple[bytes, bytes]:
    """Return the SHA-256 of the data without the fill, and of what the header means.

    Raises
    ------
    UnreadableProductError
        The file ends before the data do.
    """
    file.seek(hdu.data)
    sha, left = hashlib.sha256(), hdu.size
    chunk = memoryview(bytearray(min(_CHUNK, left)))
    while left > 0:
        got = file.readinto(chunk[: min(_CHUNK, left)])  # type: ignore[attr-defined] # every BinaryIO here has it
        if not got:
            raise _truncated(path, hdu)
        sha.update(chunk[:got])
        left -= got
    return sha.digest(), meaning(hdu.cards)
