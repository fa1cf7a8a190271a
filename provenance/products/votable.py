# SPDX-License-Identifier: Apache-2.0
"""What a VOTable carries: its record in an INFO before the first RESOURCE, its content in its tables.

The record is put in as text, so no other byte changes. The first TABLE, if
it has no ID, gets one that names the record: that survives a rewrite by
programs that keep tables only. The file after that place is moved, so the
cost goes with the file's size.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from provenance.canonical import ni_of_hex, short
from provenance.errors import CanNotAttachError, UnreadableProductError
from provenance.products.found import Contents, Embedded, Embedding, Label, Part
from provenance.products.splice import Edit, splice
from provenance.products.votable_scan import NAME, Info, Refused, Scan
from provenance.products.votable_table import Table

TEARS = True
_TAG_LIMIT = 1 << 20
_TAG = re.compile(r"""<(?:[^<>"']|"[^"]*"|'[^']*')*>""")
_OUR_ID = re.compile(r"""(?<=\sID)\s*=\s*["']ebprov\.[^"']*["']""")


def recognises(path: Path) -> bool:
    """Whether it is XML without a document type whose first element is a VOTABLE."""
    try:
        return bool(Scan(path).root())
    except Refused:
        return False


def media_type(path: Path) -> str:  # noqa: ARG001 -- as all formats have it
    """Return the type that IANA has for VOTables."""
    return "application/x-votable+xml"


def read(path: Path, *, check: bool = True) -> Contents:
    """Read the record, and the digests of the tables.

    The values of a TABLEDATA count, not how their numbers are written; of
    other serialisations the bytes. What a link leads to is never fetched.
    Without ``check`` nothing beyond the first table's header is read.

    Raises
    ------
    UnreadableProductError
        The file is damaged, or is built to exhaust its reader.
    """
    scan = _scanned(path, check=check)
    info, table = next(iter(scan.infos), None), next(iter(scan.tables), None)
    signpost, described = table.signpost if table else (None, None)
    embedded = None
    if info and info.text:
        embedded = Embedded(info.text, _place(info.above), info.value, signpost)
    elif info:
        signpost = signpost or info.value
    return Contents(tuple(_parts(scan)) if check else (), embedded, signpost, described)


def embed(path: Path, document: bytes, label: Label) -> Embedding:
    """Put the document before the first RESOURCE, in the place of one that is there already.

    Raises
    ------
    CanNotAttachError
        The file has no place for it, and is as it was.
    UnreadableProductError
        The file is damaged.
    """
    scan = _scanned(path, check=False)
    kept = next((info for info in scan.infos if info.above == ("VOTABLE",)), None)
    prefix = f"{scan.prefix}:" if scan.prefix else ""
    words = document.decode("ascii").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    new = f'<{prefix}INFO name="{NAME}" value="{label.record}">{words}</{prefix}INFO>'
    with _Tags(path, scan) as tags:
        if kept is None and not tags.is_place(scan.place):
            raise CanNotAttachError(path, "it has no RESOURCE that the record could go before")
        edits = [
            tags.edit(*tags.span(info), new if info is kept else "", drop_line=info is not kept)
            for info in scan.infos
        ]
        if kept is None and scan.place is not None:
            edits.append(tags.edit(scan.place, scan.place, new + "\n"))
        edits += tags.identified(scan.tables[:1], label)
    splice(path, sorted(edits))
    return Embedding(_place(("VOTABLE",)))


def _place(above: tuple[str, ...]) -> str:
    return f"INFO {NAME} in {'/'.join(above)}"


def _scanned(path: Path, *, check: bool) -> Scan:
    try:
        return Scan(path).all() if check else Scan(path).head()
    except Refused as reason:
        raise UnreadableProductError(path, str(reason)) from reason


def _parts(scan: Scan) -> Iterator[Part]:
    rest = scan.rest.hexdigest()
    yield Part("VOTABLE", ni_of_hex(scan.nothing), ni_of_hex(rest), 0)
    names = {"VOTABLE"}
    for number, table in enumerate(scan.tables):
        name = table.name or f"#{number}"
        name = f"{name}#{number}" if name in names else name
        names.add(name)
        yield Part(name, ni_of_hex(table.data.hexdigest()), ni_of_hex(table.header.hexdigest()), table.size)


class _Tags:
    """The tags of a file where a scan has seen them, as text."""

    def __init__(self, path: Path, scan: Scan) -> None:
        self.file = path.open("rb")
        self.codec, self.width = scan.codec, scan.width

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def text(self, at: int) -> str:
        """Return the tag that begins there."""
        self.file.seek(at)
        tag = _TAG.match(self.file.read(_TAG_LIMIT).decode(self.codec, "replace"))
        return tag[0] if tag else ""

    def span(self, info: Info) -> tuple[int, int]:
        first = self.text(info.start)
        if first.endswith("/>"):
            return info.start, info.start + len(first) * self.width
        return info.start, info.end + len(self.text(info.end)) * self.width

    def is_place(self, at: int | None) -> bool:
        """Whether an element begins or ends there, which after ``<VOTABLE/>`` none does."""
        return at is not None and self.text(at)[1:2] not in ("", "!", "?")

    def edit(self, start: int, end: int, new: str, *, drop_line: bool = False) -> Edit:
        if drop_line:
            self.file.seek(end)
            after = self.file.read(self.width).decode(self.codec, "replace")
            end += self.width if after == "\n" else 0
        return Edit(start, end, new.encode(self.codec))

    def identified(self, tables: list[Table], label: Label) -> Iterator[Edit]:
        """Yield what gives the table its ID, where it has none of its own."""
        given = ".".join(filter(None, ("ebprov", short(label.record), short(label.content))))
        for table in tables:
            tag = self.text(table.start)
            ours = _OUR_ID.search(tag)
            at = ours.start() if ours else len(re.split(r"[\s/>]", tag, maxsplit=1)[0])
            until = ours.end() if ours else at
            if ours or not table.has_id:
                new = f'="{given}"' if ours else f' ID="{given}"'
                yield self.edit(table.start + at * self.width, table.start + until * self.width, new)
