# SPDX-License-Identifier: Apache-2.0
"""The content of a Zarr store, array by array, and chunk by chunk where these are few."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from provenance.canonical import ni, ni_of_hex
from provenance.products.found import Part
from provenance.products.tree import Leaf, digest, leaves, shown
from provenance.products.zarr_nodes import DOCUMENTS, V2_CONSOLIDATED, Node, consolidated, node

_EMPTY = ni(b"")


def parts(root: Path) -> Iterator[Part]:
    """Yield the groups, arrays, chunks and other files of a store, in the order of their paths.

    Raises
    ------
    UnreadableProductError
        It has more files, or is deeper, than is ever walked through.
    """
    copies = consolidated(root)
    open_: list[_Open] = []
    for leaf in leaves(root):
        while open_ and not leaf.key.startswith(open_[-1].prefix):
            yield from open_.pop().closed()
        for prefix in _entered(leaf.key, open_[-1] if open_ else None):
            found = node(f"{root}/{prefix}", prefix.rstrip("/"), copies)
            open_.append(_Open(prefix, found))
            yield from open_[-1].opened()
        if not _is_metadata(leaf.key):
            array = next((one for one in reversed(open_) if one.is_array), None)
            yield from array.added(leaf) if array else [Part(shown(leaf.key), *_file(leaf))]
    while open_:
        yield from open_.pop().closed()


def _file(leaf: Leaf) -> tuple[str, None, int]:
    name, size = digest(leaf)
    return name, None, size


def _is_metadata(key: str) -> bool:
    return key == V2_CONSOLIDATED or key.rpartition("/")[2] in DOCUMENTS


def _entered(key: str, inside: "_Open | None") -> Iterator[str]:
    """Yield the directories that are entered on the way to a file; arrays have no nodes inside."""
    if inside is None:
        yield ""
    elif inside.is_array:
        return
    at = len(inside.prefix) if inside else 0
    while (slash := key.find("/", at)) >= 0:
        at = slash + 1
        yield key[:at]


class _Open:
    """A directory while its files pass by."""

    def __init__(self, prefix: str, found: Node | None) -> None:
        self.prefix = prefix
        self.is_array = found is not None and found.is_array
        self._node = found
        self._chunks = hashlib.sha256()
        self._size = 0

    @property
    def _name(self) -> str:
        return shown(self.prefix.rstrip("/")) or "/"

    def opened(self) -> Iterator[Part]:
        """Yield what is known before any file was seen."""
        if self._node is None:
            return
        if not self.is_array:
            yield Part(self._name, _EMPTY, ni(self._node.header.encode()), 0)
        elif self._node.is_chunked:
            text = self._node.data.encode()
            yield Part(self._name, ni(text), ni(self._node.header.encode()), len(text))

    def added(self, leaf: Leaf) -> Iterator[Part]:
        """Take the chunk of an array, or yield it as a part."""
        name, size = digest(leaf)
        if self._node is not None and self._node.is_chunked:
            yield Part(shown(leaf.key), name, None, size)
            return
        self._chunks.update(json.dumps([shown(leaf.key[len(self.prefix) :]), name]).encode() + b"\n")
        self._size += size

    def closed(self) -> Iterator[Part]:
        """Yield what is known when all files were seen."""
        if self._node is None or not self.is_array or self._node.is_chunked:
            return
        text = self._node.data.encode()
        self._chunks.update(text)
        size = self._size + len(text)
        yield Part(self._name, ni_of_hex(self._chunks.hexdigest()), ni(self._node.header.encode()), size)
