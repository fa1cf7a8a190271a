# SPDX-License-Identifier: Apache-2.0
"""A session that a batch system has: how it is now, and whether that is the end."""

import time
from datetime import UTC, datetime
from pathlib import Path

from eb_prefect.brokers.batch.host import Host
from eb_prefect.brokers.batch.scheduler import Account, Scheduler, Seen
from eb_prefect.brokers.batch.settings import BatchSettings
from eb_prefect.brokers.batch.shared import Shared
from eb_prefect.brokers.batch.submitting import Ticket
from eb_prefect.brokers.batch.telling import End, Entries
from eb_prefect.brokers.embedded.reading import entries_of, phase_of, told
from eb_prefect.brokers.embedded.refusal import information, warning
from eb_prefect.brokers.embedded.supervisor.diary import LOG
from eb_prefect.brokers.embedded.supervisor.task import CLAIM
from eb_prefect.brokers.embedded.supervisor.verdict import COMPUTE
from eb_prefect.errors import BrokerUnavailableError
from eb_prefect.model.parts import Message
from eb_prefect.model.phase import FINAL, Phase
from eb_prefect.model.session import Session

_LOG_WITHIN = 5.0
"""Seconds that a log which another machine wrote may take to be seen here."""
_COMPLETES_WITHIN = 30.0
"""Seconds that a batch system may go on with a session whose supervisor has said its last word."""


class Watching:
    """Looks at sessions; all share the questions to the batch system."""

    def __init__(self, scheduler: Scheduler, host: Host, settings: BatchSettings) -> None:
        self._scheduler = scheduler
        self._host = host
        self._settings = settings
        self._seen: Shared[Seen] = Shared(scheduler.look, settings.interval)
        self._books: Shared[Account] = Shared(scheduler.accounts, settings.interval)
        self._since: dict[tuple[str, str], float] = {}

    def look(self, ticket: Ticket) -> Session:
        """Return the session as it is; one that has ended is settled for ever.

        Raises
        ------
        BrokerUnavailableError
            The batch system or its host does not answer.
        """
        page = ticket.page
        if handle := page.handle:
            return self._look(ticket, handle)
        if page.refusal is not None:
            text = f"{self._scheduler.name} refuses it: {page.refusal}"
            return page.settle(self._unsubmitted(ticket, {"phase": "FAILED", "part": COMPUTE, "text": text}))
        if ticket.kept.directory.is_cancelled and page.attempt is None:
            text = "the session was cancelled before it was submitted"
            return page.settle(self._unsubmitted(ticket, {"phase": "CANCELLED", "text": text}))
        return told(ticket.kept.offer, [], Phase.ACCEPTED, Path(ticket.directory))

    def _unsubmitted(self, ticket: Ticket, end: dict[str, str]) -> Session:
        entry = {"at": datetime.now(UTC).isoformat(), **end}
        return told(ticket.kept.offer, [entry], Phase(end["phase"]), Path(ticket.directory))

    def _look(self, ticket: Ticket, handle: str) -> Session:
        is_fresh, seen = self._seen.about(handle)
        seen = seen if ticket.page.owns(seen) else None
        if not is_fresh or (seen is not None and seen.phase is Phase.WAITING):
            return self._waiting(ticket, handle, seen)
        entries = entries_of(self._host.read(f"{ticket.directory}/{LOG}") or b"")
        phase = phase_of(entries)
        if entries and _says_it_never_started(seen):
            seen = None  # it has forgotten it
        if phase in FINAL:
            return self._ending(ticket, handle, entries, seen)
        if seen is None or seen.phase in FINAL:
            return self._cut_off(ticket, handle, entries, seen)
        return self._under_way(ticket, entries, _begun(phase), seen)

    def _waiting(self, ticket: Ticket, handle: str, seen: Seen | None) -> Session:
        """Return what waits, unless another submission of the same session has it already."""
        may_be_another = self._host.is_here or len(ticket.page.attempts) > 1
        if may_be_another and (claim := self._other_claim(ticket, handle)) is not None:
            self._scheduler.cancel([handle])
            return self._look(ticket, claim)
        return self._under_way(ticket, [], Phase.WAITING, seen)

    def _cut_off(self, ticket: Ticket, handle: str, entries: Entries, seen: Seen | None) -> Session:
        """Return what has ended without its supervisor's last word, if it has."""
        if (claim := self._other_claim(ticket, handle)) is not None:
            return self._look(ticket, claim)
        if seen is None and not entries and ticket.kept.directory.is_cancelled:
            end = {"phase": "CANCELLED", "text": f"it was cancelled before {self._scheduler.name} started it"}
            return ticket.page.settle(self._unsubmitted(ticket, end))
        if self._waited(handle, "log") < _LOG_WITHIN:
            return self._under_way(ticket, entries, _begun(phase_of(entries)), seen)
        return self._ending(ticket, handle, entries, seen)

    def _other_claim(self, ticket: Ticket, handle: str) -> str | None:
        """Return the handle of the task that has the session, where it was submitted twice."""
        claim = self._host.read_link(f"{ticket.directory}/{CLAIM}")
        if claim is None or claim == handle:
            return None
        ticket.page.handle = claim
        self._forget(handle)
        return claim

    def _ending(self, ticket: Ticket, handle: str, entries: Entries, seen: Seen | None) -> Session:
        """Settle the session once the batch system and its books have had their time."""
        is_said = phase_of(entries) in FINAL
        if is_said and seen and seen.phase not in FINAL and self._waited(handle, "end") < _COMPLETES_WITHIN:
            return self._under_way(ticket, entries[:-1], Phase.RELEASING, None)
        account, is_late = self._account(ticket, handle)
        word = account or seen
        patience = self._settings.accounts_within
        if word is None and not is_said:
            patience = max(patience, self._settings.lost_after)
        never_started = not entries and _says_it_never_started(seen)
        may_come = is_late and not (account and account.is_whole) and not never_started
        if may_come and self._waited(handle, "books") < patience:
            return self._under_way(ticket, entries[:-1] if is_said else entries, Phase.RELEASING, None)
        final = self._told_end(ticket, handle, entries, word, has_books=never_started or account is not None)
        self._forget(handle)
        return ticket.page.settle(final)

    def _account(self, ticket: Ticket, handle: str) -> tuple[Account | None, bool]:
        """Return what is on the books, and whether it may still come."""
        if not self._scheduler.keeps_accounts:
            return None, False
        try:
            account = self._books.about(handle)[1]
        except BrokerUnavailableError:
            return None, True
        return account if ticket.page.owns(account) else None, True

    def _told_end(
        self, ticket: Ticket, handle: str, entries: Entries, word: Account | Seen | None, *, has_books: bool
    ) -> Session:
        said: list[Message] = [self._submitted(handle)]
        if not has_books:
            said.append(self._no_books(handle))
        end = End(self._scheduler.name, handle, word, self._trouble(ticket))
        return end.told(ticket.kept.offer, entries, Path(ticket.directory), tuple(said))

    def _no_books(self, handle: str) -> Message:
        name, only = self._scheduler.name, "only the supervisor saw what it used"
        if not self._scheduler.keeps_accounts:
            return information("no-accounts", f"{name} keeps no books; {only}")
        within = f"{self._settings.accounts_within:g} s after its end"
        return warning("no-accounts", f"the books of {name} had nothing on {handle} {within}; {only}")

    def _submitted(self, handle: str) -> Message:
        text = f"{self._scheduler.name} ran it as {handle}"
        return information("submitted", text, identifier=handle)

    def _trouble(self, ticket: Ticket) -> str:
        """Return the last words of the session's script, which has some only if it went wrong."""
        attempt = ticket.page.attempt
        text = self._host.read(ticket.log_of(attempt.identifier)) if attempt else None
        lines = (text or b"")[-4096:].decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def _under_way(self, ticket: Ticket, entries: Entries, phase: Phase, seen: Seen | None) -> Session:
        session = told(ticket.kept.offer, entries, phase, Path(ticket.directory))
        if phase is not Phase.WAITING or seen is None or not seen.reason:
            return session
        why = information("waiting", f"it waits in {self._scheduler.name}: {seen.reason}")
        return session.model_copy(update={"messages": (*session.messages, why)})

    def _waited(self, handle: str, what: str) -> float:
        now = time.monotonic()
        return now - self._since.setdefault((handle, what), now)

    def _forget(self, handle: str) -> None:
        self._seen.forget(handle)
        self._books.forget(handle)
        for what in ("log", "end", "books"):
            self._since.pop((handle, what), None)


def _says_it_never_started(seen: Seen | None) -> bool:
    return seen is not None and seen.phase is Phase.CANCELLED and not seen.nodes


def _begun(phase: Phase | None) -> Phase:
    """Return the phase in the log; until that says more, what has its cores is preparing."""
    return phase if phase in (Phase.PREPARING, Phase.RUNNING, Phase.RELEASING) else Phase.PREPARING
