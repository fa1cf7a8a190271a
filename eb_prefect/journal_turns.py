# SPDX-License-Identifier: Apache-2.0
"""Whose turn a call is: locks on numbers, thousands of which cost a process one open file.

They are those of POSIX on single bytes of a file, so a kill releases them,
and NFS keeps them for all machines. Within a process they exclude nothing,
and closing the file anywhere in it would release all: so a process has the
file of a directory open once, for good, and keeps its own list.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Turns:
    """The turns of one directory; made by `turns_in`."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._process = os.getpid()
        self._held: set[int] = set()
        self._lock = threading.Lock()

    @property
    def is_ours(self) -> bool:
        """Whether it was made by this process, and not by one that forked it off."""
        return self._process == os.getpid()

    @contextmanager
    def held(self, number: int) -> Iterator[bool]:
        """Hold a number below 2**62 until the block ends, if nobody else has it; yield whether it is held."""
        is_held = self._take(number)
        try:
            yield is_held
        finally:
            if is_held:
                self._give(number)

    def _take(self, number: int) -> bool:
        with self._lock:
            if number in self._held:
                return False
            try:
                fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
            except (BlockingIOError, PermissionError):  # POSIX lets a system say either
                return False
            self._held.add(number)
            return True

    def _give(self, number: int) -> None:
        with self._lock:
            self._held.discard(number)
            fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, number)


_turns: dict[Path, Turns] = {}
_making = threading.Lock()


def turns_in(directory: Path) -> Turns:
    """Return this process's turns of a directory."""
    path = directory.absolute() / "turns"
    with _making:
        found = _turns.get(path)
        if found is None or not found.is_ours or not path.exists():
            found = _turns[path] = Turns(path)
        return found
