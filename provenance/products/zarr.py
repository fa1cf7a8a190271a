# SPDX-License-Identifier: Apache-2.0
"""Zarr stores in directories: the record is a key beside the arrays, and the root's attributes point to it.

A store in a zip file is a plain file. Readers of Zarr pass the extra key over.
"""

from pathlib import Path

from provenance.canonical import short
from provenance.errors import CanNotAttachError
from provenance.products.found import Contents, Embedding, Label
from provenance.products.grouped import bounded
from provenance.products.inside import embedded, put, replaced
from provenance.products.json_text import with_members
from provenance.products.tree import RECORD, head_of
from provenance.products.zarr_nodes import (
    CONTENT,
    LIMIT,
    POINTER,
    V2_ATTRIBUTES,
    V2_CONSOLIDATED,
    V3,
    attributes_of,
    is_store,
)
from provenance.products.zarr_parts import parts

TEARS = False


def recognises(path: Path) -> bool:
    """Whether the root of a store of version 2 or 3 is here."""
    return is_store(path)


def media_type(path: Path) -> str:  # noqa: ARG001 -- as all formats have it
    """Return the type that Zarr is going by; IANA has none."""
    return "application/vnd+zarr"


def read(path: Path, *, check: bool = True) -> Contents:
    """Return the document in the store, and the digests of its arrays as they are encoded.

    Raises
    ------
    UnreadableProductError
        It has more files, or is deeper, than is ever walked through.
    """
    said = attributes_of(path)
    signpost, described = (_text(said.get(name)) for name in (POINTER, CONTENT))
    return Contents(bounded(parts(path)) if check else (), embedded(path, signpost), signpost, described)


def _text(given: object) -> str | None:
    return given if isinstance(given, str) else None


def embed(path: Path, document: bytes, label: Label) -> Embedding:
    """Write the document, then point to it from the attributes of the root, wherever these are kept.

    Raises
    ------
    CanNotAttachError
        Another file has the document's name, or there is no room.
    """
    put(path, document)
    pointer = {POINTER: label.record, CONTENT: short(label.content)}
    places = [(V3, ["attributes"])] if (path / V3).exists() else [(V2_ATTRIBUTES, [])]
    if not (path / V3).exists() and (path / V2_CONSOLIDATED).exists():
        places.append((V2_CONSOLIDATED, ["metadata", V2_ATTRIBUTES]))
    notes = [note for name, at in places if (note := _pointed(path, name, at, pointer))]
    return Embedding(RECORD, "; ".join(notes))


def _pointed(root: Path, name: str, at: list[str], pointer: dict[str, str]) -> str:
    """Point to the record from one document, and say why that could not be."""
    path = root / name
    if path.is_symlink():
        return f"{name} is a symbolic link, so it does not point to the record"
    old = head_of(str(path), LIMIT)
    if old is None and path.exists():
        return f"{name} is too long to be changed, so it does not point to the record"
    try:
        new = with_members((b"{}" if old is None else old).decode(), at, pointer).encode()
    except (ValueError, RecursionError):
        return f"{name} is not to be understood, so it does not point to the record"
    if new != old:
        try:
            replaced(root, path, new)
        except CanNotAttachError as reason:
            return f"{name} does not point to the record: {reason.reason}"
    return ""
