# SPDX-License-Identifier: Apache-2.0
"""Removing from a journal what nobody will ask for any more."""

import fcntl
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from eb_prefect.journal_file import locked, read

EVERY = timedelta(days=1)
KEPT = timedelta(days=30)
KEPT_BY_KEY = timedelta(days=366)
"""For so long after its last use a session is found again by its flow run, or by its key."""


def is_due(directory: Path) -> bool:
    """Return whether nobody has swept for a day, and let that be now."""
    mark = directory / "swept"
    try:
        if time.time() - mark.stat().st_mtime < EVERY.total_seconds():
            return False
    except FileNotFoundError:
        directory.mkdir(parents=True, exist_ok=True)
    mark.touch()
    return True


def sweep(directory: Path) -> None:
    """Remove the sessions that were delivered long ago, and what is left of runs and processes as old.

    A session whose caller never got its result stays.
    """
    for path in directory.glob("*/*.jsonl"):
        if _is_older(path, KEPT):
            _remove(path)
    for folder in (directory / "runs", directory / "owners"):
        for path in folder.glob("*"):
            if _is_older(path, KEPT_BY_KEY):
                _remove_free(path)


def _remove(path: Path) -> None:
    told = read(path)
    if told is None or not told.delivered:
        return
    if told.handle.call.key is None or _is_older(path, KEPT_BY_KEY):
        _remove_free(path)
        with suppress(OSError):  # others are in it
            path.parent.rmdir()


def _remove_free(path: Path) -> None:
    with suppress(FileNotFoundError), path.open("r+") as file:
        if locked(file, fcntl.LOCK_EX):
            path.unlink(missing_ok=True)


def _is_older(path: Path, age: timedelta) -> bool:
    with suppress(FileNotFoundError):
        return time.time() - path.stat().st_mtime > age.total_seconds()
    return False
