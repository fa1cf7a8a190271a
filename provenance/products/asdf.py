# SPDX-License-Identifier: Apache-2.0
"""What an ASDF file carries: its record as an entry of the tree, its content in all else.

The record is put in as text before the end of the tree. It takes the room of
the padding there, if that will do; else the blocks are moved, and the cost
goes with the file's size.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from provenance.canonical import ni_of_hex, short
from provenance.errors import CanNotAttachError, UnreadableProductError
from provenance.products.asdf_blocks import INDEX, Block, after_padding, blocks, digest
from provenance.products.asdf_tree import KEY, Tree, tree
from provenance.products.found import Contents, Embedded, Embedding, Label, Part
from provenance.products.splice import Edit, splice
from provenance.products.yaml_text import RefusedYAML, quoted

TEARS = True
_TREE_LIMIT = 8 << 20
_END = re.compile(rb"\n\.\.\.(?:\r?\n|\Z)")
_DOCUMENT = re.compile(rb"^---(?=\s)", re.MULTILINE)
_NOTHING = ni_of_hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")


def recognises(path: Path) -> bool:
    """Whether it has a tree, and one of no more than 8 MiB."""
    with path.open("rb") as file:
        return _head(file) is not None


def media_type(path: Path) -> str:  # noqa: ARG001 -- as all formats have it
    """Return the type that ASDF files are served as."""
    return "application/x-asdf"


class _Head(NamedTuple):
    """The file up to its first block: the text, where the tree's last line begins, and where it ends."""

    text: bytes
    last: int
    end: int


def _head(file: BinaryIO) -> _Head | None:
    file.seek(0)
    begin = file.read(_TREE_LIMIT)
    end = _END.search(begin)
    if end is None or not _DOCUMENT.search(begin, 0, end.start() + 1):
        return None
    return _Head(begin[: end.end()], end.start() + 1, end.end())


def _read(path: Path, file: BinaryIO) -> tuple[_Head, Tree]:
    head = _head(file)
    if head is None:
        raise UnreadableProductError(path, f"it has no tree that ends within {_TREE_LIMIT} bytes")
    try:
        return head, tree(head.text[: head.last].decode())
    except (RefusedYAML, UnicodeDecodeError) as reason:
        raise UnreadableProductError(path, str(reason)) from reason


def read(path: Path, *, check: bool = True) -> Contents:
    """Read the record, and the digests of the tree and of each array.

    Arrays are named by their place in the tree and digested decompressed, so
    that both survive a rewrite. No reference to another file is followed.
    Without ``check`` only the tree is read.

    Raises
    ------
    UnreadableProductError
        The file is damaged, or is built to exhaust its reader.
    """
    with path.open("rb") as file:
        head, told = _read(path, file)
        parts = tuple(_parts(path, file, head, told)) if check else ()
    said = told.ours.said if told.ours else {}
    pointer, document = said.get("record"), said.get("document")
    if document is None:
        return Contents(parts, None, pointer, short(said.get("content", "")) or None)
    return Contents(parts, Embedded(document, f"{KEY} in the tree", pointer, None))


def _parts(path: Path, file: BinaryIO, head: _Head, told: Tree) -> Iterator[Part]:
    found = list(blocks(path, file, head.end, _size(file)))
    yield Part("tree", _NOTHING, ni_of_hex(told.digest), 0)
    names, digests = {"tree"}, dict[int, str]()
    for array in told.arrays:
        name = array.name or "array"
        name = f"{name}#{len(names)}" if name in names else name
        names.add(name)
        if array.block is None:
            yield Part(name, ni_of_hex(array.digest.hex()), None, array.size)
            continue
        number = array.block + len(found) if array.block < 0 else array.block
        if not 0 <= number < len(found):
            raise UnreadableProductError(
                path, f"its array {name} is in block {array.block}, which is not there"
            )
        if number not in digests:
            digests[number] = ni_of_hex(digest(path, file, found[number]))
        yield Part(name, digests[number], None, found[number].size)
    for number, block in enumerate(found):
        if number not in digests:
            yield Part(f"block {number}", ni_of_hex(digest(path, file, block)), None, block.size)


def _size(file: BinaryIO) -> int:
    return file.seek(0, os.SEEK_END)


def embed(path: Path, document: bytes, label: Label) -> Embedding:
    """Put the document into the tree, in the place of one that is there already.

    Raises
    ------
    CanNotAttachError
        The tree is written in a way to which no line can be added. The file is as it was.
    UnreadableProductError
        The file is damaged.
    """
    with path.open("rb") as file:
        head, told = _read(path, file)
        if told.column is None:
            raise CanNotAttachError(path, "its tree is no block of keys that one can be added to")
        edit = _entry(head, told, document, label)
        edits = [edit, *_follows(path, file, head, len(edit.new) - (edit.end - edit.start))]
    splice(path, edits)
    return Embedding(f"{KEY} in the tree")


def _entry(head: _Head, told: Tree, document: bytes, label: Label) -> Edit:
    indent = " " * (told.column or 0)
    entry = f"{KEY}: {{record: {quoted(label.record)}, content: {quoted(label.content)}, document: "
    new = (entry + quoted(document.decode("ascii")) + "}\n").encode()
    if told.ours is None:
        return Edit(head.last, head.last, indent.encode() + new)
    text = head.text[: head.last].decode()
    start, end = (len(text[:at].encode()) for at in (told.ours.start, told.ours.end))
    if head.text[:end].endswith(b"\n") and end != head.last:
        return Edit(start, end, new)
    return Edit(start, end, new + (indent.encode() if end != head.last else b""))


def _follows(path: Path, file: BinaryIO, head: _Head, grown: int) -> Iterator[Edit]:
    """Yield what has to be done about the blocks: nothing but less padding, or an index put right."""
    size = _size(file)
    first = after_padding(file, head.end)
    if first < size and grown <= first - head.end:
        yield Edit(first - max(grown, 0), first, b"\0" * max(-grown, 0))
        return
    found = list(blocks(path, file, head.end, size))
    if not found:
        return
    file.seek(found[-1].end)
    if file.read(len(INDEX)) == INDEX:
        yield Edit(found[-1].end, size, _index(found, grown))


def _index(found: list[Block], moved: int) -> bytes:
    lines = "".join(f"- {block.start + moved}\n" for block in found)
    return INDEX + f"\n%YAML 1.1\n---\n{lines}...\n".encode()
