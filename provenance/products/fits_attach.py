# SPDX-License-Identifier: Apache-2.0
"""Put a record into a FITS file: an HDU at the end, and up to four cards in the first header.

The HDU is of the type that the science data are not, so that no reader takes
it for them. It is appended in one write and costs the same for a file of any
size. The cards survive the programs that drop HDUs; they go where the header
has room, in place: a header is never made longer, since that would move the
whole file.

The HDU has one fixed shape, so its bytes are laid out here. What comes out
is held against astropy and fitscheck by the tests.
"""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from provenance.canonical import short
from provenance.errors import CanNotAttachError
from provenance.products.fits_cards import BLANK, CARD, END, Value, card, keyword
from provenance.products.fits_checksum import encoded, joined, rest, summed
from provenance.products.fits_hdus import HDU, Torn, filled, text_of, walk
from provenance.products.found import Label

DOCUMENT_LIMIT = 64 << 10
"""Bytes that an attached document has at most."""

_HISTORY = b"HISTORY The record of the step that made this is in HDU PROVENANCE".ljust(CARD)
_TABLE = card("XTENSION", "BINTABLE", "the record of the step that made this")
_IMAGE = card("XTENSION", "IMAGE", "the record of the step that made this")


class Attached(NamedTuple):
    """Where a record is now: the HDU, and how many cards the first header had room for."""

    hdu: int
    cards: int


def attach(path: Path, document: bytes, label: Label) -> Attached:
    """Append the document, then point to it from the first header.

    A second call with the same record changes nothing but what a kill had
    left undone. An HDU that a kill left half written is replaced.

    Raises
    ------
    CanNotAttachError
        The document is too long, something other than HDUs ends the file, or
        the disk is full. The file is as it was.
    UnreadableProductError
        The file is damaged.
    """
    if len(document) > DOCUMENT_LIMIT:
        raise CanNotAttachError(
            path, f"it has {len(document)} bytes and may have {DOCUMENT_LIMIT} inside a file"
        )
    with path.open("r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = os.fstat(file.fileno()).st_size
        hdus, torn = _split(walk(path, file, size))
        where = _last_record(hdus)
        if where is None or (text_of(where, "EBPROVID"), where.said.get("EBPRODCT")) != (
            label.record,
            label.product,
        ):
            _append(path, file.fileno(), hdus, torn, _hdu(document, label, _opposite(hdus)))
            where = None
        cards = _point(file.fileno(), hdus[0], label)
    return Attached(len(hdus) if where is None else where.number, cards)


def _split(found: Iterator[HDU | Torn]) -> tuple[list[HDU], Torn | None]:
    hdus: list[HDU] = []
    for one in found:
        if isinstance(one, Torn):
            return hdus, one
        hdus.append(one)
    return hdus, None


def _last_record(hdus: list[HDU]) -> HDU | None:
    return next((hdu for hdu in reversed(hdus) if hdu.is_record), None)


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
    end = hdus[-1].end
    if torn is not None:
        # a kill tears at a page, and pages and FITS blocks share multiples of 64 bytes
        if not any(kind.startswith(torn.head[:64]) for kind in (_TABLE, _IMAGE)):
            raise CanNotAttachError(path, f"it goes on after its last HDU, at byte {torn.start}")
        os.ftruncate(fd, torn.start)
        size = torn.start
    fill = (b" " if hdus[-1].said.get("XTENSION") == "TABLE" else b"\0") * max(0, end - size)
    try:
        _write(fd, fill + new, size)
    except OSError as reason:
        os.ftruncate(fd, size)
        raise CanNotAttachError(path, reason.strerror or str(reason)) from reason


def _write(fd: int, data: bytes, at: int) -> None:
    """Write all of it; one call, unless the system takes less at once."""
    while data:
        done = os.pwrite(fd, data, at)
        data, at = data[done:], at + done


def _point(fd: int, primary: HDU, label: Label) -> int:
    """Put the cards into the first header as far as it has room, and return how many it has."""
    old = os.pread(fd, primary.data - primary.start, primary.start)
    cards = [old[at : at + CARD] for at in range(0, len(old), CARD)]
    wanted = [
        card("EBPROVID", label.record),
        card("EBPRDSUM", short(label.content)),
        card("EBPRVER", "1"),
        _HISTORY,
    ]
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
    new_header = _summed_up(old, b"".join(cards), primary.said.get("DATASUM"))
    if there and new_header is not None:
        _replace(fd, old, new_header)
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


def _replace(fd: int, old: bytes, new: bytes) -> None:
    """Write what differs, last card first, so that the header has an END at any moment."""
    for at in range(len(new) - CARD, -1, -CARD):
        if new[at : at + CARD] != old[at : at + CARD]:
            _write(fd, new[at : at + CARD], at)
