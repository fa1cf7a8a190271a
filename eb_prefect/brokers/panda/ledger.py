# SPDX-License-Identifier: Apache-2.0
"""What this machine keeps of one session: what was sent to PanDA, what came of it, and its end.

It is kept beside the session's offer. What is written is whole and durable
when the call returns; whoever is about to send something holds the lock of the
session, so nobody else sends it too.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from eb_prefect.brokers.embedded import lastword
from eb_prefect.brokers.embedded.catalogue import Kept
from eb_prefect.brokers.embedded.directory import CANCEL
from eb_prefect.brokers.embedded.supervisor.plan import PLAN
from eb_prefect.brokers.panda.plan import Plan
from eb_prefect.durable import sync
from eb_prefect.model.phase import Phase
from eb_prefect.model.session import Session

_NOTE = "panda.json"
_LOCK = "lock"


class Note(BaseModel):
    """How far a session has come.

    ``attempted`` is when a submission was begun whose answer is owed, and
    ``handle`` what PanDA calls it. ``refused`` and ``postponed`` are PanDA's
    reasons. ``killed`` is when PanDA took the order to end it, ``tried`` when
    it was given last. ``missing`` is since when PanDA does not know it, and
    ``ended`` since when it is known to have ended.
    """

    model_config = ConfigDict(frozen=True)

    attempted: datetime | None = None
    handle: str | None = None
    refused: str | None = None
    postponed: str | None = None
    withdrawn: bool = False
    tried: datetime | None = None
    killed: datetime | None = None
    missing: datetime | None = None
    ended: datetime | None = None
    phase: Phase = Phase.WAITING
    state: str = ""
    changed: datetime | None = None


class Entry:
    """The ledger's page of one session."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self.session = kept.directory.session
        self._path = kept.directory.path

    def plan(self) -> Plan:
        """Return what is to be submitted."""
        return Plan.model_validate_json((self._path / PLAN).read_bytes())

    def note(self) -> Note:
        """Return how far it has come."""
        try:
            return Note.model_validate_json((self._path / _NOTE).read_bytes())
        except FileNotFoundError:
            return Note()

    def write(self, note: Note, **changes: object) -> Note:
        """Keep a note with changes, for whoever has the lock; return it."""
        new = note.model_copy(update={**changes, "changed": datetime.now(UTC)})
        self._replace(_NOTE, new.model_dump_json(exclude_defaults=True))
        return new

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """Hold the lock of the session if nobody else does; tell whether it is held.

        It ends with the process that holds it, however that ends.
        """
        fd = os.open(self._path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            yield _take(fd)
        finally:
            os.close(fd)

    def asked_to_cancel(self) -> datetime | None:
        """Return since when the session is to end, None if it is not."""
        try:
            return datetime.fromisoformat(os.readlink(self._path / CANCEL))  # noqa: PTH115 - text, no path
        except FileNotFoundError:
            return None

    def final(self) -> Session | None:
        """Return the session as it ended, None while it has not."""
        return lastword.final(self._path)

    def settle(self, session: Session) -> Session:
        """Keep the session's end; see `lastword.settle`."""
        return lastword.settle(self._path, session)

    def _replace(self, name: str, text: str) -> None:
        self._partial(text).rename(self._path / name)
        sync(self._path)

    def _partial(self, text: str) -> Path:
        partial = self._path / f".{uuid4().hex}"
        partial.write_text(text)
        sync(partial)
        return partial


def _take(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
