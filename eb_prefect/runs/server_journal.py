# SPDX-License-Identifier: Apache-2.0
"""A journal on the Prefect server too, so that another machine goes on with a session.

The server decides which session a call has: who makes its note first. What
only this machine needs, its locks and the history of phases, stays in a
directory.
"""

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import chain
from uuid import UUID

from eb_prefect.aside import Aside
from eb_prefect.errors import JournalUnavailableError
from eb_prefect.journal import Call, Entry, Handle, Kept
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.journal_sweep import KEPT, KEPT_BY_KEY, is_due
from eb_prefect.model.phase import Phase
from eb_prefect.model.steprun import PhaseChange
from eb_prefect.runs.notes import Note, Notes

_DROPPED = "DROPPED"
_RUN, _KEYED = "eb-run-", "eb-key-"
_TRIES = 6
_aside = Aside("eb-server-journal")


class NotedEntry:
    """One step that the server has a note of."""

    def __init__(self, entry: Entry, note: Note, journal: "ServerJournal") -> None:
        self._entry = entry
        self._note = note
        self._journal = journal

    @property
    def handle(self) -> Handle:
        """The session."""
        return self._entry.handle

    @property
    def changes(self) -> Sequence[PhaseChange]:
        """The phases that were seen here, the first of them where it was offered."""
        return self._entry.changes

    def note(self, change: PhaseChange) -> None:
        """Keep a phase change, here only."""
        self._entry.note(change)

    def deliver(self) -> None:
        """Say that the step's caller gets its result; the server hears of it a little later."""
        self._entry.deliver()
        self._journal.ended(self._note, str(self.changes[-1].phase))

    def hand_on(self) -> None:
        """Say that the next task of the same run goes on with it; on the server it is only that run's."""
        self._entry.hand_on()

    def drop(self) -> None:
        """Forget the step."""
        self._entry.drop()
        self._journal.ended(self._note, _DROPPED)


class ServerJournal:
    """The sessions of flow runs and of keys, on a Prefect server and in a directory of this machine.

    A call that has neither run nor key is in the directory only. All that
    waits for the server raises `JournalUnavailableError` where it does not
    answer, and nothing is accepted then.
    """

    def __init__(self, local: DirectoryJournal, notes: Notes) -> None:
        self.local = local
        self._notes = notes
        self._over: dict[str, int] = {}  # the number of the last note of a title that is done with
        self._ended: dict[UUID, str] = {}  # the server may not have heard yet

    def turn(self, call: Call) -> AbstractContextManager[bool]:
        """Hold the call itself on this machine; see `eb_prefect.journal.Journal`."""
        return self.local.turn(call)

    @contextmanager
    def take(self, call: Call) -> Iterator[Entry | None]:
        """Hold the entry that the same call left behind, here or on any machine."""
        title = _title(call)
        if title is None:
            with self.local.take(call) as left:
                yield left
            return
        note = self._notes.newest(title)
        if note is None:
            with self.local.take(call) as left:
                if left is None:
                    yield None
                    return
                note = self._notes.make(title, 1, left.handle, left.changes)
                if note.handle.session == left.handle.session:
                    yield NotedEntry(left, note, self)
                    return
        if self._is_over(note):
            self._over[title] = note.number
            yield None
            return
        with self._held(note, call) as entry:
            yield entry

    @contextmanager
    def write(self, handle: Handle, change: PhaseChange) -> Iterator[Entry]:
        """Put a session down here and on the server; see `eb_prefect.journal.Journal`."""
        self._sweep_now_and_then()
        title = _title(handle.call)
        with self.local.write(handle, change) as entry:
            if title is None:
                yield entry
                return
            note = self._made(title, entry)
            if note.handle.session == handle.session:
                yield NotedEntry(entry, note, self)
                return
            entry.drop()
        with self._held(note, handle.call) as theirs:
            yield theirs

    @contextmanager
    def resume(self, handle: Handle, changes: Sequence[PhaseChange]) -> Iterator[Entry | None]:
        """Hold the entry of a session that was put down, here or elsewhere; None while somebody holds it."""
        title = _title(handle.call)
        note = self._notes.newest(title) if title else None
        with self.local.resume(handle, changes) as entry:
            if entry is None or note is None or note.handle.session != handle.session:
                yield entry
            else:
                yield NotedEntry(entry, note, self)

    def sessions_of(self, run: str) -> Iterator[Kept]:
        """Yield the sessions of a flow run that were put down here, and then those from elsewhere.

        What was begun with a key is told by the run that began it. A
        subflow's from elsewhere are told by its lineage, not by its identifier.
        """
        told = set()
        for kept in self.local.sessions_of(run):
            told.add(kept.handle.session)
            yield kept
        keyed = (note for note in self._notes.all(_KEYED) if note.handle.call.run == run)
        for note in chain(self._notes.all(_beginning(run)), keyed):
            ended = self._ended.get(note.id) or note.ended
            if note.handle.session not in told and ended != _DROPPED:
                yield Kept(note.handle, ended or note.changes[-1].phase, delivered=ended is not None)

    def ended(self, note: Note, phase: str) -> None:
        """Hear how a session ended, and tell the server beside the step."""
        self._ended[note.id] = phase
        if phase != Phase.COMPLETED:
            self._over[note.title] = max(note.number, self._over.get(note.title, 0))
        _aside.put(partial(_tell, self._notes, note, phase))

    def _made(self, title: str, entry: Entry) -> Note:
        number = self._over.get(title, 0) + 1
        try:
            return self._notes.make(title, number, entry.handle, entry.changes)
        except BaseException:
            entry.drop()  # nothing was accepted, and the same offer may be put down again
            raise

    @contextmanager
    def _held(self, note: Note, call: Call) -> Iterator[Entry]:
        with self.local.resume(note.handle, note.changes) as entry:
            if entry is None:
                reason = f"another process of this machine holds {note.handle.session}"
                raise JournalUnavailableError(self._notes.server, reason)
            if call.run is not None:
                self.local.belongs(call.run, note.handle)
            yield NotedEntry(entry, note, self)

    def _is_over(self, note: Note) -> bool:
        ended = self._ended.get(note.id) or note.ended
        if ended is None:
            told = self.local.told(note.handle)
            ended = str(told.phase) if told is not None and told.delivered else None
        return ended not in (None, Phase.COMPLETED)

    def _sweep_now_and_then(self) -> None:
        here = hashlib.sha256(self._notes.server.encode()).hexdigest()[:16]
        if is_due(self.local.directory / "servers" / here):
            _aside.put(partial(self._notes.sweep, _RUN, KEPT, KEPT_BY_KEY))
            _aside.put(partial(self._notes.sweep, _KEYED, KEPT_BY_KEY, KEPT_BY_KEY))


def _title(call: Call) -> str | None:
    """Return what the notes of a call are called; a key's are the same in every run."""
    if call.key is not None:
        return f"{_KEYED}{call.place}"
    return None if call.unique is None else f"{_beginning(call.unique)}{call.place}"


def _beginning(lineage: str) -> str:
    return f"{_RUN}{hashlib.sha256(lineage.encode()).hexdigest()[:32]}-"


def _tell(notes: Notes, note: Note, phase: str) -> None:
    for count in range(_TRIES):
        try:
            return notes.end(note, phase)
        except JournalUnavailableError:
            if count == _TRIES - 1:
                raise
        time.sleep(2.0**count)
    return None
