# SPDX-License-Identifier: Apache-2.0
"""Handing accepted sessions to a batch system: many at once, each once."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from eb_prefect.brokers.batch.gathering import Gathering, Place
from eb_prefect.brokers.batch.host import Host
from eb_prefect.brokers.batch.ledger import Attempt, Page, submitting
from eb_prefect.brokers.batch.offering import submission
from eb_prefect.brokers.batch.planning import sent_of, terms_of
from eb_prefect.brokers.batch.scheduler import Scheduler, SubmissionRefusedError, TooManyWaitError
from eb_prefect.brokers.batch.script import installed, script
from eb_prefect.brokers.batch.settings import BatchSettings
from eb_prefect.brokers.batch.terms import Terms
from eb_prefect.brokers.embedded.catalogue import Kept
from eb_prefect.brokers.embedded.directory import CANCEL
from eb_prefect.brokers.embedded.reading import entries_of, phase_of
from eb_prefect.brokers.embedded.supervisor.diary import LOG
from eb_prefect.brokers.embedded.supervisor.main import DECISION
from eb_prefect.brokers.embedded.supervisor.plan import PLAN
from eb_prefect.brokers.embedded.supervisor.task import CLAIM
from eb_prefect.durable import together
from eb_prefect.errors import BrokerUnavailableError
from eb_prefect.model.phase import Phase

_IN_FLIGHT = 10.0
"""Seconds that a submission whose caller was killed may still be on its way."""
_FULL = 15.0
"""Seconds after which a batch system that takes no more is asked again."""
_GENTLY = 1.0
"""Seconds that a supervisor has to end what it runs in its own order."""

_Found = dict[str, Mapping[int, str]]


@dataclass(frozen=True)
class Ticket:
    """One accepted session: what is kept of it, and its directory below ``base`` on the host."""

    kept: Kept
    page: Page
    accepted: str
    base: str

    @property
    def directory(self) -> str:
        """Where its node finds and leaves all of it."""
        return f"{self.base}/sessions/{self.kept.offer.uuid}"

    def log_of(self, identifier: str) -> str:
        """Return the path for what the script of a submission of its says."""
        return f"{self.base}/submissions/{identifier}.log"

    @property
    def plan(self) -> str:
        """The text of its plan."""
        return (self.kept.directory.path / PLAN).read_text()


class Submitter:
    """Submits sessions; those that come together and are alike go as one array."""

    def __init__(self, scheduler: Scheduler, host: Host, settings: BatchSettings, home: Path) -> None:
        self._scheduler = scheduler
        self._host = host
        self._settings = settings
        self._home = home
        self._gathering = Gathering(self.submit_all, settings.linger, settings.interval)

    def begin(self, ticket: Ticket) -> Place[Ticket]:
        """Begin to submit a session together with others that come at this time; see `submit_all`."""
        return self._gathering.put(ticket)

    def submit(self, ticket: Ticket) -> None:
        """Submit a session together with others that come at this time; see `submit_all`."""
        self.begin(ticket).result()

    def submit_all(self, tickets: Sequence[Ticket]) -> None:
        """Submit those that the batch system does not have, with as few submissions as they allow.

        On return it has each, or has refused it, or the session was cancelled
        before. One is submitted by one thread of one process only.

        Raises
        ------
        BrokerUnavailableError
            Whether the batch system has them is not known; call it again.
        """
        different = {ticket.kept.offer.uuid: ticket for ticket in tickets}
        alike: dict[Terms, list[Ticket]] = {}
        with submitting(self._home):
            for ticket in self._unknown(different.values()):
                if ticket.kept.directory.is_cancelled:
                    ticket.page.forget_attempts()
                else:
                    alike.setdefault(terms_of(ticket.plan), []).append(ticket)
            for given, some in alike.items():
                self._submit_some(given, some, self._scheduler.most_tasks)

    def _unknown(self, tickets: Iterable[Ticket]) -> list[Ticket]:
        """Return those that the batch system does not have; what it calls the others is kept."""
        found: _Found = {}
        return [ticket for ticket in tickets if not self._is_known(ticket, found)]

    def _is_known(self, ticket: Ticket, found: _Found) -> bool:
        """Return whether an earlier submission got through; what was found of one is kept in ``found``."""
        page = ticket.page
        if page.handle or page.refusal:
            return True
        if not page.attempts:
            return False
        if claim := self._host.read_link(f"{ticket.directory}/{CLAIM}"):
            page.handle = claim
            return True
        until = time.monotonic() + _IN_FLIGHT - page.age_of_attempt
        for attempt in page.attempts:
            if attempt.identifier not in found:
                found[attempt.identifier] = self._found(attempt.identifier, until)
            if handle := found[attempt.identifier].get(attempt.number):
                page.handle = handle
                return True
        return False

    def _found(self, identifier: str, until: float) -> Mapping[int, str]:
        """Look for a submission until it can't be on its way any more."""
        while not (found := self._scheduler.find(identifier)) and time.monotonic() < until:
            time.sleep(1.0)
        return found

    def cancel(self, ticket: Ticket) -> None:
        """Leave word that the session is to end, and tell the batch system if it has it.

        A submission that is under way is waited for, and none follows.
        """
        with submitting(self._home):
            ticket.kept.directory.ask_to_cancel()
            if not self._host.is_here:
                self._host.link(f"{ticket.directory}/{CANCEL}", ticket.accepted)
            self._unknown([ticket])
        if ticket.page.final is None and (handle := ticket.page.handle):
            self._let_end(ticket)
            if ticket.page.owns(self._scheduler.look([handle]).get(handle)):
                self._scheduler.cancel([handle])

    def _submit_some(self, given: Terms, tickets: Sequence[Ticket], most: int) -> None:
        """Submit in portions; where the batch system takes no more of that size, in smaller ones.

        Raises
        ------
        BrokerUnavailableError
            It takes none at all for now.
        """
        for start in range(0, len(tickets), most):
            some = tickets[start : start + most]
            try:
                self._submit(given, some)
            except TooManyWaitError as full:
                if len(some) == 1:
                    raise BrokerUnavailableError(
                        self._scheduler.name, str(full), retry_after=_FULL, is_unsent=True
                    ) from full
                self._submit_some(given, some, -(-len(some) // 2))

    def _let_end(self, ticket: Ticket) -> None:
        """Leave it to the supervisor for a moment: batch systems tell all processes at once, in any order."""
        until = time.monotonic() + _GENTLY
        while self._is_under_way(ticket) and time.monotonic() < until:
            time.sleep(0.02 if self._host.is_here else 0.25)

    def _is_under_way(self, ticket: Ticket) -> bool:
        entries = entries_of(self._host.read(f"{ticket.directory}/{LOG}") or b"")
        return phase_of(entries) in (Phase.PREPARING, Phase.RUNNING)

    def _submit(self, given: Terms, tickets: Sequence[Ticket]) -> None:
        identifier, base = uuid4().hex[:16], tickets[0].base
        manifest = self._lay_out(f"{base}/submissions/{identifier}", tickets)
        supervisor = installed(self._host, base)
        with together(self._home):
            for number, ticket in enumerate(tickets):
                ticket.page.begin(Attempt(identifier, number))
        whole = submission(
            given,
            self._settings,
            identifier=identifier,
            name=_name(tickets),
            script=script(manifest, supervisor, self._host, self._settings),
            log=tickets[0].log_of(identifier),
            tasks=len(tickets),
        )
        try:
            handles = self._scheduler.submit(whole)
        except TooManyWaitError:
            for number, ticket in enumerate(tickets):
                ticket.page.give_up(Attempt(identifier, number))
            raise
        except SubmissionRefusedError as refused:
            for ticket in tickets:
                ticket.page.note_refusal(str(refused))
            return
        for ticket, handle in zip(tickets, handles, strict=True):
            ticket.page.handle = handle

    def _lay_out(self, path: str, tickets: Sequence[Ticket]) -> str:
        """Put all that the tasks need where nodes find it; return the path of the list of sessions."""
        if not self._host.is_here:
            for ticket in tickets:
                self._send(ticket)
        self._host.write(path, "".join(f"{ticket.directory}\n" for ticket in tickets).encode())
        return path

    def _send(self, ticket: Ticket) -> None:
        plan = ticket.plan
        for each in sent_of(plan):
            self._host.send(Path(each.source), each.path)
        self._host.write(f"{ticket.directory}/{PLAN}", plan.encode())
        self._host.link(f"{ticket.directory}/{DECISION}", f"ACCEPTED@{ticket.accepted}")


def _name(tickets: Sequence[Ticket]) -> str:
    """Return what the sessions' offers have in their names before the part that tells them apart."""
    names = {(ticket.kept.offer.name or "eb").partition("-offer-")[0] for ticket in tickets}
    return names.pop() if len(names) == 1 else "eb"
