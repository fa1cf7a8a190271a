# SPDX-License-Identifier: Apache-2.0
"""What the metadata of a Zarr group or array say, of version 2 and 3 of the format.

What makes chunks into numbers (shape, type, codecs, fill value, ...) belongs
to the data; attributes and names of dimensions are the header. The pointer to
a record of ours is neither.
"""

import json
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from provenance.canonical import ni
from provenance.products.json_text import loaded
from provenance.products.tree import head_of
from provenance.strangers import mapping

POINTER = "EBPROVID"
CONTENT = "EBPRDSUM"
V3, V2_ATTRIBUTES, V2_CONSOLIDATED = "zarr.json", ".zattrs", ".zmetadata"
DOCUMENTS = (V3, ".zgroup", ".zarray", V2_ATTRIBUTES)
LIMIT = 1 << 20
"""Bytes of a metadata document that is understood; of a longer one only the digest counts."""

_CHUNKED = 16
_DATA = frozenset(
    (
        "shape",
        "data_type",
        "dtype",
        "chunk_grid",
        "chunks",
        "chunk_key_encoding",
        "dimension_separator",
        "fill_value",
        "codecs",
        "compressor",
        "filters",
        "order",
        "storage_transformers",
        "zarr_format",
        "node_type",
    )
)


class Node(NamedTuple):
    """A group or an array: the texts that count as its data and its header.

    ``is_chunked`` says that an array has few chunks, more than one, so that
    each is a part of its own.
    """

    is_array: bool
    is_chunked: bool
    data: str
    header: str


def node(directory: str, name: str, copies: dict[str, Any]) -> Node | None:
    """Return the node in a directory; None where there is none.

    ``copies`` are the consolidated metadata of the store, by name and
    document; where they differ from the node's own, readers are told other
    things than the node says, so that counts as a header.
    """
    raw = {one: text for one in DOCUMENTS if (text := _text(directory, one)) is not None}
    if not any(one in raw for one in DOCUMENTS[:3]):
        return None
    said = {one: _plain(loaded(text) if text else None, text) for one, text in raw.items()}
    if not name and V3 in said:  # its copies are held against each node's own
        said[V3].pop("consolidated_metadata", None)
    array = said.get(V3) if V3 in said else said.get(".zarray")
    is_array = isinstance(array, dict) and ("shape" in array or array.get("node_type") == "array")
    data = {one: _some(said[one], data=True) for one in said} if is_array else {}
    header = {one: _some(said[one], data=False) for one in said} if is_array else dict(said)
    other = {
        one: copies[key]
        for one in DOCUMENTS
        if (key := f"{name}/{one}".lstrip("/")) in copies and _copied(said.get(one)) != _copied(copies[key])
    }
    header = header | ({"consolidated": other} if other else {})
    return Node(
        is_array, is_array and 1 < _count(array) <= _CHUNKED, _line(data), _line(_without_empty(header))
    )


def consolidated(root: Path) -> dict[str, Any]:
    """Return the metadata of all nodes that the root repeats, by their keys in the store."""
    version_2 = mapping(mapping(loaded(head_of(str(root / V2_CONSOLIDATED), LIMIT))).get("metadata"))
    inline = mapping(loaded(head_of(str(root / V3), LIMIT))).get("consolidated_metadata")
    version_3 = mapping(mapping(inline).get("metadata"))
    found = {f"{name.strip('/')}/{V3}": document for name, document in version_3.items()} | version_2
    return {key: _plain(document, b"") for key, document in found.items()}


def attributes_of(root: Path) -> dict[str, Any]:
    """Return the attributes of the root."""
    text = head_of(str(root / V3), LIMIT)
    if text is not None:
        return mapping(mapping(loaded(text)).get("attributes"))
    return mapping(loaded(head_of(str(root / V2_ATTRIBUTES), LIMIT)))


def is_store(root: Path) -> bool:
    """Whether the root of a store is here, and understood."""
    documents = (mapping(loaded(head_of(str(root / one), LIMIT))) for one in DOCUMENTS[:3])
    return any(document.get("zarr_format") in (2, 3) for document in documents)


def _text(directory: str, name: str) -> bytes | None:
    """Return a document; an empty text for one that is too long to be understood."""
    path = Path(directory, name)
    if not path.is_file() or path.is_symlink():
        return None
    return head_of(str(path), LIMIT) or b""


def _plain(document: Any, raw: bytes | None) -> Any:
    """Return a document without the pointer of ours; its bytes where it is not understood."""
    if not isinstance(document, dict):
        return {"not understood": ni(raw or b"")}
    cleared = {key: value for key, value in document.items() if key not in (POINTER, CONTENT)}
    if isinstance(attributes := cleared.get("attributes"), dict):
        cleared["attributes"] = _plain(attributes, b"")
    return cleared


def _some(document: Any, *, data: bool) -> dict[str, Any]:
    return {key: value for key, value in document.items() if (key in _DATA) is data}


def _copied(document: Any) -> str:
    """Return what a document and its copy have in common: all but what is consolidated, and what is empty."""
    cleared = {key: value for key, value in mapping(document).items() if key != "consolidated_metadata"}
    return _line(_without_empty(cleared))


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value not in ({}, None)}


def _line(document: Any) -> str:
    return json.dumps(document, sort_keys=True)


def _count(array: Any) -> int:
    """Return how many chunks the grid of an array has; 0 where that is not to be understood."""
    shape = array.get("shape")
    grid = mapping(mapping(array.get("chunk_grid")).get("configuration"))
    chunks = array.get("chunks", grid.get("chunk_shape"))
    if not (isinstance(shape, list) and isinstance(chunks, list) and len(shape) == len(chunks) <= 64):
        return 0
    if not all(type(number) is int and 0 <= number < 1 << 63 for number in (*shape, *chunks)) or 0 in chunks:
        return 0
    return prod(-(-length // chunk) for length, chunk in zip(shape, chunks, strict=True))
