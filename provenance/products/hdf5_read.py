# SPDX-License-Identifier: Apache-2.0
"""Read an HDF5 file: the record in its first group, and what all its groups and datasets hold.

Soft and external links are told and never followed. Runs only where `guard`
has files read.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from h5py import h5d, h5f, h5g, h5l, h5o, h5p

from provenance.canonical import ni_of_hex
from provenance.products.guarded import alive
from provenance.products.hdf5_data import digest, kind_of
from provenance.products.hdf5_header import (
    OURS,
    TooLongError,
    dimensions,
    header,
    is_bare_dimension,
    names_of,
    text_of,
)
from provenance.products.meaning import most_expanded

_DOCUMENT_LIMIT = 1 << 20
_OBJECTS = 1 << 16
_DEPTH = 64
_NAME = 1 << 12
_METADATA = 4 << 20


class Item(NamedTuple):
    """A group or dataset, by the first of its names, and what else its group says."""

    name: str
    held: h5g.GroupID | h5d.DatasetID
    links: dict[str, Any]


def read(path: str, check: bool) -> list[Any]:  # noqa: FBT001 -- it comes as JSON
    """Return the fields of `Contents`; of the document, it and the record's digest."""
    access = access_list()
    file = h5f.open(path.encode("utf-8", "surrogateescape"), h5f.ACC_RDONLY, access)
    try:
        root = h5g.open(file, b"/")
        document, record, content = attached(root)
        embedded = None if document is None else [document, record]
        parts, unchecked = _parts(root, most_expanded(Path(path).stat().st_size)) if check else ([], "")
        return [parts, embedded, record, content, unchecked]
    finally:
        file._close_open_objects(h5f.OBJ_ALL)  # noqa: SLF001 -- what h5py.File.close() does


def access_list() -> h5p.PropFAID:
    """Return how a file is opened: with little memory for the library's own."""
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    access.set_cache(0, 521, 1 << 20, 0.75)
    tuned = access.get_mdc_config()
    tuned.set_initial_size, tuned.initial_size = True, _METADATA // 4
    tuned.min_size, tuned.max_size = _METADATA // 4, _METADATA
    access.set_mdc_config(tuned)
    return access


def attached(root: h5g.GroupID) -> list[str | None]:
    """Return the texts of our attributes: the document, the record's digest and the content's."""
    names = names_of(root)
    return [
        text_of(root, name.encode(), _DOCUMENT_LIMIT) if name.encode() in names else None for name in OURS
    ]


def _parts(root: h5g.GroupID, left: int) -> tuple[list[Any], str]:
    """Return the parts, and why not all could be looked at; all data together may expand to so many bytes."""
    parts: list[Any] = []
    unchecked = ""
    for item in walk(root):
        alive()
        if len(parts) >= _OBJECTS:
            return parts, f"it has more than {_OBJECTS} groups and datasets"
        try:
            part, why = _part(item, left)
        except TooLongError as reason:
            part, why = None, str(reason)
        unchecked = unchecked or (f"{item.name}: {why}" if why else "")
        if part is not None:
            parts.append(part)
            left = max(0, left - part[3])
    return parts, unchecked


def _part(item: Item, left: int) -> tuple[list[Any] | None, str]:
    if isinstance(item.held, h5g.GroupID):
        nothing = hashlib.sha256().hexdigest()
        return [_shown(item.name), ni_of_hex(nothing), ni_of_hex(header(item.held, item.links).hex()), 0], ""
    names = names_of(item.held)
    if is_bare_dimension(item.held, names):
        return None, ""
    found = digest(item.held, left)
    said = {
        "type": kind_of(item.held.get_type()),
        "shape": None if item.held.shape is None else list(item.held.shape),
        "dimensions": dimensions(item.held, names),
    }
    meant = header(item.held, said)
    return [
        _shown(item.name),
        ni_of_hex(found.value.hex()),
        ni_of_hex(meant.hex()),
        found.size,
    ], found.unchecked


def _shown(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def walk(root: h5g.GroupID) -> Iterator[Item]:
    """Yield each object once: a group's datasets in the order of names, the group, then groups in it."""
    seen: dict[Any, str] = {_address(root): "/"}
    left = [("/", 0)]
    while left:
        name, depth = left.pop()
        if depth > _DEPTH:
            raise ValueError(f"its groups are nested deeper than {_DEPTH}")
        group = root if name == "/" else h5g.open(root, name.encode("utf-8", "surrogateescape"))
        told: dict[str, Any] = {}
        below: list[tuple[str, int]] = []
        for link, held in _held(group, told):
            path = f"{name.rstrip('/')}/{link}"
            if (first := seen.setdefault(_address(held), path)) != path:
                told[link] = ["same", first]
            elif isinstance(held, h5g.GroupID):
                below.append((path, depth + 1))
            elif isinstance(held, h5d.DatasetID):
                yield Item(path, held, {})
            else:
                told[link] = ["type", kind_of(held)]
        yield Item(name, group, told)
        left += reversed(below)


def _held(group: h5g.GroupID, told: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the objects in a group, opened one after the other; tell of the links that lead elsewhere."""
    for link, kind in _names(group):
        name = link.decode("utf-8", "surrogateescape")
        if kind == h5l.TYPE_HARD:
            yield name, h5o.open(group, link)
        else:
            told[name] = [int(kind), repr(group.links.get_val(link))]


def _names(group: h5g.GroupID) -> list[tuple[bytes, int]]:
    found: list[tuple[bytes, int]] = []

    def add(name: bytes, info: Any) -> bool | None:
        found.append((name, info.type))
        return len(found) > _OBJECTS or len(name) > _NAME or None

    group.links.iterate(add, info=True)
    if found and (len(found) > _OBJECTS or len(found[-1][0]) > _NAME):
        raise ValueError(f"a group has more than {_OBJECTS} links, or names longer than {_NAME}")
    return sorted(found)


def _address(held: Any) -> Any:
    info = h5o.get_info(held)
    return info.fileno, info.addr
