# SPDX-License-Identifier: Apache-2.0
"""Locks on single bytes of a file, which end with the process that holds them.

POSIX record locks: the kernel drops them however a process ends, tells who
holds one without taking it, and hands none to a forked child. They belong to
the process, so only a supervisor takes them: it has one thread and opens each
file once.
"""

import fcntl
import os
from _struct import calcsize, pack, unpack

_FLOCK = "hhqqi"  # struct flock on 64-bit Linux: type, whence, start, length, pid
SESSION = 0
HEAD = 0


def open_lock(path: str) -> int:
    """Open a file to lock bytes of, making it where it is missing."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def take(fd: int, byte: int) -> bool:
    """Lock one byte, or return False at once where another process has it."""
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
    except (BlockingIOError, PermissionError):
        return False
    return True


def give(fd: int, byte: int) -> None:
    """Unlock one byte."""
    fcntl.lockf(fd, fcntl.LOCK_UN, 1, byte)


def holder(path: str, byte: int = 0) -> int:
    """Return the pid that has a byte of the file locked, 0 for nobody.

    Takes nothing. Not to be asked by a process about its own locks: closing
    the file would drop them.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        found = fcntl.fcntl(fd, fcntl.F_GETLK, pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0))
    finally:
        os.close(fd)
    kind, _, _, _, pid = unpack(_FLOCK, found[: calcsize(_FLOCK)])
    return 0 if kind == fcntl.F_UNLCK else int(pid)
