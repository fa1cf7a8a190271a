# SPDX-License-Identifier: Apache-2.0
"""A table of a VOTable while it is read: what its header means, and its values."""

import hashlib
import re

from provenance.products import cells

_ROW = 1 << 16
_FIELD_LIMIT = 100_000
_NAME_LIMIT = 200
_OUR_ID = re.compile(r"ebprov\.([\w-]{43})(?:\.([\w-]{43}))?", re.ASCII)
_NO_MEANING = frozenset(("ID", "nrows"))
_DEFAULTS = frozenset((("type", "results"),))

_KINDS: dict[str | None, cells.Meaning] = {
    "boolean": cells.truth,
    "bit": cells.bits,
    "unsignedByte": cells.whole,
    "short": cells.whole,
    "int": cells.whole,
    "long": cells.whole,
    "float": cells.single,
    "floatComplex": cells.single,
    "double": cells.double,
    "doubleComplex": cells.double,
}


def signpost_of(given: str | None) -> tuple[str | None, str | None]:
    """Return the digest of a record that an ID names, and that of the content beside it, shortened."""
    found = _OUR_ID.fullmatch(given or "")
    return (f"ni:///sha-256;{found[1]}", found[2]) if found else (None, None)


class Table:
    """A table as it is being read."""

    def __init__(self, start: int, said: dict[str, str]) -> None:
        self.start = start
        self.name = said.get("name", "")[:_NAME_LIMIT]
        self.has_id = "ID" in said
        self.signpost = signpost_of(said.get("ID"))
        self.header = hashlib.sha256()
        self.data = hashlib.sha256()
        self.size = 0
        self.kinds: list[cells.Meaning] = []
        self.row = bytearray()
        self.column = 0

    def take(self, data: bytes) -> None:
        """Count the bytes to the data."""
        self.data.update(data)
        self.size += len(data)

    def cell(self, words: str) -> None:
        """Take the value of the next cell."""
        kind = self.kinds[self.column] if self.column < len(self.kinds) else cells.text
        self.column += 1
        self.row += cells.framed(kind(words))
        if len(self.row) > _ROW:
            self.end_row(b"")

    def end_row(self, mark: bytes = b"\n") -> None:
        """Take the row, or what there is of it."""
        self.take(bytes(self.row) + mark)
        self.row.clear()
        if mark:
            self.column = 0

    def field(self, said: dict[str, str]) -> None:
        """Learn of the next column."""
        if len(self.kinds) < _FIELD_LIMIT:
            self.kinds.append(_kind(said))


def said_of(local: str, said: dict[str, str]) -> bytes:
    """Return what a tag says, whatever the order of its attributes and the way its number is written."""
    kept = {
        key: value for key, value in said.items() if (key, value) not in _DEFAULTS and key not in _NO_MEANING
    }
    if local == "PARAM" and "value" in kept:
        kept["value"] = _kind(said)(kept["value"])
    told = [local, *(word for pair in sorted(kept.items()) for word in pair)]
    return b"".join(map(cells.framed, told)) + b";"


def _kind(said: dict[str, str]) -> cells.Meaning:
    return _KINDS.get(said.get("datatype"), cells.text)
