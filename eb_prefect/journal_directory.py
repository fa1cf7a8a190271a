# SPDX-License-Identifier: Apache-2.0
"""A journal that is a directory: of this machine, or one that machines share.

Each step has one file there, held by a lock as long as somebody watches its
session. The locks are those of ``flock``, so a kill releases them. A shared
directory must be on a file system that keeps them for all machines, as NFS
of Linux does by version 4 unless it is mounted with ``local_lock``; a
machine that is gone is then taken for killed when its lease has run out.
"""

import atexit
import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO
from urllib.parse import quote
from uuid import uuid4

from eb_prefect.aside import Aside
from eb_prefect.durable import sync
from eb_prefect.errors import UnusableAnswerError
from eb_prefect.journal import Call, Handle, Kept
from eb_prefect.journal_file import FileEntry, Told, is_still, locked, opened, read, told_by, whole_lines
from eb_prefect.journal_sweep import is_due, sweep
from eb_prefect.journal_turns import turns_in
from eb_prefect.model.phase import Phase
from eb_prefect.model.steprun import PhaseChange

_aside = Aside("eb-journal")


class DirectoryJournal:
    """The steps of one user that are not done with, in a directory; see `eb_prefect.journal.Journal`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._owner: str | None = None
        self._owner_file: TextIO | None = None
        self._delivered: list[Path] = []
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, call: Call) -> Iterator[bool]:
        """Hold the call itself; see `eb_prefect.journal.Journal`.

        The file that is made for it lets a client of NFS see what other
        machines have put into the folder.
        """
        if call.unique is None:
            yield True
            return
        digest = hashlib.sha256(f"{call.place} {call.unique}".encode())
        with turns_in(self.directory).held(int(digest.hexdigest()[:15], 16)) as is_held:
            path = self.directory / call.place / f".{uuid4().hex}"
            opened(path, "x").close()
            path.unlink()
            yield is_held

    @contextmanager
    def take(self, call: Call) -> Iterator[FileEntry | None]:
        """Hold the entry that the same call left behind, if there is one to take over."""
        for path in sorted((self.directory / call.place).glob("*.jsonl")):
            with path.open("r+") as file:
                if not locked(file, fcntl.LOCK_EX) or not path.exists():
                    continue
                told = told_by(whole_lines(file))
                if told is None or not self._may_take(told, call):
                    continue
                yield self._taken(path, file, told, call)
                return
        yield None

    @contextmanager
    def write(self, handle: Handle, change: PhaseChange) -> Iterator[FileEntry]:
        """Put a session down with its first phase, on the disk when this returns, and hold its entry.

        Raises
        ------
        UnusableAnswerError
            The same call was offered this session before.
        """
        if is_due(self.directory):
            _aside.put(partial(sweep, self.directory))
        handle = handle.model_copy(update={"owner": self._own()})
        name = self._name(handle)
        path = self.directory / name
        try:
            file = opened(path, "x")
        except FileExistsError as reason:
            told = f"it offers session {handle.session} again"
            raise UnusableAnswerError(handle.call.broker, told) from reason
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if handle.call.run is not None:
                self._list(handle.call.run, name)
            # in one line, as a kill may come between two
            file.write(json.dumps({"handle": handle.neutral(), "change": change.neutral()}) + "\n")
            file.flush()
            os.fsync(file.fileno())
            sync(path.parent)
            yield self._entry(path, file, Told(handle, [change], handle.owner))

    @contextmanager
    def resume(self, handle: Handle, changes: Sequence[PhaseChange]) -> Iterator[FileEntry | None]:
        """Hold the entry of a session put down here or elsewhere; see `eb_prefect.journal.Journal`."""
        path = self.directory / self._name(handle)
        if not path.exists():
            with self.write(handle, changes[0]) as entry:
                for change in changes[1:]:
                    entry.note(change)
                yield entry
            return
        with path.open("r+") as file:
            is_held = locked(file, fcntl.LOCK_EX) and is_still(path, file)
            told = told_by(whole_lines(file)) if is_held else None
            yield self._taken(path, file, told, handle.call) if told is not None else None

    def belongs(self, run: str, handle: Handle) -> None:
        """Tell the session among those of a flow run."""
        self._list(run, self._name(handle))

    def told(self, handle: Handle) -> Told | None:
        """Return what is known here of a session, None if nothing is."""
        return read(self.directory / self._name(handle))

    def sessions_of(self, run: str) -> Iterator[Kept]:
        """Yield the sessions of a flow run; see `eb_prefect.journal.Journal`."""
        try:
            names = self._listing(run).read_text().splitlines()
        except FileNotFoundError:
            return
        for name in dict.fromkeys(names):
            if (told := read(self.directory / name)) is not None:
                yield Kept(told.handle, told.phase, told.delivered)

    def close(self) -> None:
        """End in order: from here on the results of this process are had."""
        for path in self._delivered:
            path.unlink(missing_ok=True)
        self._delivered.clear()
        if self._owner is not None and self._owner_file is not None:
            (self.directory / "owners" / self._owner).unlink(missing_ok=True)
            self._owner_file.close()
            self._owner = None

    def _name(self, handle: Handle) -> str:
        return f"{handle.call.place}/{handle.session}.jsonl"

    def _taken(self, path: Path, file: TextIO, told: Told, call: Call) -> FileEntry:
        entry = self._entry(path, file, told)
        entry.belong(self._own(), call.unique)
        if call.run is not None and call.run != told.handle.call.run:
            self.belongs(call.run, told.handle)
        return entry

    def _entry(self, path: Path, file: TextIO, told: Told) -> FileEntry:
        return FileEntry(path, file, told, delivered=self._delivered.append)

    def _may_take(self, told: Told, call: Call) -> bool:
        if told.delivered and told.phase != Phase.COMPLETED:
            return False
        if call.unique is not None and call.unique in told.callers:
            return True
        if told.handed_on and self._lives(told.owner):
            return False
        return not told.delivered or self._was_killed(told.owner)

    def _lives(self, owner: str) -> bool:
        path = self.directory / "owners" / owner
        return owner == self._owner or (path.exists() and not self._was_killed(owner))

    def _was_killed(self, owner: str) -> bool:
        path = self.directory / "owners" / owner
        if owner == self._owner or not path.exists():  # it lives, or ended in order
            return False
        with path.open("r+") as file:
            # shared, so that two who ask at once don't take each other for the owner
            return locked(file, fcntl.LOCK_SH)

    def _own(self) -> str:
        with self._lock:  # steps of many threads have one owner
            if self._owner is None:
                owners = self.directory / "owners"
                owners.mkdir(parents=True, exist_ok=True)
                self._owner = uuid4().hex
                self._owner_file = (owners / self._owner).open("x")
                locked(self._owner_file, fcntl.LOCK_EX)
                atexit.register(self.close)
            return self._owner

    def _listing(self, run: str) -> Path:
        return self.directory / "runs" / quote(run, safe="")

    def _list(self, run: str, name: str) -> None:
        """Add a session to those of a flow run; a kill leaves it, and a name without a file is nothing."""
        with opened(self._listing(run), "a") as file:
            file.write(f"{name}\n")
