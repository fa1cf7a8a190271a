# SPDX-License-Identifier: Apache-2.0
"""What becomes of a session that was accepted: submitted, watched, killed if that was asked, and settled."""

from datetime import UTC, datetime, timedelta

from eb_prefect.brokers.embedded.refusal import warning
from eb_prefect.brokers.panda import telling
from eb_prefect.brokers.panda.ledger import Entry, Note
from eb_prefect.brokers.panda.looking import Looks
from eb_prefect.brokers.panda.mode import Mode, Record, Seen
from eb_prefect.brokers.panda.phases import later
from eb_prefect.brokers.panda.submitting import Submitter
from eb_prefect.brokers.panda.wire import Wire
from eb_prefect.errors import UnusableAnswerError
from eb_prefect.model.phase import FINAL, Phase
from eb_prefect.model.session import Outcome, Session

_AGAIN = timedelta(seconds=2)
_SLOWER = 10


class Follower:
    """Looks at sessions, and does what is due for them."""

    def __init__(self, wire: Wire, mode: Mode, *, doubt: timedelta, grace: timedelta, fresh: float) -> None:
        self._wire = wire
        self._mode = mode
        self._grace = grace
        self._submitter = Submitter(wire, mode, doubt)
        self._looks = Looks(wire, mode, fresh)

    def look(self, entry: Entry) -> Session:
        """Return the session as it is now, after all that was due for it.

        Raises what `Submitter.advance` and `Mode.look` raise.
        """
        if final := entry.final():
            return final
        offer = entry.kept.offer
        before = entry.note()
        note = self._submitter.advance(entry)
        if note.refused is not None:
            return entry.settle(telling.refused(offer, note.refused))
        if note.withdrawn:
            return entry.settle(telling.withdrawn(offer))
        if before.handle is None:  # what was submitted just now waits
            self._looks.expect(note.handle)
            return telling.underway(offer, note)
        return self._follow(entry, self._killed(entry, note), before.handle)

    def _follow(self, entry: Entry, note: Note, handle: str) -> Session:
        seen = self._looks.look(handle)
        if seen is None:
            return self._missed(entry, note)
        if seen.phase in FINAL:
            final = self._ended(entry, note, seen)
            self._looks.drop(handle)
            return entry.settle(final)
        return telling.underway(entry.kept.offer, _noted(entry, note, seen))

    def _ended(self, entry: Entry, note: Note, seen: Seen) -> Session:
        record = self._record(entry, note, seen)
        phase = Phase(str(seen.phase))
        if phase is Phase.CANCELLED and not (record.killed or entry.asked_to_cancel()):
            phase = Phase.FAILED  # the platform gave it up, nobody asked for that
        return telling.ended(entry.kept.offer, phase, record, seen.state)

    def _record(self, entry: Entry, note: Note, seen: Seen) -> Record:
        """Return what the books say; for a while nothing is settled without them."""
        handle, now = str(note.handle), datetime.now(UTC)
        try:
            return self._mode.record(self._wire, handle, seen)
        except UnusableAnswerError as odd:
            if note.ended is None:
                with entry.locked() as ours:
                    if ours:
                        entry.write(entry.note(), ended=now)
            if note.ended is None or now - note.ended < self._grace:
                raise
            message = warning("no-record", f"what PanDA has on its books can't be read: {odd.reason}")
            return Record(Outcome(identifier=handle, state=seen.state), (message,))

    def _missed(self, entry: Entry, note: Note) -> Session:
        now = datetime.now(UTC)
        if note.missing is not None and now - note.missing > self._grace:
            return entry.settle(telling.lost(entry.kept.offer, note))
        if note.missing is None:
            with entry.locked() as ours:
                note = entry.write(entry.note(), missing=now) if ours else note
        return telling.underway(entry.kept.offer, note)

    def _killed(self, entry: Entry, note: Note) -> Note:
        since, now = entry.asked_to_cancel(), datetime.now(UTC)
        if since is None or note.killed or note.handle is None:
            return note
        if note.tried is not None and now < note.tried + _AGAIN + (note.tried - since) / _SLOWER:
            return note
        with entry.locked() as ours:
            note = entry.note()
            if not ours or note.killed or note.handle is None:
                return note
            took = self._mode.kill(self._wire, note.handle)
            self._looks.forget(note.handle)
            return entry.write(note, tried=now, killed=now if took else None)


def _noted(entry: Entry, note: Note, seen: Seen) -> Note:
    """Return the note with what was seen, kept if that is new; a phase never goes back."""
    if note.missing is None and note.state == seen.state:
        return note
    with entry.locked() as ours:
        latest = entry.note()
        phase = later(latest.phase, Phase(str(seen.phase or latest.phase)))
        if not ours:
            return latest.model_copy(update={"phase": phase, "state": seen.state})
        return entry.write(latest, phase=phase, state=seen.state, missing=None)
