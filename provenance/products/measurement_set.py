# SPDX-License-Identifier: Apache-2.0
"""CASA MeasurementSets, and every other casacore table that is a directory.

The record is a file inside; writing and finding it needs no casacore. The
content is what the columns of the table and of its subtables decode to. Only
tables inside the directory are read, whatever the keywords refer to.
"""

import re
from pathlib import Path

from provenance.canonical import ni_of_hex
from provenance.errors import NeedsExtraError
from provenance.products.directory import embed
from provenance.products.found import Contents, Part
from provenance.products.grouped import grouped
from provenance.products.guard import guarded
from provenance.products.inside import embedded
from provenance.products.tree import Leaf, digest, head_of, leaves, shown

__all__ = ["TEARS", "embed", "media_type", "read", "recognises"]

TEARS = False

_TABLE = "table.dat"
_BEGINS = b"\xbe\xbe\xbe\xbe"
_LIMIT = 16 << 20
_KINDS = (b"PlainTable", b"RefTable", b"ConcatTable")
_ELSEWHERE = (b"ForwardColumn", b"VirtualTaQL")
_OF_CASACORE = re.compile(r"table\.(dat|info|lock|mf|f\d+\w*)")


def recognises(path: Path) -> bool:
    """Whether a table of casacore is here."""
    with (path / _TABLE).open("rb") as file:
        head = file.read(17)
    return head[:4] == _BEGINS and head[12:17] == b"Table"


def media_type(path: Path) -> str:  # noqa: ARG001 -- as all formats have it
    """Return a type of CASA's own; IANA has none."""
    return "application/x-casa-table"


def read(path: Path, *, check: bool = True) -> Contents:
    """Return the document in the table, and the digests of the columns as they decode.

    Raises
    ------
    UnreadableProductError
        It is damaged, or another process is writing to it.
    """
    found = embedded(path)
    if not check:
        return Contents((), found)
    tables, others, why = _sorted_out(path)
    if why:
        return Contents((), found, unchecked=why)
    try:
        told = guarded(
            str(path.absolute()), "provenance.products.measurement_set_read:read", tables, extra="casa"
        )
    except NeedsExtraError as reason:
        return Contents((), found, unchecked=str(reason))
    columns = (
        Part(str(name), ni_of_hex(data), ni_of_hex(header), int(size)) for name, data, header, size in told
    )
    return Contents(grouped((*columns, *others), _part), found)


def _part(name: str) -> str:
    """Return the name of the part that a column belongs to: its own in the main table, else its table's."""
    return name if name.startswith("MAIN/") else name.partition("/")[0]


def _sorted_out(path: Path) -> tuple[list[str], list[Part], str]:
    """Return the tables inside, other files as parts, and why the tables can't be read safely."""
    tables, others = [], []
    for leaf in leaves(path):
        directory, _, name = leaf.key.rpartition("/")
        if leaf.link is not None:
            return [], [], f"{shown(leaf.key)} is a symbolic link, which is not followed"
        if name == _TABLE:
            tables.append(directory)
            if why := _unsafe(leaf.path):
                return [], [], f"{shown(leaf.key)} {why}"
        elif not _OF_CASACORE.fullmatch(name):
            others.append(leaf)
    return sorted(tables), [Part(shown(one.key), *_file(one)) for one in others], ""


def _file(leaf: Leaf) -> tuple[str, None, int]:
    name, size = digest(leaf)
    return name, None, size


def _unsafe(path: str) -> str:
    """Say why a table would be read from outside of its directory; empty if it is all here."""
    text = head_of(path, _LIMIT)
    if text is None:
        return "is too long to be read"
    if any(word in text for word in _ELSEWHERE) or _kind(text) != _KINDS[0]:
        return "refers to tables that are elsewhere"
    return ""


def _kind(text: bytes) -> bytes:
    return next((kind for kind in _KINDS if kind in text[17:64]), b"")
