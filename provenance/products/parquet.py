# SPDX-License-Identifier: Apache-2.0
"""What a Parquet file carries: its record among the texts of the footer, and its content before it.

The data do not move: only the footer, at the end, is written again.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from provenance.canonical import ni, short
from provenance.errors import CanNotAttachError, UnreadableProductError
from provenance.products.ending import end_with
from provenance.products.found import Contents, Embedded, Embedding, Label, Part
from provenance.products.meaning import add, at_most, name_of, unordered
from provenance.products.parquet_footer import LIMIT, MAGIC, Footer, footer, key_value, length, meaning

TEARS = True
_DOCUMENT, _RECORD, _CONTENT = b"eb:provenance", b"eb:record", b"eb:content"
_OURS = (_DOCUMENT, _RECORD, _CONTENT)
_PLACE = "footer, eb:provenance"
_SPARE = 1 << 18
_TIMES = 4


def recognises(path: Path) -> bool:  # noqa: ARG001 -- as all formats have it
    """Say yes: that it begins like Parquet tells all."""
    return True


def media_type(path: Path) -> str:  # noqa: ARG001 -- as all formats have it
    """Return the type that IANA has for Parquet."""
    return "application/vnd.apache.parquet"


def read(path: Path, *, check: bool = True) -> Contents:
    """Read the attached document, and the digests of all row groups.

    The digest of a row group is of the pages of its columns as they are in
    the file. The schema and all texts but ours are what its header means.

    Raises
    ------
    UnreadableProductError
        The file is damaged.
    """
    with path.open("rb") as file:
        fd = file.fileno()
        start, long = length(path, fd)
        if long > LIMIT:
            return Contents((_all(path, fd, start),) if check else ())
        found = footer(path, fd)
        parts = _parts(found, fd) if check else ()
    texts = {
        one.key: (one.value or b"").decode("ascii", "replace") for one in found.texts if one.key in _OURS
    }
    record, document = texts.get(_RECORD), texts.get(_DOCUMENT)
    embedded = None if document is None else Embedded(document, _PLACE, None, record)
    return Contents(parts, embedded, record, texts.get(_CONTENT))


def _all(path: Path, fd: int, end: int) -> Part:
    """Return all that is before a footer too long to be read as one part."""
    data = hashlib.sha256()
    add(data, path, fd, len(MAGIC), end)
    return Part("rows", name_of(data), None, end - len(MAGIC))


def _parts(found: Footer, fd: int) -> tuple[Part, ...]:
    header = unordered(meaning(found, _OURS))
    try:
        if found.is_empty:
            return (Part("no rows", ni(found.schema), header, 0),)
        return at_most(_row_groups(found, fd, header), "further row groups")
    except (ValueError, IndexError) as reason:
        raise UnreadableProductError(found.path, f"its footer is damaged: {reason}") from reason


def _row_groups(found: Footer, fd: int, header: str) -> Iterator[Part]:
    left = _TIMES * found.start
    for number, columns in enumerate(found.row_groups()):
        data, size = hashlib.sha256(), 0
        for start, end in columns:
            size += end - start
            if size > left:
                raise UnreadableProductError(found.path, "its columns lie in one another")
            add(data, found.path, fd, start, end)
        left -= size
        yield Part(f"row group {number}", name_of(data), header, size)


def embed(path: Path, document: bytes, label: Label) -> Embedding:
    """Write the footer again with the document in it.

    Raises
    ------
    CanNotAttachError
        The footer is signed, or too long, or there is no room; the file is
        as it was.
    UnreadableProductError
        The file is damaged.
    """
    with path.open("r+b", buffering=0) as file:
        fd = file.fileno()
        if length(path, fd)[1] > LIMIT - _SPARE:
            raise CanNotAttachError(path, "its footer is too long")
        old = footer(path, fd)
        if old.is_sealed:
            raise CanNotAttachError(path, "its footer is signed")
        texts = [one for one in old.texts if one.key not in _OURS]
        new = (document, label.record.encode(), short(label.content).encode())
        ending = old.with_texts([*texts, *map(key_value, _OURS, new)])
        end_with(path, fd, old.start, ending, first=old.size)
    return Embedding(_PLACE)
