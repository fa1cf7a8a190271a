# SPDX-License-Identifier: Apache-2.0
"""A record beside any file, as ``<name>.prov.json``."""

import os
from pathlib import Path

from provenance.errors import CanNotAttachError, MalformedRecordError
from provenance.products.envelope import opened
from provenance.products.found import Embedded
from provenance.unfinished import unfinished

SUFFIX = ".prov.json"
_READ_LIMIT = 16 << 20


def sidecar(path: Path) -> Path:
    """Return where the file's sidecar is, or would be."""
    return path.with_name(path.name + SUFFIX) if path.name else path / SUFFIX


def is_ours(beside: Path) -> bool:
    """Whether there is nothing where the sidecar goes, or a record that may be replaced."""
    if not os.path.lexists(beside):
        return True
    try:
        opened(beside.read_bytes()[:_READ_LIMIT].decode("utf-8", "replace"), str(beside))
    except (MalformedRecordError, OSError):
        return False
    return True


def read(path: Path) -> Embedded | None:
    """Return the document beside the file, if there is one.

    Raises
    ------
    MalformedRecordError
        It is longer than any record.
    """
    beside = sidecar(path)
    if not beside.is_file():
        return None
    with beside.open("rb") as file:
        document = file.read(_READ_LIMIT + 1)
    if len(document) > _READ_LIMIT:
        raise MalformedRecordError(str(beside), f"it has more than {_READ_LIMIT} bytes")
    return Embedded(document.decode("utf-8", "replace"), str(beside), None, None)


def attach(path: Path, document: bytes) -> Path:
    """Write the document beside the file, all at once; an older record there is replaced.

    Raises
    ------
    CanNotAttachError
        What is there is no record, so it is not ours to replace; or the disk
        is full. What was there is there still.
    """
    beside = sidecar(path)
    old = read(path)
    if old is not None and old.document.encode() == document:
        return beside
    if not is_ours(beside):
        raise CanNotAttachError(path, f"{beside} is there and is no record")
    try:
        with unfinished(beside) as file:
            file.write(document)
            file.close()
            Path(file.name).replace(beside)
    except OSError as reason:
        raise CanNotAttachError(path, reason.strerror or str(reason)) from reason
    return beside
