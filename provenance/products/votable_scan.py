# SPDX-License-Identifier: Apache-2.0
"""Go through a VOTable once, in bounded memory, without trusting a byte of it.

Expat reads it, which opens nothing else; a document type, and so every
entity, is refused. Depth, the length of a tag, the names and the number of
tables have their caps.
"""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple
from xml.parsers import expat

from provenance.products.votable_table import Table, said_of

NAME = "eb:provenance"
_CHUNK = 1 << 18
_TAG_LIMIT = 1 << 20
_DEPTH = 64
_NAMES_LIMIT = 10_000
_TABLE_LIMIT = 10_000
_CELL_LIMIT = 1 << 20
_STREAM = frozenset(("encoding", "href", "extnum"))
_INFO_LIMIT = 1 << 20
_INFOS_LIMIT = 16


class Refused(Exception):  # noqa: N818 -- it never leaves the format
    """The file is no VOTable that can be read."""


class _Enough(Exception):  # noqa: N818 -- the same
    """What was wanted has been seen."""


class Info(NamedTuple):
    """An INFO of ours: where its first and its last tag begin, and what it says."""

    start: int
    end: int
    above: tuple[str, ...]
    value: str | None
    text: str


class Scan:
    """One walk over a file; afterwards its tables and our INFOs are known."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.infos: list[Info] = []
        self.tables: list[Table] = []
        self.place: int | None = None
        self.prefix = ""
        self.codec, self.width = "latin-1", 1
        self.rest = hashlib.sha256()
        self.nothing = hashlib.sha256().hexdigest()
        self._stack: list[str] = []
        self._table: Table | None = None
        self._info: tuple[int, int, str | None] | None = None
        self._pieces: list[str] = []
        self._length = 0
        self._long: Any = None
        self._in_data = 0
        self._until = ""
        self._begin_at = 0
        self._names: dict[str, str] = {}
        self._parser = expat.ParserCreate(intern=self._names)

    def root(self) -> str:
        """Read up to the first element and return its name.

        Raises
        ------
        Refused
            It is no VOTABLE.
        """
        return self._walked("VOTABLE").prefix + "VOTABLE"

    def head(self) -> "Scan":
        """Read up to the first table's data.

        Raises
        ------
        Refused
            What was read is damaged, or built to exhaust its reader.
        """
        return self._walked("DATA")

    def all(self) -> "Scan":
        """Read the whole file.

        Raises
        ------
        Refused
            It is damaged, or built to exhaust its reader.
        """
        return self._walked("")

    def _walked(self, until: str) -> "Scan":
        self._until = until
        parser = self._parser
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        try:
            self._feed()
        except _Enough:
            return self
        except (expat.ExpatError, ValueError, LookupError) as reason:
            raise Refused(f"it is no XML that can be read: {reason}") from reason
        return self

    def _feed(self) -> None:
        with self.path.open("rb") as file:
            fed = 0
            while data := file.read(_CHUNK):
                if not fed:
                    self._encoded(data[:2])
                fed += len(data)
                self._parser.Parse(data, False)
                if fed - self._parser.CurrentByteIndex > _TAG_LIMIT:
                    raise Refused(f"it has a tag or comment of more than {_TAG_LIMIT} bytes")
                if len(self._names) > _NAMES_LIMIT:
                    raise Refused(f"it has more than {_NAMES_LIMIT} different names")
            self._parser.Parse(b"", True)

    def _encoded(self, begin: bytes) -> None:
        if begin in (b"\xff\xfe", b"<\0"):
            self.codec, self.width = "utf-16-le", 2
        elif begin in (b"\xfe\xff", b"\0<"):
            self.codec, self.width = "utf-16-be", 2

    def _doctype(self, *_: object) -> None:
        raise Refused("it has a document type, which could define entities")

    def _start(self, name: str, said: dict[str, str]) -> None:
        prefix, _, local = name.rpartition(":")
        if not self._stack:
            if local != "VOTABLE":
                raise Refused("its first element is no VOTABLE")
            self.prefix, self._begin_at = prefix, self._parser.CurrentByteIndex
        if prefix != self.prefix:
            local = name
        self._flush()
        if local == self._until:
            raise _Enough
        if len(self._stack) >= _DEPTH:
            raise Refused(f"its elements are nested deeper than {_DEPTH}")
        if local == "INFO" and self._info is None and said.get("name") == NAME:
            self._info = self._parser.CurrentByteIndex, len(self._stack), said.get("value")
        elif local == "RESOURCE" and self.place is None and len(self._stack) == 1:
            self.place = self._parser.CurrentByteIndex
        self._stack.append(local)
        if self._info is None:
            self._begin(local, said)

    def _begin(self, local: str, said: dict[str, str]) -> None:
        if self._in_data:
            self._begin_in_data(local, said)
            return
        if local == "TABLE" and self._table is None:
            if len(self.tables) >= _TABLE_LIMIT:
                raise Refused(f"it has more than {_TABLE_LIMIT} tables")
            self._table = Table(self._parser.CurrentByteIndex, said)
            self.tables.append(self._table)
        if local == "DATA" and self._table is not None:
            self._in_data = len(self._stack)
            return
        if local == "FIELD" and self._table is not None:
            self._table.field(said)
        self._told(b"(", local, said)

    def _begin_in_data(self, local: str, said: dict[str, str]) -> None:
        if self._table is not None and local not in ("TD", "TR"):
            kept = {key: value for key, value in said.items() if key in _STREAM}
            self._table.data.update(said_of(local, kept))

    def _told(self, mark: bytes, local: str, said: dict[str, str]) -> None:
        """Count a tag to the header that it is in."""
        if local == "VOTABLE":
            return
        self._header.update(mark + said_of(local, said))

    def _end(self, _name: str) -> None:
        self._end_of(self._stack[-1])
        self._stack.pop()
        at = self._parser.CurrentByteIndex
        if not self._stack and self.place is None and at > self._begin_at:
            self.place = at

    @property
    def _header(self) -> Any:
        """The digest that what is no data counts to."""
        return self._table.header if self._table is not None else self.rest

    def _end_of(self, local: str) -> None:
        if self._info is not None:
            if len(self._stack) - 1 == self._info[1]:
                self._end_info(*self._info)
            return
        if not self._in_data:
            self._flush()
            self._told(b")", local, {})
            if local == "TABLE" and "TABLE" not in self._stack[:-1]:
                self._table = None
        elif self._table is not None:
            if len(self._stack) == self._in_data:
                self._in_data = 0
            elif local == "TD":
                self._end_cell(self._table)
            elif local == "TR":
                self._table.end_row()
        self._drop()

    def _end_info(self, start: int, depth: int, value: str | None) -> None:
        text = "".join(self._pieces).strip()
        if len(self.infos) < _INFOS_LIMIT:
            self.infos.append(
                Info(start, self._parser.CurrentByteIndex, tuple(self._stack[:depth]), value, text)
            )
        self._info = None
        self._drop()

    def _end_cell(self, table: Table) -> None:
        table.cell("".join(self._pieces) if self._long is None else self._long.hexdigest())

    def _text(self, words: str) -> None:
        if self._info is not None:
            self._keep(words, _INFO_LIMIT)
        elif not self._in_data:
            self._header.update("".join(words.split()).encode("utf-8", "surrogatepass"))
        elif self._table is not None:
            if self._stack[-1] == "TD":
                self._keep_cell(words)
            elif self._stack[-1] == "STREAM":
                self._table.take("".join(words.split()).encode("utf-8", "surrogatepass"))

    def _keep(self, words: str, limit: int) -> None:
        self._length += len(words)
        if self._length > limit:
            raise Refused(f"its {NAME} has more than {limit} characters")
        self._pieces.append(words)

    def _keep_cell(self, words: str) -> None:
        """Keep the text of a cell; of one that is very long its digest."""
        self._length += len(words)
        self._pieces.append(words)
        if self._length > _CELL_LIMIT:
            if self._long is None:
                self._long = hashlib.sha256()
            for piece in self._pieces:
                self._long.update("".join(piece.split()).encode("utf-8", "surrogatepass"))
            self._pieces.clear()

    def _flush(self) -> None:
        """Forget text between tags; in a cell it would be text beside an element, which none has."""
        if self._info is None:
            self._drop()

    def _drop(self) -> None:
        self._pieces.clear()
        self._length, self._long = 0, None
