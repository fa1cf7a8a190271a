# SPDX-License-Identifier: Apache-2.0
"""The record of a directory, as a file inside it, and other small files there replaced whole."""

import os
import stat
from pathlib import Path

from provenance.errors import CanNotAttachError, MalformedRecordError
from provenance.products.envelope import opened
from provenance.products.found import Embedded
from provenance.products.tree import RECORD, head_of
from provenance.unfinished import unfinished

_RECORD_LIMIT = 1 << 20


def embedded(root: Path, signpost: str | None = None) -> Embedded | None:
    """Return the document in a directory, unread, and where it is; it is empty if longer than any record."""
    path = root / RECORD
    if path.is_symlink() or not path.is_file():
        return None
    text = head_of(str(path), _RECORD_LIMIT) or b""
    return Embedded(text.decode("utf-8", "replace"), RECORD, None, signpost)


def put(root: Path, text: bytes) -> None:
    """Write the document into a directory, all at once; an older record is replaced.

    Raises
    ------
    CanNotAttachError
        What has its name is no record, or there is no room.
    """
    path = root / RECORD
    if head_of(str(path), _RECORD_LIMIT) == text:
        return
    if os.path.lexists(path) and not _is_record(path):
        raise CanNotAttachError(root, f"{RECORD} is there and is no record")
    replaced(root, path, text)


def _is_record(path: Path) -> bool:
    text = head_of(str(path), _RECORD_LIMIT)
    if text is None:
        return False
    try:
        opened(text.decode("utf-8", "replace"), str(path))
    except MalformedRecordError:
        return False
    return True


def replaced(root: Path, path: Path, text: bytes) -> None:
    """Write a file of the directory anew, all at once, with the mode that it had.

    Raises
    ------
    CanNotAttachError
        There is no room. The file is as it was.
    """
    try:
        with unfinished(path) as file:
            file.write(text)
            if path.exists():
                os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
            file.close()
            Path(file.name).replace(path)
    except OSError as reason:
        raise CanNotAttachError(root, reason.strerror or str(reason)) from reason
