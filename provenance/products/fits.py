# SPDX-License-Identifier: Apache-2.0
"""What a FITS file carries: its record in an HDU PROVENANCE, and its content in the others."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from provenance.canonical import ni_of_hex
from provenance.errors import CanNotAttachError, UnreadableProductError
from provenance.products.fits_attach import attach
from provenance.products.fits_hdus import HDU, Torn, digests, text_of, walk
from provenance.products.found import Contents, Embedded, Embedding, Label, Part

_READ_LIMIT = 1 << 20
_GZIP = b"\x1f\x8b"
_EXPANDED_LIMIT = 4 << 30
_EXPANSION_LIMIT = 250


def recognises(path: Path) -> bool:
    """Whether the file, decompressed where need be, begins like FITS."""
    with path.open("rb") as file:
        head = file.read(9)
    if head[:2] != _GZIP:
        return head == b"SIMPLE  ="
    try:
        with _opened(path) as (expanded, _):
            return expanded.read(9) == b"SIMPLE  ="
    except UnreadableProductError:
        return False


def media_type(path: Path) -> str:
    """Return the type that IANA has for FITS, or for what it is packed in."""
    return "application/gzip" if _is_compressed(path) else "application/fits"


def embed(path: Path, document: bytes, label: Label) -> Embedding:
    """Append the document as an HDU, and point to it from the first header.

    Raises
    ------
    CanNotAttachError
        The file has no place for it, and is as it was.
    UnreadableProductError
        The file is damaged.
    """
    if _is_compressed(path):
        raise CanNotAttachError(path, "nothing can be added to a compressed file")
    hdu, cards = attach(path, document, label)
    note = "" if cards else "the first header has no room for cards that point to it"
    return Embedding(_place(hdu), note)


def _place(hdu: int) -> str:
    return f"HDU {hdu} (PROVENANCE)"


def _is_compressed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == _GZIP


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
    with _opened(path) as (file, limit):
        parts: list[Part] = []
        embedded, signpost = None, None
        for hdu in walk(path, file, limit):
            if isinstance(hdu, Torn):
                break
            if hdu.is_record:
                embedded = _document(file, hdu, signpost) or embedded
                continue
            if hdu.number == 0:
                signpost = text_of(hdu, "EBPROVID")
            if check:
                parts.append(_part(path, file, hdu, [part.name for part in parts]))
    return Contents(tuple(parts), embedded, signpost)


def _part(path: Path, file: BinaryIO, hdu: HDU, names: list[str]) -> Part:
    data, header = digests(path, file, hdu)
    name = _name(hdu, len(names))
    if name in names:
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
        place=_place(hdu.number),
        pointer=text_of(hdu, "EBPROVID"),
        signpost=signpost,
        product=product if isinstance(product, int) else None,
    )


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """Open the file, and say how many bytes it may have."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if file.read(2) != _GZIP:
            yield file, size
            return
        import gzip  # noqa: PLC0415 -- rarely needed, and `eb show` starts without it
        import zlib  # noqa: PLC0415 -- the same

        file.seek(0)
        try:
            with gzip.GzipFile(fileobj=file) as expanded:
                yield expanded, max(_EXPANDED_LIMIT, _EXPANSION_LIMIT * size)  # type: ignore[misc] # a GzipFile is a BinaryIO in all but name
        except (gzip.BadGzipFile, zlib.error, EOFError) as reason:
            raise UnreadableProductError(path, f"it can't be decompressed: {reason}") from reason
