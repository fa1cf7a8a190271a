# SPDX-License-Identifier: Apache-2.0
"""A FITS file in gzip: its record is one more HDU, in a member of its own at the end.

Files of gzip may be joined (RFC 1952, section 2.2). gunzip and astropy see
one FITS file; cfitsio reads the first member only, which is all that it read
before. The headers, compressed as they are, get no cards.
"""

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from provenance.errors import CanNotAttachError, UnreadableProductError
from provenance.products.ending import cut_back, write
from provenance.products.fits import contents, place
from provenance.products.fits_attach import attached_as, filling, record_hdu, split
from provenance.products.fits_hdus import walk
from provenance.products.found import Contents, Embedding, Label
from provenance.products.meaning import most_expanded

TEARS = True  # gunzip refuses a file whose last member is torn


def recognises(path: Path) -> bool:
    """Whether the file, decompressed, begins like FITS."""
    try:
        with _opened(path) as (expanded, _):
            return expanded.read(9) == b"SIMPLE  ="
    except UnreadableProductError:
        return False


def media_type(path: Path) -> str:  # noqa: ARG001 -- as all formats have it
    """Return the type that IANA has for what the file is packed in."""
    return "application/gzip"


def read(path: Path, *, check: bool = True) -> Contents:
    """Read the attached document and the digests of all other HDUs, which are those of the file unpacked.

    Raises
    ------
    UnreadableProductError
        The file is damaged.
    """
    with _opened(path) as (file, limit):
        return contents(path, file, limit, check=check)


def embed(path: Path, document: bytes, label: Label) -> Embedding:
    """Append the document as an HDU in a member of its own.

    Raises
    ------
    CanNotAttachError
        The file has no place for it, and is as it was.
    UnreadableProductError
        The file is damaged.
    """
    with _opened(path) as (file, limit):
        hdus, torn = split(walk(path, file, limit))
        size = file.tell()  # the walk goes on to the end
        there = attached_as(file, hdus, document, label)
    if torn is not None:
        raise CanNotAttachError(path, f"it goes on after its last HDU, at byte {torn.start}")
    if there is None:
        new = filling(hdus[-1], size) + record_hdu(document, label, hdus)
        _append(path, gzip.compress(new, mtime=0))
    note = "the headers are compressed, so none points to it"
    return Embedding(place(there.number if there else len(hdus)), note)


def _append(path: Path, member: bytes) -> None:
    with path.open("r+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        with cut_back(path, file.fileno(), size):
            write(file.fileno(), member, size)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """Open the file, and say how many bytes it may have."""
    try:
        with path.open("rb") as packed:
            size = packed.seek(0, os.SEEK_END)
            packed.seek(0)
            with gzip.GzipFile(fileobj=packed) as expanded:
                yield cast(BinaryIO, expanded), most_expanded(size)
    except (gzip.BadGzipFile, zlib.error, EOFError) as reason:
        raise UnreadableProductError(path, f"it can't be decompressed: {reason}") from reason
