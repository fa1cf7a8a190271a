# SPDX-License-Identifier: Apache-2.0
"""Making data ready: in place, copied or downloaded, and always digested.

All of it runs in a helper of the supervisor, which may be killed at any
moment: what is copied or downloaded has another name until it is whole.
"""

import os
from _collections_abc import Iterable  # without the rest of collections

from .digests import Digests, digest_file, digest_tree, stamp_tree
from .download import blocks_of
from .plan import EXECUTABLE, Item
from .problem import StagingError
from .process import Report

_BLOCK = 1 << 20
_MUCH = 64 << 30
"""Bytes of a directory beyond which it is not digested, unless a checksum was declared."""


def stage(items: list[Item], *, in_place: bool, report: Report) -> None:
    """Make every item ready and report its digest, or report the first error.

    ``in_place``: mounts keep the originals from harm, so what may stay does.
    """
    for item in items:
        try:
            report(_staged(item, in_place=in_place))
        except StagingError as error:
            why = str(error)
        except OSError as error:
            why = f"{os.strerror(error.errno or 0)}: {error.filename or item.path}"
        else:
            continue
        what = "what is to run" if item.resource == EXECUTABLE else f"data {item.resource!r}"
        report({"error": f"{what} can't be staged from {item.location}: {why}"})
        return


def _staged(item: Item, *, in_place: bool) -> dict[str, object]:
    stays = item.may_stay and in_place
    if not item.is_remote and os.path.isdir(item.location):
        return _staged_directory(item, stays=stays)
    if stays:
        digests = digest_file(item.location, item.checksums)
    else:
        blocks = blocks_of(item.location) if item.is_remote else _blocks_of_file(item.location)
        digests = _written(blocks, item)
    if differs := digests.mismatch():
        raise StagingError(differs)
    return {
        "resource": item.resource,
        "sha256": digests.sha256,
        "size": digests.size,
        "stamp": stamp(item.location) if stays else "",
        "path": item.location if stays else item.path,
    }


def stamp(path: str) -> str:
    """Return what changes when a file, or one of a directory, is written or replaced."""
    try:
        if os.path.isdir(path):
            return stamp_tree(path)[0]
        found = os.stat(path)
    except OSError:
        return "gone"
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns}"


def _blocks_of_file(path: str) -> Iterable[bytes]:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while block := os.read(fd, _BLOCK):
            yield block
    finally:
        os.close(fd)


def _written(blocks: Iterable[bytes], item: Item) -> Digests:
    digests = Digests(item.checksums)
    partial = f"{item.path}.part"
    fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        for block in blocks:
            digests.update(block)
            _write(fd, block)
    except (OSError, StagingError):
        os.unlink(partial)  # a full disk gets its room back
        raise
    finally:
        os.close(fd)
    os.chmod(partial, 0o444 if item.is_read_only else 0o644)
    os.rename(partial, item.path)
    return digests


def _write(fd: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(fd, view) :]


def _staged_directory(item: Item, *, stays: bool) -> dict[str, object]:
    if not stays:
        from shutil import copytree  # noqa: PLC0415 - start-up time; few sessions copy directories

        copytree(item.location, item.path, symlinks=True, dirs_exist_ok=True)
    path = (item.location.rstrip("/") or "/") if stays else item.path
    try:
        tree = digest_tree(path, None if item.checksums else _MUCH)
    except OSError:
        if item.checksums:
            raise
        tree = None  # what may be seen of it is mounted all the same
    if tree is None:
        return {"resource": item.resource, "path": path}
    for kind, value in item.checksums:
        if kind != "sha-256" or tree.sha256 != value.lower():
            raise StagingError(f"its sha-256 is {tree.sha256}, but {kind} {value.lower()} was declared")
    return {
        "resource": item.resource,
        "sha256": tree.sha256,
        "size": tree.size,
        "stamp": tree.stamp if stays else "",
        "path": path,
        "is_directory": True,
    }
