# SPDX-License-Identifier: Apache-2.0
"""What a FITS file carries: its record in an HDU PROVENANCE, and its content in the others."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from provenance.canonical import ni_of_hex
from provenance.products.fits_attach import attach
from provenance.products.fits_hdus import HDU, Torn, digests, text_of, walk
from provenance.products.found import Contents, Embedded, Embedding, Label, Part

TEARS = False
_READ_LIMIT = 1 << 20


def recognises(path: Path) -> bool:  # noqa: ARG001 -- as all formats have it
    """Say yes: that it begins like FITS tells all."""
    return True


def media_type(path: Path) -> str:  # noqa: ARG001 -- as all formats have it
    """Return the type that IANA has for FITS."""
    return "application/fits"


def embed(path: Path, document: bytes, label: Label) -> Embedding:
    """Append the document as an HDU, and point to it from the headers.

    Raises
    ------
    CanNotAttachError
        The file has no place for it, and is as it was.
    UnreadableProductError
        The file is damaged.
    """
    hdu, cards = attach(path, document, label)
    note = "" if cards else "the first header has no room for cards that point to it"
    return Embedding(place(hdu), note)


def place(hdu: int) -> str:
    """Return where a record is, in words."""
    return f"HDU {hdu} (PROVENANCE)"


def read(path: Path, *, check: bool = True) -> Contents:
    """Read the attached document and the digests of all other HDUs.

    Without ``check`` only headers and the document are read, whatever the
    file's size. The last record wins; those before it came with an input and
    are no content.

    Raises
    ------
    UnreadableProductError
        The file is damaged.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        return contents(path, file, size, check=check)


def contents(path: Path, file: BinaryIO, limit: int, *, check: bool) -> Contents:
    """Read an open file, which may have ``limit`` bytes and may be one that is decompressed as it is read.

    Raises
    ------
    UnreadableProductError
        It is damaged.
    """
    parts: dict[str, Part] = {}
    embedded, signpost, described = None, None, None
    elsewhere: tuple[str | None, str | None] = (None, None)
    for hdu in walk(path, file, limit):
        if isinstance(hdu, Torn):
            break
        if hdu.is_record:
            embedded = _document(file, hdu, signpost) or embedded
            continue
        if hdu.number == 0:
            signpost, described = _pointer(hdu)
        elsewhere = elsewhere if elsewhere[0] else _pointer(hdu)
        if check:
            part = _part(path, file, hdu, parts)
            parts[part.name] = part
    if embedded is None:  # programs that compress an image, or copy a table, make an extension of it
        signpost, described = elsewhere
    return Contents(tuple(parts.values()), embedded, signpost, described)


def _pointer(hdu: HDU) -> tuple[str | None, str | None]:
    return text_of(hdu, "EBPROVID"), text_of(hdu, "EBPRDSUM")


def _part(path: Path, file: BinaryIO, hdu: HDU, names: Collection[str]) -> Part:
    data, header = digests(path, file, hdu)
    name = _name(hdu, len(names))
    while name in names:
        name = f"{name}#{len(names)}"
    return Part(name, ni_of_hex(data.hex()), ni_of_hex(header.hex()), hdu.size)


def _name(hdu: HDU, content: int) -> str:
    """Return ``PRIMARY``, the EXTNAME with its EXTVER, or the number among the content."""
    name, version = hdu.said.get("EXTNAME"), hdu.said.get("EXTVER")
    if not isinstance(name, str) or not name:
        return f"#{content}" if hdu.number else "PRIMARY"
    return name if version in (None, 1) else f"{name},{version}"


def _document(file: BinaryIO, hdu: HDU, signpost: str | None) -> Embedded | None:
    """Return the document in the HDU; None where another program has reshaped it."""
    if not 0 < hdu.size <= _READ_LIMIT:
        return None
    file.seek(hdu.data)
    document = file.read(hdu.size).rstrip(b" \0").decode("ascii", "replace")
    product = hdu.said.get("EBPRODCT")
    return Embedded(
        document=document,
        place=place(hdu.number),
        pointer=text_of(hdu, "EBPROVID"),
        signpost=signpost,
        product=product if isinstance(product, int) else None,
    )
