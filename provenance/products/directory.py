# SPDX-License-Identifier: Apache-2.0
"""Any directory at all: its content is its files, and its record is one more of them."""

from collections.abc import Iterator
from pathlib import Path

from provenance.products.found import Contents, Embedding, Label, Part
from provenance.products.grouped import bounded
from provenance.products.inside import embedded, put
from provenance.products.tree import RECORD, digest, leaves, shown

TEARS = False


def recognises(path: Path) -> bool:
    """Whether there is a directory."""
    return path.is_dir()


def media_type(path: Path) -> str:  # noqa: ARG001 -- as all formats have it
    """Return what desktops call a directory."""
    return "inode/directory"


def read(path: Path, *, check: bool = True) -> Contents:
    """Return the document in the directory, and a digest a file; grouped where they are very many.

    A symbolic link counts as its text.

    Raises
    ------
    UnreadableProductError
        It has more files, or is deeper, than is ever walked through.
    """
    return Contents(bounded(_parts(path)) if check else (), embedded(path))


def _parts(path: Path) -> Iterator[Part]:
    for leaf in leaves(path):
        name, size = digest(leaf)
        yield Part(shown(leaf.key), name, None, size)


def embed(path: Path, document: bytes, label: Label) -> Embedding:  # noqa: ARG001 -- as all formats have it
    """Write the document as a file inside; done twice it is as once.

    Raises
    ------
    CanNotAttachError
        Another file has its name, or there is no room. Nothing was changed.
    """
    put(path, document)
    return Embedding(RECORD)
