# SPDX-License-Identifier: Apache-2.0
"""What an ECSV file carries: its record in the meta of its header, its content in its columns.

The record is put in as text. The data after the header are moved, so the
cost goes with the file's size.
"""

import csv
import hashlib
from pathlib import Path
from typing import BinaryIO, NamedTuple

from provenance.canonical import ni, ni_of_hex, short
from provenance.errors import CanNotAttachError, UnreadableProductError
from provenance.products import cells
from provenance.products.ecsv_header import KEY, Node, meaning, parsed, put, said
from provenance.products.found import Contents, Embedded, Embedding, Label, Part
from provenance.products.splice import Edit, splice
from provenance.products.yaml_text import RefusedYAML, quoted

TEARS = True
_BEGIN = b"# %ECSV "
_HEADER_LIMIT = 2 << 20
_LINE_LIMIT = 1 << 20
_PLACE = f"{KEY} in the meta"
_KINDS: dict[str, cells.Meaning] = {
    "bool": cells.truth,
    "float16": cells.single,
    "float32": cells.single,
    "float64": cells.double,
    "complex64": cells.text,
    **{f"{sign}int{bits}": cells.whole for sign in ("", "u") for bits in (8, 16, 32, 64)},
}


def recognises(path: Path) -> bool:
    """Whether it has a header, and one of no more than 2 MiB."""
    with path.open("rb") as file:
        return _lines(file) is not None


def media_type(path: Path) -> str:
    """Return the type that there is for text in columns."""
    return "text/csv" if path.suffix == ".csv" else "text/x-ecsv"


def _lines(file: BinaryIO) -> bytes | None:
    """Return the comment lines that the file begins with."""
    lines: list[bytes] = []
    size = 0
    while size <= _HEADER_LIMIT:
        line = file.readline(_HEADER_LIMIT + 1)
        if not line.startswith(b"#"):
            begins = bool(lines) and lines[0].startswith(_BEGIN)
            return b"".join(lines) if begins else None
        size += len(line)
        lines.append(line)
    return None


class _Header(NamedTuple):
    """The header as text, and as YAML."""

    lines: str
    root: Node


def _header(path: Path, file: BinaryIO) -> _Header:
    lines = _lines(file)
    if lines is None:
        raise UnreadableProductError(path, f"it has no header that ends within {_HEADER_LIMIT} bytes")
    try:
        text = lines.decode()
        return _Header(text, parsed(text))
    except (RefusedYAML, UnicodeDecodeError) as reason:
        raise UnreadableProductError(path, str(reason)) from reason


def read(path: Path, *, check: bool = True) -> Contents:
    """Read the record, and the digest of the table.

    The values count, not how their numbers are written and what stands
    between them; the header's digest is of its columns and its meta. Without
    ``check`` only the header is read.

    Raises
    ------
    UnreadableProductError
        The file is damaged, or is built to exhaust its reader.
    """
    with path.open("rb") as file:
        header = _header(path, file)
        file.seek(len(header.lines.encode()))
        parts = (_table(file, header.root),) if check else ()
    told = said(header.root)
    pointer, document = told.get("record"), told.get("document")
    if document is None:
        return Contents(parts, None, pointer, short(told.get("content", "")) or None)
    return Contents(parts, Embedded(document, _PLACE, pointer, None))


def _table(file: BinaryIO, root: Node) -> Part:
    delimiter = root.get("delimiter")
    rows = _Rows((delimiter.value if delimiter else "")[:1] or " ", _kinds(root))
    names = rows.taken(file.readline(_LINE_LIMIT), [])
    sha, size = hashlib.sha256(), 0
    while line := file.readline(_LINE_LIMIT):
        row = rows.taken(line, rows.kinds)
        sha.update(row)
        size += len(row)
    return Part("table", ni_of_hex(sha.hexdigest()), ni(b"".join((*meaning(root), names))), size)


def _kinds(root: Node) -> list[cells.Meaning]:
    columns = root.get("datatype")
    return [
        cells.text
        if column.get("subtype")
        else _KINDS.get(kind.value if (kind := column.get("datatype")) else "", cells.text)
        for column in (columns.items if columns else [])
    ]


class _Rows(NamedTuple):
    """What lines mean, by what stands between values and the types of columns."""

    delimiter: str
    kinds: list[cells.Meaning]

    def taken(self, line: bytes, kinds: list[cells.Meaning]) -> bytes:
        """Return what the line says; nothing for an empty one."""
        text = line.decode("utf-8", "surrogateescape").strip("\r\n")
        if not text.strip():
            return b""
        row = self.split(text)
        row[: len(kinds)] = [kind(cell) if cell else "" for kind, cell in zip(kinds, row, strict=False)]
        return b"".join(map(cells.framed, row)) + b"\n"

    def split(self, text: str) -> list[str]:
        """Return the values; of a line that a quoted one breaks, what stands in it."""
        if '"' not in text:
            return (
                text.split()
                if self.delimiter == " "
                else [cell.strip() for cell in text.split(self.delimiter)]
            )
        try:
            return next(csv.reader([text], delimiter=self.delimiter, skipinitialspace=True), [])
        except (csv.Error, TypeError, ValueError):  # a value longer than csv takes, or no delimiter
            return [text]


def embed(path: Path, document: bytes, label: Label) -> Embedding:
    """Put the document into the meta, in the place of one that is there already.

    Raises
    ------
    CanNotAttachError
        The header is written in a way that has no place for it. The file is as it was.
    UnreadableProductError
        The file is damaged.
    """
    with path.open("rb") as file:
        header = _header(path, file)
    told = (("record", label.record), ("content", label.content), ("document", document.decode("ascii")))
    entry = "{" + ", ".join(f"{name}: {quoted(text)}" for name, text in told) + "}"
    place = put(header.root, header.lines, entry)
    if place is None:
        raise CanNotAttachError(path, "the meta in its header is no block that an entry can be added to")
    start, end = (len(header.lines[:at].encode()) for at in place[:2])
    splice(path, [Edit(start, end, place[2].encode())])
    return Embedding(_PLACE)
