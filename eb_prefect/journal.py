# SPDX-License-Identifier: Apache-2.0
"""What makes a step safe to kill: its session's name, on disk before it is accepted.

A journal is a directory. Each running step has one file there, held by a
lock as long as somebody watches its session. The same call made again, by
a new process too, takes over a session that

* belongs to the same flow run (a retry), or
* belongs to a process that was killed, or
* nobody watches any more although its step never got its result.

A process that ends in an orderly way has its results, so the next run of
the same flow starts anew.
"""

import atexit
import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO
from uuid import uuid4

from eb_prefect.durable import sync
from eb_prefect.errors import UnusableAnswerError
from eb_prefect.model.session import OfferSet
from eb_prefect.model.steprun import PhaseChange
from eb_prefect.model.value import Value


class Call(Value):
    """What makes two calls of a step the same: where it is asked for, its name and its request.

    ``scope`` is what the step belongs to (a flow, a script, a user's own
    key); ``run`` is the one flow run, absent outside of one.
    """

    scope: str
    name: str
    broker: str
    request: str
    run: str | None = None

    @property
    def key(self) -> str:
        """A file name for the call, the same in every run."""
        same = json.dumps([self.scope, self.name, self.broker, self.request])
        return hashlib.sha256(same.encode()).hexdigest()[:32]


class Handle(Value):
    """A session that a step is about to accept, and the offers it was chosen from."""

    call: Call
    owner: str
    offers: OfferSet
    session: str


class Entry:
    """One step in the journal; made, held and let go by `Journal`."""

    def __init__(self, path: Path, file: TextIO, handle: Handle, changes: list[PhaseChange]) -> None:
        self.path = path
        self.handle = handle
        self.changes = changes
        self._file = file

    def note(self, change: PhaseChange) -> None:
        """Keep a phase change; it is not flushed to the disk, being only history."""
        self.changes.append(change)
        self._append({"change": change.neutral()})

    def belong(self, owner: str) -> None:
        """Say which process watches from now on; the step has yet to deliver."""
        self._append({"owner": owner})

    def deliver(self) -> None:
        """Say that the step's caller gets its result."""
        self._append({"delivered": True})

    def drop(self) -> None:
        """Forget the step: its offer can't be accepted any more, or its flow has ended."""
        self.path.unlink(missing_ok=True)

    def _append(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


class Journal:
    """The steps of one user that are not done with, in a directory.

    Two processes never hold the same entry at once. File locks are the
    kernel's, so a kill releases them.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._owner: str | None = None
        self._owner_file: TextIO | None = None
        self._delivered: list[Path] = []
        self._lock = threading.Lock()

    @contextmanager
    def take(self, call: Call) -> Iterator[Entry | None]:
        """Hold the entry that the same call left behind, if there is one to take over."""
        for path in sorted((self.directory / call.key).glob("*.jsonl")):
            with path.open("r+") as file:
                if not _locked(file, fcntl.LOCK_EX) or not path.exists():
                    continue
                entry, owner, delivered = _read(path, file)
                if entry is None or not self._may_take(entry, call, owner, delivered=delivered):
                    continue
                entry.belong(self._own())
                yield entry
                return
        yield None

    @contextmanager
    def write(self, call: Call, offers: OfferSet, session: str, change: PhaseChange) -> Iterator[Entry]:
        """Put a session down with its first phase, on the disk when this returns, and hold its entry.

        Raises
        ------
        UnusableAnswerError
            The same call was offered this session before.
        """
        handle = Handle(call=call, owner=self._own(), offers=offers, session=session)
        folder = self.directory / call.key
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{session}.jsonl"
        try:
            file = path.open("x")
        except FileExistsError as reason:
            raise UnusableAnswerError(call.broker, f"it offers session {session} again") from reason
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # in one line, as a kill may come between two
            file.write(json.dumps({"handle": handle.neutral(), "change": change.neutral()}) + "\n")
            file.flush()
            os.fsync(file.fileno())
            sync(folder)
            yield Entry(path, file, handle, [change])

    def deliver(self, entry: Entry) -> None:
        """Say that the caller gets the result: only a retry of its flow run, or a kill, asks again."""
        entry.deliver()
        if entry.handle.call.run is None:
            self._delivered.append(entry.path)

    def close(self) -> None:
        """End in order: from here on the results of this process are had."""
        for path in self._delivered:
            path.unlink(missing_ok=True)
        self._delivered.clear()
        if self._owner is not None and self._owner_file is not None:
            (self.directory / "owners" / self._owner).unlink(missing_ok=True)
            self._owner_file.close()
            self._owner = None

    def _may_take(self, entry: Entry, call: Call, owner: str, *, delivered: bool) -> bool:
        if call.run is not None and entry.handle.call.run == call.run:
            return True
        return not delivered or self._was_killed(owner)

    def _was_killed(self, owner: str) -> bool:
        path = self.directory / "owners" / owner
        if owner == self._owner or not path.exists():  # it lives, or ended in order
            return False
        with path.open("r+") as file:
            # shared, so that two who ask at once don't take each other for the owner
            return _locked(file, fcntl.LOCK_SH)

    def _own(self) -> str:
        with self._lock:  # steps of many threads have one owner
            if self._owner is None:
                owners = self.directory / "owners"
                owners.mkdir(parents=True, exist_ok=True)
                self._owner = uuid4().hex
                self._owner_file = (owners / self._owner).open("x")
                _locked(self._owner_file, fcntl.LOCK_EX)
                atexit.register(self.close)
            return self._owner


def _locked(file: TextIO, how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(path: Path, file: TextIO) -> tuple[Entry | None, str, bool]:
    handle, owner, delivered = None, "", False
    changes: list[PhaseChange] = []
    for line in _whole_lines(file):
        match json.loads(line):
            case {"handle": given, **more}:
                handle = Handle.model_validate(given)
                owner = handle.owner
                if "change" in more:  # version 0.1.0 wrote it in a line of its own
                    changes.append(PhaseChange.model_validate(more["change"]))
            case {"change": given}:
                changes.append(PhaseChange.model_validate(given))
            case {"owner": str(given)}:
                owner, delivered = given, False
            case {"delivered": True}:
                delivered = True
            case _:
                pass  # written by a later version
    return (Entry(path, file, handle, changes) if handle else None), owner, delivered


def _whole_lines(file: TextIO) -> list[str]:
    """Return the lines and leave the file after the last: its writer may have been killed in a line."""
    whole, _, _ = file.read().rpartition("\n")
    file.seek(len(whole) + 1 if whole else 0)  # the text is ASCII
    file.truncate()
    return whole.splitlines()
