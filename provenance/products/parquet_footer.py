# SPDX-License-Identifier: Apache-2.0
"""The footer of a Parquet file: which of its fields are where, and one with other texts.

Of ``FileMetaData`` only what is needed is known by its number; all else is
kept byte for byte, what later versions of the format add too.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from provenance.errors import UnreadableProductError
from provenance.products import thrift
from provenance.products.thrift import BINARY, I64, LIST, STRUCT, Field, Text

MAGIC = b"PAR1"
LIMIT = 16 << 20
_TEXTS_LIMIT = 10_000
_SCHEMA, _ROWS, _ROW_GROUPS, _TEXTS, _ENCRYPTION = 2, 3, 4, 5, 8
_COLUMNS, _FILE, _COLUMN, _SIZE = 1, 1, 3, 7
_PAGES = (9, 10, 11)
"""Numbers of the fields that say where the pages of data, index and dictionary begin."""


class KeyValue(NamedTuple):
    """A text of the footer with its key, and as it is written there."""

    key: bytes
    value: bytes | None
    written: bytes


class Footer(NamedTuple):
    """The footer, from ``start`` up to its length; ``fields`` without the one of texts."""

    path: Path
    start: int
    text: Text
    fields: tuple[Field, ...]
    texts: tuple[KeyValue, ...]

    @property
    def size(self) -> int:
        """Its bytes up to the end of the file."""
        return len(self.text.data) + 8

    @property
    def is_sealed(self) -> bool:
        """Whether it is signed, so that nothing can be added."""
        return any(field.id == _ENCRYPTION for field in self.fields)

    @property
    def schema(self) -> bytes:
        """What it says of the columns, as it is written."""
        return b"".join(self.text.data[one.start : one.end] for one in self.fields if one.id == _SCHEMA)

    @property
    def is_empty(self) -> bool:
        """Whether it says that there are no rows."""
        return not any(self.text.number(one.start)[0] for one in self.fields if one.id == _ROWS)

    def with_texts(self, texts: list[KeyValue]) -> bytes:
        """Return the footer with other texts, its length and the magic included."""
        written, last = bytearray(), 0
        new = thrift.struct_list([one.written for one in texts])
        pieces = [(one.id, one.type, self.text.data[one.start : one.end]) for one in self.fields]
        for number, kind, value in sorted([*pieces, (_TEXTS, LIST, new)], key=lambda piece: piece[0]):
            written += thrift.head(last, number, kind) + value
            last = number
        written.append(0)
        return bytes(written) + len(written).to_bytes(4, "little") + MAGIC

    def row_groups(self) -> Iterator[Iterator[tuple[int, int]]]:
        """Yield where the pages of each column of each row group begin and end.

        Raises
        ------
        ValueError
            The footer is damaged.
        """
        for field in self.fields:
            if field.id == _ROW_GROUPS:
                yield from map(self._columns, self.text.structs(field))

    def _columns(self, at: int) -> Iterator[tuple[int, int]]:
        for field in self.text.fields(at):
            if field.id == _COLUMNS:
                yield from map(self._pages, self.text.structs(field))

    def _pages(self, at: int) -> tuple[int, int]:
        for field in self.text.fields(at):
            if field.id == _FILE and field.type == BINARY:
                raise ValueError("its columns are in other files")
            if field.id == _COLUMN and field.type == STRUCT:
                return self._range(field.start)
        raise ValueError("a column has no metadata")

    def _range(self, at: int) -> tuple[int, int]:
        said = {one.id: self.text.number(one.start)[0] for one in self.text.fields(at) if one.type == I64}
        # of a column without a dictionary some programs say that it begins at 0
        starts = [said[number] for number in _PAGES if said.get(number, 0) > 0]
        if not starts or _SIZE not in said:
            raise ValueError("a column does not say where it is")
        start, end = min(starts), min(starts) + said[_SIZE]
        if not len(MAGIC) <= start <= end <= self.start:
            raise ValueError(f"a column should be at bytes {start} to {end}")
        return start, end


def key_value(key: bytes, value: bytes) -> KeyValue:
    """Return a text with its key."""
    pairs = (
        thrift.head(number, number + 1, BINARY) + thrift.binary(one)
        for number, one in enumerate((key, value))
    )
    return KeyValue(key, value, b"".join(pairs) + b"\0")


def length(path: Path, fd: int) -> tuple[int, int]:
    """Return where the footer begins, and how long it is.

    Raises
    ------
    UnreadableProductError
        There is none.
    """
    size = os.fstat(fd).st_size
    end = os.pread(fd, 8, max(0, size - 8))
    if size < 12 or end[4:] != MAGIC:
        raise UnreadableProductError(path, "it is truncated: it does not end like Parquet")
    long = int.from_bytes(end[:4], "little")
    if long > size - 12:
        raise UnreadableProductError(path, f"its footer of {long} bytes is not there")
    return size - 8 - long, long


def footer(path: Path, fd: int) -> Footer:
    """Return the footer.

    Raises
    ------
    UnreadableProductError
        It is damaged, or longer than the limit.
    """
    start, long = length(path, fd)
    if long > LIMIT:
        raise UnreadableProductError(path, f"its footer is longer than {LIMIT} bytes")
    text = Text(os.pread(fd, long, start))
    try:
        fields = tuple(field for field in text.fields(0) if field.type)
        texts = tuple(one for field in fields if field.id == _TEXTS for one in _texts(text, field))
    except (ValueError, IndexError) as reason:
        raise UnreadableProductError(path, f"its footer is damaged: {reason}") from reason
    return Footer(path, start, text, tuple(field for field in fields if field.id != _TEXTS), texts)


def _texts(text: Text, field: Field) -> Iterator[KeyValue]:
    for number, at in enumerate(text.structs(field)):
        if number >= _TEXTS_LIMIT:
            raise ValueError(f"it has more than {_TEXTS_LIMIT} texts")
        said: dict[int, bytes] = {}
        end = at
        for one in text.fields(at):
            end = one.end
            if one.type == BINARY and one.id in (1, 2):
                said[one.id] = text.binary(one.start)
        yield KeyValue(said.get(1, b""), said.get(2), text.data[at:end])


def meaning(found: Footer, ours: tuple[bytes, ...]) -> list[bytes]:
    """Return digests of the schema and of all texts but ours."""
    said = [one.written for one in found.texts if one.key not in ours]
    return [hashlib.sha256(one).digest() for one in (found.schema, *said)]
