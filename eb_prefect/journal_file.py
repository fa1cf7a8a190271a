# SPDX-License-Identifier: Apache-2.0
"""The file of one step in a journal: a line for all that happens to it."""

import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from eb_prefect.journal import Handle
from eb_prefect.model.phase import AnyPhase
from eb_prefect.model.steprun import PhaseChange

_BUFFER = 512
"""Bytes that an open file holds: thousands of steps have one each."""


class Told(NamedTuple):
    """What the file of a step says."""

    handle: Handle
    changes: list[PhaseChange]
    owner: str
    callers: frozenset[str | None] = frozenset()
    delivered: bool = False
    handed_on: bool = False

    @property
    def phase(self) -> AnyPhase | None:
        """The phase that was seen last."""
        return self.changes[-1].phase if self.changes else None


class FileEntry:
    """One step in a directory; made, held and let go by `DirectoryJournal`."""

    def __init__(
        self, path: Path, file: TextIO, told: Told, *, delivered: Callable[[Path], None] = lambda _: None
    ) -> None:
        self.path = path
        self.handle = told.handle
        self.changes = told.changes
        self._file = file
        self._delivered = delivered

    def note(self, change: PhaseChange) -> None:
        """Keep a phase change; it is not flushed to the disk, being only history."""
        self.changes.append(change)
        self._append({"change": change.neutral()})

    def belong(self, owner: str, unique: str | None) -> None:
        """Say which process watches from now on, and for whom; the step has yet to deliver."""
        self._append({"owner": owner, "for": unique})

    def deliver(self) -> None:
        """Say that the step's caller gets its result; see `eb_prefect.journal.Entry`."""
        self._append({"delivered": True})
        if self.handle.call.unique is None:
            self._delivered(self.path)

    def hand_on(self) -> None:
        """Say that the next task of the same run goes on with it; see `eb_prefect.journal.Entry`."""
        self._append({"handed_on": True})

    def drop(self) -> None:
        """Forget the step; see `eb_prefect.journal.Entry`."""
        self.path.unlink(missing_ok=True)

    def _append(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


def opened(path: Path, mode: str) -> TextIO:
    """Open a file, and make its directory if that is missing."""
    try:
        return path.open(mode, _BUFFER)  # type: ignore[return-value]  # modes of text
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open(mode, _BUFFER)  # type: ignore[return-value]  # the same


def is_still(path: Path, file: TextIO) -> bool:
    """Return whether the file has its name yet: who held it before may have removed it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def locked(file: TextIO, how: int) -> bool:
    """Lock a file if it is free; return whether it was."""
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def told_by(lines: list[str]) -> Told | None:
    """Return what the lines of a file say; None if it says nothing yet."""
    found: Told | None = None
    for line in lines:
        match json.loads(line):
            case {"handle": given, **more}:
                handle = Handle.model_validate(given)
                found = Told(handle, [], handle.owner, frozenset({handle.call.unique}))
                if "change" in more:  # version 0.1.0 wrote it in a line of its own
                    found.changes.append(PhaseChange.model_validate(more["change"]))
            case {"change": given} if found:
                found.changes.append(PhaseChange.model_validate(given))
            case {"owner": str(given), **more} if found:
                caller = str(more["for"]) if more.get("for") else None
                callers = found.callers | {caller}
                found = found._replace(owner=given, callers=callers, delivered=False, handed_on=False)
            case {"delivered": True} if found:
                found = found._replace(delivered=True)
            case {"handed_on": True} if found:
                found = found._replace(handed_on=True)
            case _:
                pass  # written by a later version
    return found


def whole_lines(file: TextIO) -> list[str]:
    """Return the lines and leave the file after the last: its writer may have been killed in a line."""
    whole, _, _ = file.read().rpartition("\n")
    file.seek(len(whole) + 1 if whole else 0)  # the text is ASCII
    file.truncate()
    return whole.splitlines()


def read(path: Path) -> Told | None:
    """Return what a file says to those who don't hold it; None if there is none."""
    try:
        whole, _, _ = path.read_text().rpartition("\n")
    except FileNotFoundError:
        return None
    return told_by(whole.splitlines())
