# SPDX-License-Identifier: Apache-2.0
"""Any file at all: its content is its bytes, and it has no place for a record."""

import hashlib
import os
from pathlib import Path

from provenance.canonical import ni_of_hex
from provenance.errors import CanNotAttachError
from provenance.products.found import Contents, Embedding, Label, Part

TEARS = False
WHOLE = "file"
"""The name of the one part of a file of no known format."""


def recognises(path: Path) -> bool:
    """Whether there is a file."""
    return path.is_file()


def media_type(path: Path) -> str | None:
    """Return what the file's name says it is."""
    import mimetypes  # noqa: PLC0415 -- reads the machine's lists, and `eb show` starts without it

    return mimetypes.guess_type(path.name)[0]


def read(path: Path, *, check: bool = True) -> Contents:
    """Return the digest of the whole file as its one part."""
    if not check:
        return Contents(())
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Contents((Part(WHOLE, ni_of_hex(digest), None, file.seek(0, os.SEEK_END)),))


def embed(path: Path, document: bytes, label: Label) -> Embedding:  # noqa: ARG001 -- as all formats have it
    """Say that there is no place.

    Raises
    ------
    CanNotAttachError
        Always.
    """
    raise CanNotAttachError(path, "a file of this kind has no place for it")
