# SPDX-License-Identifier: Apache-2.0
"""Files and directories that are being written beside where they go."""

import fcntl
import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

_OURS = ".eb"


@contextmanager
def unfinished(target: Path) -> Iterator[IO[bytes]]:
    """Give a new file beside ``target``, to be filled, closed, and then moved or linked there.

    It is gone at the end. What a kill left of another is removed before:
    while it is open it has a lock, which the kernel takes from the dead.

    Raises
    ------
    OSError
        The file can't be made.
    """
    _remove_left(target)
    path = _beside(target)
    with path.open("xb") as file:
        try:
            _locked(file.fileno())
            yield file
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def unfinished_directory(target: Path) -> Iterator[Path]:
    """Give a new directory beside ``target``, to be filled and then moved there; as `unfinished` does a file.

    Raises
    ------
    OSError
        The directory can't be made.
    """
    _remove_left(target)
    path = _beside(target)
    path.mkdir()
    descriptor = os.open(path, _DIRECTORY)
    try:
        _locked(descriptor)
        yield path
    finally:
        os.close(descriptor)
        _remove(path)


_DIRECTORY = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_DIRECTORY


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{uuid4().hex[:8]}{_OURS}")


def _remove_left(target: Path) -> None:
    for left in target.parent.glob(f".{glob.escape(target.name)}.{'[0-9a-f]' * 8}{_OURS}"):
        is_directory = left.is_dir() and not left.is_symlink()
        try:
            descriptor = os.open(
                left, _DIRECTORY if is_directory else os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
            )
        except OSError:
            continue  # gone by now, or another user's
        try:
            if _locked(descriptor):
                _remove(left)
        finally:
            os.close(descriptor)


def _remove(left: Path) -> None:
    if not left.is_dir() or left.is_symlink():
        left.unlink(missing_ok=True)
        return
    import shutil  # noqa: PLC0415 -- directories are rare, and `eb show` starts without it

    shutil.rmtree(left, ignore_errors=True)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False  # another's, or a file system without locks, where nothing is known to be left
    return True
