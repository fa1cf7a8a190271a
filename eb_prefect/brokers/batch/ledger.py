# SPDX-License-Identifier: Apache-2.0
"""What a broker of a batch system keeps about its sessions, durably, on the machine that asks.

Offers and what was decided about them are kept as the embedded broker keeps
them. Beside them are what was handed to the batch system, and the session's
last word.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from eb_prefect.brokers.batch.scheduler import Account, Seen
from eb_prefect.brokers.embedded import lastword
from eb_prefect.brokers.embedded.directory import Directory
from eb_prefect.durable import sync
from eb_prefect.model.session import Session

_ATTEMPT = "attempt"
_HANDLE = "handle"
_REFUSAL = "refusal"
_LOCK = "submitting"
_REMEMBERED = 100
"""How many submissions of a session are known; the text of a link has room for them."""


@contextmanager
def submitting(home: Path) -> Iterator[None]:
    """Be the only one, of all threads and processes of a home, who hands sessions to the batch system."""
    fd = os.open(home / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


class Attempt(NamedTuple):
    """A submission that was begun: its identifier, and the number of the session's task in it."""

    identifier: str
    number: int


class Page:
    """The page of one session in the ledger."""

    def __init__(self, directory: Directory) -> None:
        self._path = directory.path

    @property
    def handle(self) -> str | None:
        """What the batch system calls the session, None as long as it is not known to have it."""
        return self._read(_HANDLE)

    @handle.setter
    def handle(self, given: str) -> None:
        self._replace(_HANDLE, given)  # not synced: one that is lost is found again by the attempt

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """All submissions that were begun, the last one first."""
        return tuple(map(_attempt, (self._read(_ATTEMPT) or "").split()))

    @property
    def attempt(self) -> Attempt | None:
        """The last submission that was begun."""
        return next(iter(self.attempts), None)

    def begin(self, attempt: Attempt) -> None:
        """Keep that a submission is begun."""
        begun = (attempt, *self.attempts)[:_REMEMBERED]
        self._replace(_ATTEMPT, " ".join(f"{each.identifier}@{each.number}" for each in begun))
        sync(self._path)

    def give_up(self, attempt: Attempt) -> None:
        """Forget a submission of which nothing came."""
        if left := [each for each in self.attempts if each != attempt]:
            self._replace(_ATTEMPT, " ".join(f"{each.identifier}@{each.number}" for each in left))
        else:
            (self._path / _ATTEMPT).unlink(missing_ok=True)

    def forget_attempts(self) -> None:
        """Keep no submission: none got through, and none follows."""
        (self._path / _ATTEMPT).unlink(missing_ok=True)
        sync(self._path)

    def owns(self, word: Seen | Account | None) -> bool:
        """Return whether what is told of a handle can be of this session: handles may be given again."""
        attempts = self.attempts
        if word is None or word.identifier is None or not attempts:
            return True
        return any(word.identifier == attempt.identifier for attempt in attempts)

    @property
    def age_of_attempt(self) -> float:
        """How many seconds ago the last submission was begun."""
        return time.time() - os.lstat(self._path / _ATTEMPT).st_mtime

    @property
    def refusal(self) -> str | None:
        """Why the batch system would not take it."""
        path = self._path / _REFUSAL
        return path.read_text() if path.exists() else None

    def note_refusal(self, why: str) -> None:
        """Keep why the batch system would not take it."""
        self._write(_REFUSAL, why)

    @property
    def final(self) -> Session | None:
        """The session as it ended."""
        return lastword.final(self._path)

    def settle(self, session: Session) -> Session:
        """Keep how the session ended; see `lastword.settle`."""
        return lastword.settle(self._path, session)

    def _read(self, name: str) -> str | None:
        try:
            return os.readlink(self._path / name)  # noqa: PTH115 - text, no path
        except FileNotFoundError:
            return None

    def _replace(self, name: str, text: str) -> None:
        partial = self._path / f".{name}.{uuid4().hex}"
        partial.symlink_to(text)
        partial.rename(self._path / name)

    def _write(self, name: str, text: str) -> None:
        partial = self._path / f".{name}"
        partial.write_text(text)
        sync(partial)
        partial.rename(self._path / name)
        sync(self._path)


def _attempt(text: str) -> Attempt:
    identifier, _, number = text.partition("@")
    return Attempt(identifier, int(number))
