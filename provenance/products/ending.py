# SPDX-License-Identifier: Apache-2.0
"""Give a file another end, in place."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provenance.errors import CanNotAttachError


def end_with(path: Path, fd: int, at: int, ending: bytes, first: int) -> None:
    """Let the file end in ``ending`` from byte ``at`` on; its ``first`` bytes are written last.

    So a full disk is noticed before anything is lost where the file had at
    most ``first`` bytes there, and a reader that looks at these bytes takes
    no notice of the others before they are all there.

    Raises
    ------
    CanNotAttachError
        There is no room; the file is as it was.
    """
    size = os.fstat(fd).st_size
    with cut_back(path, fd, size):
        write(fd, ending[first:], at + first)
    write(fd, ending[:first], at)
    if size > at + len(ending):
        os.ftruncate(fd, at + len(ending))


@contextmanager
def cut_back(path: Path, fd: int, size: int) -> Iterator[None]:
    """Give a file its size again where what is written behind its end can't be.

    Raises
    ------
    CanNotAttachError
        There is no room; the file is as it was.
    """
    try:
        yield
    except OSError as reason:
        os.ftruncate(fd, size)
        raise CanNotAttachError(path, reason.strerror or str(reason)) from reason


def write(fd: int, data: bytes, at: int) -> None:
    """Write all of it; one call, unless the system takes less at once."""
    while data:
        done = os.pwrite(fd, data, at)
        data, at = data[done:], at + done
