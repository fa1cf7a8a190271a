# SPDX-License-Identifier: Apache-2.0
"""Handing a session to PanDA so that it runs once, whatever gets lost on the way."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from eb_prefect.brokers.panda.ledger import Entry, Note
from eb_prefect.brokers.panda.mode import Mode, SubmissionPostponedError, SubmissionRefusedError
from eb_prefect.brokers.panda.plan import Plan
from eb_prefect.brokers.panda.wire import Wire
from eb_prefect.errors import AccessDeniedError, AnswerLostError, BrokerUnavailableError, EBError


@dataclass(frozen=True)
class Submitter:
    """Submits what was accepted and was not submitted.

    That a submission is about to be sent is on the disk before it is. If its
    answer does not come, it is looked for before another is sent; where it is
    not found it may still be on its way, so none is sent within ``doubt``.
    """

    wire: Wire
    mode: Mode
    doubt: timedelta

    def advance(self, entry: Entry) -> Note:
        """Submit the session unless that was done, or somebody else is about to.

        Raises
        ------
        BrokerUnavailableError
            No answer; what was sent is looked for the next time.
        AccessDeniedError
            PanDA does not take the token.
        """
        note = entry.note()
        if _is_settled(note):
            return note
        with entry.locked() as ours:
            note = entry.note()
            return self._submit(entry, note) if ours and not _is_settled(note) else note

    def _submit(self, entry: Entry, note: Note) -> Note:
        plan, now = entry.plan(), datetime.now(UTC)
        if note.attempted is not None:
            if found := self.mode.find(self.wire, plan):
                return entry.write(note, handle=found)
            if now < note.attempted + self.doubt:
                return note
        if entry.asked_to_cancel():
            return entry.write(note, withdrawn=True)
        sent = entry.write(note, attempted=now)
        try:
            handle = self._send(plan)
        except SubmissionRefusedError as reason:
            return entry.write(note, refused=str(reason))
        except SubmissionPostponedError as reason:
            return entry.write(note, attempted=None, postponed=str(reason))
        except _NotSentError as certain:
            entry.write(note)
            raise certain.why from None
        return entry.write(sent, handle=handle, postponed=None)

    def _send(self, plan: Plan) -> str:
        try:
            return self.mode.submit(self.wire, plan)
        except AccessDeniedError as refused:  # what was refused was not done
            raise _NotSentError(refused) from refused
        except BrokerUnavailableError as lost:
            if lost.is_unsent:
                raise _NotSentError(lost) from lost
            raise
        except AnswerLostError as lost:
            raise BrokerUnavailableError(self.wire.name, lost.reason) from lost


class _NotSentError(Exception):
    def __init__(self, why: EBError) -> None:
        super().__init__(str(why))
        self.why = why


def _is_settled(note: Note) -> bool:
    return bool(note.handle or note.refused or note.withdrawn)
