# SPDX-License-Identifier: Apache-2.0
"""Change a file that nobody may see half changed: a new one is made, which then takes its place."""

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from provenance.errors import CanNotAttachError
from provenance.unfinished import unfinished

_FICLONE = 0x40049409
_NOT_HERE = frozenset((errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.EXDEV, errno.ENOSYS, errno.EPERM))
_CHUNK = 1 << 20


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a copy to change, which takes the file's place at the end unless an error comes first.

    Where the file system can share blocks the copy costs nothing. Otherwise
    as `rewriting`.

    Raises
    ------
    CanNotAttachError
        As `rewriting`.
    """
    with rewriting(path) as (old, new):
        _cloned(old.fileno(), new.fileno(), os.fstat(old.fileno()).st_size)
        yield Path(new.name)


@contextmanager
def rewriting(path: Path) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Give the file and a new one to fill, which takes its place at the end unless an error comes first.

    The new file has the owner, mode, times and attributes of the old one. A
    symbolic link stays and leads to the new file; other hard links keep the
    old one.

    Raises
    ------
    CanNotAttachError
        There is no room, the file is not to be written, or was written to
        meanwhile. It is as it was.
    """
    target = path.resolve()
    before = target.stat()
    if not os.access(target, os.W_OK):
        raise CanNotAttachError(path, os.strerror(errno.EACCES))
    try:
        with unfinished(target) as new, target.open("rb") as old:
            os.fchmod(
                new.fileno(), stat.S_IMODE(before.st_mode) & 0o600
            )  # a private file is so in the making
            yield old, new
            new.flush()
            _like(new, target, before)
            _only_if_same(target, before)
            Path(new.name).replace(target)
    except OSError as reason:
        raise CanNotAttachError(path, reason.strerror or str(reason)) from reason


def copy_range(old: IO[bytes], new: IO[bytes], start: int, end: int) -> None:
    """Append bytes of one file to another, where possible without reading them."""
    new.flush()
    at = os.fstat(new.fileno()).st_size
    _copied(old.fileno(), new.fileno(), start, end, at)
    new.seek(0, os.SEEK_END)


def _cloned(old: int, new: int, size: int) -> None:
    try:
        fcntl.ioctl(new, _FICLONE, old)
    except OSError as reason:
        if reason.errno not in _NOT_HERE:
            raise
        _copied(old, new, 0, size, 0)


def _copied(old: int, new: int, start: int, end: int, at: int) -> None:
    while start < end:
        try:
            count = os.copy_file_range(old, new, end - start, start, at)
        except OSError as reason:
            if reason.errno not in _NOT_HERE:
                raise
            count = os.pwrite(new, os.pread(old, min(end - start, _CHUNK), start), at)
        if not count:
            return
        start, at = start + count, at + count


def _like(new: IO[bytes], target: Path, before: os.stat_result) -> None:
    with suppress(PermissionError):
        os.fchown(new.fileno(), before.st_uid, before.st_gid)
    shutil.copystat(target, new.name)


def _only_if_same(target: Path, before: os.stat_result) -> None:
    now = target.stat()
    if (now.st_ino, now.st_size, now.st_mtime_ns) != (before.st_ino, before.st_size, before.st_mtime_ns):
        raise CanNotAttachError(target, "it was written to meanwhile")
