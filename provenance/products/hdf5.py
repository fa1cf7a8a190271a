# SPDX-License-Identifier: Apache-2.0
"""HDF5 files, and NetCDF4 ones, which are the same: the record is an attribute of the first group.

The document is the text ``eb_provenance``, so that a rewrite by the usual
libraries, which copy such attributes, keeps it; ``eb_record`` and
``eb_content`` are the digests of record and content, which are short enough
to survive where long texts are dropped. The library runs in a process of its
own. What it would write is written here: first all that is new, behind the
end of the file, then what leads to it.
"""

import base64
import binascii
import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from provenance.errors import CanNotAttachError, UnreadableProductError
from provenance.products.ending import write
from provenance.products.found import Contents, Embedded, Embedding, Label, Part
from provenance.products.guard import guarded
from provenance.products.hdf5_superblock import Superblock, superblock
from provenance.products.replacing import replacing

TEARS = False
PLACE = "attribute eb_provenance of /"

_EXTRA = "hdf5"
_PATIENCE = 2.0
_LEFT_BY_A_KILL = 4 << 20

Step = tuple[int, bytes]


def recognises(path: Path) -> bool:
    """Whether the file has a superblock, at its start or after a user block."""
    with path.open("rb") as file:
        return superblock(file.fileno()) is not None


def media_type(path: Path) -> str:
    """Return the type in use for NetCDF4 where the library's mark is near the start, else for HDF5."""
    with path.open("rb") as file:
        return "application/x-netcdf" if b"_NCProperties" in file.read(1 << 16) else "application/x-hdf5"


def read(path: Path, *, check: bool = True) -> Contents:
    """Read the attached document, and the digests of all groups and datasets.

    Raises
    ------
    UnreadableProductError
        The file is damaged.
    NeedsExtraError
        h5py is not installed.
    """
    told = guarded(str(path.absolute()), "provenance.products.hdf5_read:read", check, extra=_EXTRA)
    try:
        parts, embedded, signpost, described, unchecked = told
        found = Contents(
            tuple(Part(*part) for part in parts),
            _embedded(*embedded) if embedded else None,
            signpost,
            described,
            unchecked,
        )
    except (TypeError, ValueError) as reason:
        raise UnreadableProductError(path, "its reader told nonsense") from reason
    return found


def _embedded(document: str, record: str | None) -> Embedded:
    return Embedded(document, PLACE, record, None)


def embed(path: Path, document: bytes, label: Label) -> Embedding:
    """Put the document into an attribute of the first group, in place where that is one write within a page.

    Raises
    ------
    CanNotAttachError
        Another program has the file open, or it can't be written. The file
        is as it was.
    UnreadableProductError
        The file is damaged.
    NeedsExtraError
        h5py is not installed.
    """
    with _locked(path) as fd:
        block = _free(path, fd)
        before = os.fstat(fd)
        texts = (document.decode("ascii"), label.record, label.content)
        plan = guarded(str(path.absolute()), "provenance.products.hdf5_plan:plan", *texts, extra=_EXTRA)
        steps, safe, size = _understood(path, plan, block)
        now = os.fstat(fd)
        if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise CanNotAttachError(path, "it was written to meanwhile")
        if safe:
            _apply(path, fd, steps, size)
            return Embedding(PLACE)
        with replacing(path) as copy, copy.open("r+b", buffering=0) as file:
            _apply(path, file.fileno(), steps, size)
    return Embedding(PLACE)


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Open the file as the only one who writes; libraries of HDF5 take the same lock."""
    try:
        file = path.open("r+b", buffering=0)
    except OSError as reason:
        raise CanNotAttachError(path, reason.strerror or str(reason)) from reason
    with file:
        until = time.monotonic() + _PATIENCE
        while _is_taken(file.fileno()):
            if time.monotonic() > until:
                raise CanNotAttachError(path, "another program has it open")
            time.sleep(0.01)
        yield file.fileno()


def _is_taken(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # a file system without locks
    return False


def _free(path: Path, fd: int) -> Superblock:
    """Return the superblock of a file that nobody writes, and that ends where it says."""
    block = superblock(fd)
    if block is None:
        raise CanNotAttachError(path, "its superblock is of a kind that is not known here")
    if block.is_being_written:
        raise CanNotAttachError(path, "a program is writing it, or was when it was killed")
    if os.fstat(fd).st_size - block.end > _LEFT_BY_A_KILL:
        raise CanNotAttachError(path, f"it goes on after its end, at byte {block.end}")
    return block


def _understood(path: Path, plan: Any, block: Superblock) -> tuple[list[Step], bool, int]:
    """Return the writes, if they can be what was asked for."""
    try:
        steps = [(int(at), base64.b64decode(data)) for at, data in plan["steps"]]
        safe, size = plan["safe"] is True, int(plan["size"])
    except (TypeError, ValueError, KeyError, binascii.Error) as reason:
        raise UnreadableProductError(path, "its reader told nonsense") from reason
    if any(at < block.at or at + len(data) > size for at, data in steps):
        raise UnreadableProductError(path, "its reader would write outside of it")
    return steps, safe, size


def _apply(path: Path, fd: int, steps: Sequence[Step], size: int) -> None:
    """Write step after step; all is undone where one can't be done."""
    before = os.fstat(fd).st_size
    old = [(at, os.pread(fd, min(len(data), before - at), at)) for at, data in steps if at < before]
    try:
        for at, data in steps:
            write(fd, data, at)
        if steps and os.fstat(fd).st_size > size:
            os.ftruncate(fd, size)
    except OSError as reason:
        with suppress(OSError):
            for at, data in reversed(old):
                if os.pread(fd, len(data), at) != data:
                    write(fd, data, at)
        os.ftruncate(fd, before)
        raise CanNotAttachError(path, reason.strerror or str(reason)) from reason
