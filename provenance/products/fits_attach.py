# SPDX-License-Identifier: Apache-2.0
"""Put a record into a FITS file: an HDU at the end, and cards in the headers that point to it.

The HDU is of the type that the science data are not, so that no reader takes
it for them. It is appended in one write and costs the same for a file of any
size. The cards survive the programs that drop HDUs: up to four in the first
header, and two in each extension, so that a table or an image that is taken
out alone points home too. They go where a header has room, in place: a header
is never made longer, since that would move the whole file.

The HDU has one fixed shape, so its bytes are laid out here. What comes out
is held against astropy and fitscheck by the tests.
"""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from provenance.canonical import short
from provenance.errors import CanNotAttachError
from provenance.products.ending import cut_back, write
from provenance.products.fits_cards import BLANK, CARD, END, Value, card, keyword
from provenance.products.fits_checksum import encoded, joined, rest, summed
from provenance.products.fits_hdus import HDU, Torn, filled, text_of, walk
from provenance.products.found import Label

_POINTING = 128
"""Extensions that point to the record, so that the cost does not grow with their number."""

_NEEDED = ("EXTNAME", "XTENSION", "ZIMAGE", "DATASUM", "EBPROVID", "EBPRODCT", "EBPRVER")
_HISTORY = b"HISTORY The record of the step that made this is in HDU PROVENANCE".ljust(CARD)
_TABLE = card("XTENSION", "BINTABLE", "the record of the step that made this")
_IMAGE = card("XTENSION", "IMAGE", "the record of the step that made this")


class Attached(NamedTuple):
    """Where a record is now: the HDU, and how many cards the first header had room for."""

    hdu: int
    cards: int


def attach(path: Path, document: bytes, label: Label) -> Attached:
    """Append the document, then point to it from the first header.

    A second call with the same document changes nothing but what a kill had
    left undone. An HDU that a kill left half written is replaced.

    Raises
    ------
    CanNotAttachError
        Something other than HDUs ends the file, or the disk is full. The file
        is as it was.
    UnreadableProductError
        The file is damaged.
    """
    with path.open("r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = os.fstat(file.fileno()).st_size
        hdus, torn = split(walk(path, file, size))
        where = attached_as(file, hdus, document, label)
        if where is None:
            _append(path, file.fileno(), hdus, torn, record_hdu(document, label, hdus))
        content = [hdu for hdu in hdus if not hdu.is_record]
        cards = _point(file.fileno(), content[0], [*_cards(label), card("EBPRVER", "1"), _HISTORY])
        for hdu in content[1 : _POINTING + 1]:
            _point(file.fileno(), hdu, _cards(label))
    return Attached(len(hdus) if where is None else where.number, cards)


def split(found: Iterator[HDU | Torn]) -> tuple[list[HDU], Torn | None]:
    """Return the HDUs of a file, and what is torn off at its end.

    Of their headers only what attaching needs is kept, since there may be thousands.
    """
    hdus: list[HDU] = []
    for one in found:
        if isinstance(one, Torn):
            return hdus, one
        said = {name: one.said[name] for name in _NEEDED if name in one.said}
        hdus.append(one._replace(cards=(), said=said))
    return hdus, None


def attached_as(file: BinaryIO, hdus: list[HDU], document: bytes, label: Label) -> HDU | None:
    """Return the last record of a file if it is the very document with this label.

    One of the same record may have another signature.
    """
    last = next((hdu for hdu in reversed(hdus) if hdu.is_record), None)
    if last is None:
        return None
    said = text_of(last, "EBPROVID"), last.said.get("EBPRODCT"), last.size
    if said != (label.record, label.product, len(document)):
        return None
    file.seek(last.data)
    return last if file.read(last.size) == document else None


def record_hdu(document: bytes, label: Label, hdus: list[HDU]) -> bytes:
    """Return the HDU that goes after these, with what fills up the last of them left to the caller."""
    return _hdu(document, label, _opposite(hdus))


def filling(last: HDU, size: int) -> bytes:
    """Return what is missing after the last HDU of a file of that size."""
    return (b" " if last.said.get("XTENSION") == "TABLE" else b"\0") * max(0, last.end - size)


def _opposite(hdus: list[HDU]) -> bytes:
    return _IMAGE if any(hdu.is_table for hdu in hdus if not hdu.is_record) else _TABLE


def _hdu(document: bytes, label: Label, kind: bytes) -> bytes:
    size = len(document)
    shape = [
        kind,
        card("BITPIX", 8),
        *((card("NAXIS", 2), card("NAXIS1", size), card("NAXIS2", 1)) if kind == _TABLE else ()),
        *((card("NAXIS", 1), card("NAXIS1", size)) if kind == _IMAGE else ()),
        card("PCOUNT", 0),
        card("GCOUNT", 1),
        *(_column(size) if kind == _TABLE else ()),
        card("EXTNAME", "PROVENANCE"),
        card("EBPROVID", label.record),
        card("EBPRODCT", label.product, "which product of the record"),
        card("EBPRVER", "1"),
    ]  # fmt: skip
    data = document.ljust(filled(size), b"\0")
    shape.append(card("DATASUM", str(summed(data))))
    blank = card("CHECKSUM", "0" * 16)
    header = b"".join((*shape, blank, END)).ljust(filled((len(shape) + 2) * CARD))
    return header.replace(b"0" * 16, encoded(summed(header, summed(data)))) + data


def _column(size: int) -> tuple[bytes, ...]:
    return card("TFIELDS", 1), card("TTYPE1", "PROV_JSON"), card("TFORM1", f"{size}A")


def _append(path: Path, fd: int, hdus: list[HDU], torn: Torn | None, new: bytes) -> None:
    size = os.fstat(fd).st_size
    if torn is not None:
        # a kill tears at a page, and pages and FITS blocks share multiples of 64 bytes
        if not any(kind.startswith(torn.head[:64]) for kind in (_TABLE, _IMAGE)):
            raise CanNotAttachError(path, f"it goes on after its last HDU, at byte {torn.start}")
        os.ftruncate(fd, torn.start)
        size = torn.start
    with cut_back(path, fd, size):
        write(fd, filling(hdus[-1], size) + new, size)


def _cards(label: Label) -> list[bytes]:
    return [card("EBPROVID", label.record), card("EBPRDSUM", short(label.content))]


def _point(fd: int, hdu: HDU, wanted: list[bytes]) -> int:
    """Put the cards into a header as far as it has room, and return how many it has."""
    old = os.pread(fd, hdu.data - hdu.start, hdu.start)
    cards = [old[at : at + CARD] for at in range(0, len(old), CARD)]
    end = cards.index(END)
    # what a kill had left behind the END is ours to write again
    cards[end + 1 :] = [BLANK if _is_ours(one) else one for one in cards[end + 1 :]]
    there = 0
    for new in wanted:
        at = _place(cards[:end], new)
        if at is None:
            if end + 1 >= len(cards) or cards[end + 1] != BLANK:
                continue
            at, end = end, end + 1
            cards[end] = END
        cards[at] = new
        there += 1
    new_header = _summed_up(old, b"".join(cards), hdu.said.get("DATASUM"))
    if there and new_header is not None:
        _replace(fd, hdu.start, old, new_header)
        return there
    return 0


def _is_ours(one: bytes) -> bool:
    return one in (END, _HISTORY) or keyword(one) in ("EBPROVID", "EBPRDSUM", "EBPRVER")


def _place(cards: list[bytes], new: bytes) -> int | None:
    """Return where the card is already, in an earlier wording perhaps."""
    if new == _HISTORY:
        return cards.index(new) if new in cards else None
    return next((at for at, one in enumerate(cards) if keyword(one) == keyword(new)), None)


def _summed_up(old: bytes, new: bytes, datasum: Value) -> bytes | None:
    """Return the new header with its CHECKSUM put right; None where that has no usual form.

    The sum of the data is as the header says; where it does not say, it is
    what must be for the old header to have been valid.
    """
    at = next((at for at in range(0, len(old), CARD) if old[at : at + 8] == b"CHECKSUM"), None)
    if at is None:
        return new
    at += 11
    if old[at - 1 : at] != b"'" or old[at + 16 : at + 17] != b"'":
        return None
    said = isinstance(datasum, str) and datasum.isdecimal() and int(datasum) < 1 << 32
    data = int(str(datasum)) if said else rest(summed(old))
    blank = new[:at] + b"0" * 16 + new[at + 16 :]
    return new[:at] + encoded(joined(summed(blank), data)) + new[at + 16 :]


def _replace(fd: int, start: int, old: bytes, new: bytes) -> None:
    """Write what differs, last card first, so that the header has an END at any moment."""
    for at in range(len(new) - CARD, -1, -CARD):
        if new[at : at + CARD] != old[at : at + CARD]:
            write(fd, new[at : at + CARD], start + at)
