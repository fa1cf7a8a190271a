# SPDX-License-Identifier: Apache-2.0
"""Making sure that what was written stays."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_IS_TOGETHER: ContextVar[bool] = ContextVar("is_together", default=False)


def sync(path: Path) -> None:
    """Wait until a file's content, or the names in a directory, are on the disk."""
    if _IS_TOGETHER.get():
        return
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def together(directory: Path) -> Iterator[None]:
    """Let all that is synced within be on the disk at the end, at once: many files cost what one costs.

    All of it must be on the file system of ``directory``; until the end
    nothing of it may be relied on.
    """
    token = _IS_TOGETHER.set(True)
    try:
        yield
    finally:
        _IS_TOGETHER.reset(token)
    fd = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(fd):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(directory))
    finally:
        os.close(fd)
