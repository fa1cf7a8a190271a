# SPDX-License-Identifier: Apache-2.0
"""What a TIFF image carries: its record in a tag of the first page, and its content in all pages."""

from pathlib import Path

from provenance.products import signpost
from provenance.products.found import Contents, Embedded, Embedding, Label
from provenance.products.meaning import at_most
from provenance.products.tiff_attach import READ_LIMIT, attach
from provenance.products.tiff_content import DOCUMENT, RECORD, XMP, parts
from provenance.products.tiff_ifds import LAYOUTS, Directory, Tiff

TEARS = False
_PLACE = f"tag {DOCUMENT} of the first page"


def recognises(path: Path) -> bool:
    """Whether the file begins like TIFF or BigTIFF."""
    with path.open("rb") as file:
        head = file.read(8)
    return head[:4] in LAYOUTS or head in LAYOUTS


def media_type(path: Path) -> str:  # noqa: ARG001 -- as all formats have it
    """Return the type of TIFF."""
    return "image/tiff"


def read(path: Path, *, check: bool = True) -> Contents:
    """Read the attached document, and the digests of all pages and of the images within them.

    The digest of a page is of its strips or tiles as they are in the file,
    compressed or not, in order but wherever they lie. All tags but those of
    places, programs, people and times are what its header means.

    Raises
    ------
    UnreadableProductError
        The file is damaged.
    """
    with path.open("rb") as file:
        tiff = Tiff(path, file.fileno())
        first = tiff.directory(tiff.first) if tiff.first else Directory((), 0)
        document = _text(tiff, first, DOCUMENT)
        pointer = signpost.found(_text(tiff, first, XMP) or b"")
        record = (_text(tiff, first, RECORD) or b"").decode("ascii", "replace") or None
        found = at_most(parts(tiff), "further pages") if check else ()
    if document is None:
        return Contents(found, None, *pointer)
    return Contents(
        found, Embedded(document.decode("ascii", "replace"), _PLACE, record, pointer.record), *pointer
    )


def _text(tiff: Tiff, page: Directory, tag: int) -> bytes | None:
    entry = page.entry(tag)
    value = tiff.value(entry, READ_LIMIT) if entry is not None else None
    return None if value is None else value.rstrip(b"\0")


def embed(path: Path, document: bytes, label: Label) -> Embedding:
    """Append the document and a new first directory, and switch the header to it.

    Raises
    ------
    CanNotAttachError
        The file has no place for it, and is as it was.
    UnreadableProductError
        The file is damaged.
    """
    attach(path, document, label)
    return Embedding(_PLACE)
