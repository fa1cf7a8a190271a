# SPDX-License-Identifier: Apache-2.0
"""Any batch system as a broker: four verbs over a scheduler, a host and a ledger."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from uuid import uuid4

from eb_prefect.brokers.batch import offering
from eb_prefect.brokers.batch.gathering import Place
from eb_prefect.brokers.batch.here import Here
from eb_prefect.brokers.batch.host import Host
from eb_prefect.brokers.batch.ledger import Page
from eb_prefect.brokers.batch.nodes import runtime, there
from eb_prefect.brokers.batch.offering import Offering, Possible
from eb_prefect.brokers.batch.planning import moved, plan
from eb_prefect.brokers.batch.scheduler import Scheduler
from eb_prefect.brokers.batch.settings import BatchSettings
from eb_prefect.brokers.batch.submitting import Submitter, Ticket
from eb_prefect.brokers.batch.watching import Watching
from eb_prefect.brokers.embedded.catalogue import Catalogue, Kept
from eb_prefect.brokers.embedded.deciding import reject, settled, take, usable
from eb_prefect.brokers.embedded.directory import Decision
from eb_prefect.brokers.embedded.reading import told
from eb_prefect.brokers.protocol import Begun
from eb_prefect.durable import together
from eb_prefect.errors import (
    OfferGoneError,
)
from eb_prefect.home import home as default_home
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import BrokerIdentity
from eb_prefect.pace import Pace

PACE = Pace(price=0.01, shortest=0.25, longest=30.0, settle=10.0, budget=500.0, patience=60.0)
_LEFT_ALONE = 5.0
"""Seconds that an accepted session is left to whoever accepted it before it is submitted in passing."""


class BatchBroker:
    """A broker that runs sessions on a batch system.

    ``kind`` is what records call it, and where its ledger is below the
    user's home of this package unless ``home`` says another place. Any number
    of objects and processes may use one home.

    Raises
    ------
    InvalidConfigurationError
        The settings name a container runtime that is none.
    """

    def __init__(
        self,
        kind: str,
        scheduler: Scheduler,
        host: Host | None = None,
        *,
        settings: BatchSettings | None = None,
        home: Path | None = None,
    ) -> None:
        self._kind = kind
        self._scheduler = scheduler
        self._host: Host = host or Here()
        self._settings = settings or BatchSettings()
        self._home = (home or self._usual_home()).absolute()
        self._runtime = runtime(self._host, self._settings)
        self._catalogue = Catalogue(self._home)
        self._offering = Offering(scheduler, self._settings)
        self._submitter = Submitter(scheduler, self._host, self._settings, self._home)
        self._watching = Watching(scheduler, self._host, self._settings)

    def _usual_home(self) -> Path:
        if not self._host.is_here:
            return default_home() / f"{self._kind}-{self._host.name}"
        return Path(self._settings.directory) if self._settings.directory else default_home() / self._kind

    @cached_property
    def _base(self) -> str:
        """Where sessions are on the host: in the ledger itself where that is this machine."""
        if self._host.is_here:
            return str(self._home)
        return self._settings.directory or f"{self._host.home()}/.local/state/eb/{self._kind}"

    @property
    def identity(self) -> BrokerIdentity:
        """The kind of batch system, and the host that reaches it."""
        name = f"{self._kind} on {self._host.name}"
        return BrokerIdentity(kind=self._kind, name=name, url=self._home.as_uri())

    @property
    def pace(self) -> Pace:
        """How often it may be asked: looks share their questions to the batch system."""
        return PACE

    def request_offers(self, request: ExecutionRequest) -> OfferSet:
        """Ask which queues of the batch system could run the request.

        Each offer is one queue's, with no schedule, as a batch system plans
        none; a message tells the queue, and a metric the wait where it is estimated. The
        preferred queue comes first, the most of what was asked for before the
        least. A request that wants to start in an interval gets NO.

        Raises
        ------
        BrokerUnavailableError
            The batch system does not answer, or the ledger can't be written.
        """
        now = datetime.now(UTC)
        whole = OfferSet(uuid=str(uuid4()), name=request.name, created=now, modified=now, result="NO")
        if reasons := self._offering.refusals(request, is_here=self._host.is_here, runtime=self._runtime):
            return whole.model_copy(update={"messages": reasons})
        possible, reasons = self._offering.possible(request)
        if not possible:
            return whole.model_copy(update={"messages": reasons})
        expires = now + self._settings.offer_life
        offers = [offering.offer(request, each, n, expires) for n, each in enumerate(possible)]
        with usable(self.identity.name):
            self._keep(request, offers, possible)
        return whole.model_copy(update={"result": "YES", "offers": tuple(offers)})

    def _keep(self, request: ExecutionRequest, offers: list[Session], possible: list[Possible]) -> None:
        self._catalogue.open()
        first = offers[0].uuid if len(offers) > 1 else ""
        for offer, each in zip(offers, possible, strict=True):
            directory = f"{self._base}/sessions/{offer.uuid}"
            wanted, sent = (request, []) if self._host.is_here else moved(request, directory)
            place = there(directory, self._host, self._settings, self._runtime)
            self._catalogue.keep(offer, first, self._home, plan(wanted, each.terms, place, sent))

    def accept(self, session: str) -> Session:
        """Accept an offer and submit its session; on return the batch system has it.

        Accepts from several threads at the same time become one submission
        where their sessions are alike. Called again, it submits nothing that
        was submitted: before a second attempt the batch system is asked for
        what it has under our identifier. A session that the batch system
        refuses after all is FAILED, with its reason.

        Raises
        ------
        OfferGoneError
            The offer had expired, was cancelled, or another of its set was accepted.
        UnknownSessionError
            There is no such session in this ledger.
        BrokerUnavailableError
            No answer; whether the batch system has the session is found out by the next accept.
        """
        return self.begin_accept(session).result()

    def begin_accept(self, session: str) -> Begun:
        """Begin to accept an offer, and submit its session together with others; see `accept`.

        Raises what `accept` raises; some of it comes with the result.
        """
        kept = self._find(session)
        with usable(self.identity.name):
            (ticket,) = self._all_taken([kept])
            if ticket.page.handle is None and ticket.page.final is None:
                place = self._submitter.begin(ticket)
                return Begun(place.arrival, partial(self._begun, place))
        return Begun(None, partial(self._look, kept))

    def _begun(self, place: Place[Ticket]) -> Session:
        with usable(self.identity.name):
            place.result()
        return self._just_submitted(place.item)

    def accept_all(self, sessions: Sequence[str]) -> list[Session]:
        """Accept many offers, with one submission for all that are alike; see `accept`.

        Where one is gone none is submitted; those before it are accepted all
        the same, and are submitted when they are accepted or looked at next.
        """
        found = [self._find(session) for session in sessions]
        with usable(self.identity.name):
            tickets = self._all_taken(found)
            self._submitter.submit_all(tickets)
        return [self._just_submitted(ticket) for ticket in tickets]

    def session(self, session: str) -> Session:
        """Return the session as it is now.

        One whose caller was killed before the batch system had it is submitted in passing.

        Raises
        ------
        UnknownSessionError
            There is no such session in this ledger.
        BrokerUnavailableError
            The batch system does not answer.
        """
        return self._look(self._find(session))

    def cancel(self, session: str) -> Session:
        """Ask the batch system to end the session, and its supervisor to end it gently.

        It is CANCELLED once the batch system says so; an offer at once.

        Raises
        ------
        UnknownSessionError
            There is no such session in this ledger.
        BrokerUnavailableError
            The batch system does not answer.
        """
        kept = self._find(session)
        with usable(self.identity.name):
            decision = settled(kept) or kept.directory.decide(Phase.CANCELLED)
            if decision.phase is Phase.ACCEPTED:
                self._submitter.cancel(self._ticket(kept, decision))
        return self._look(kept)

    def reject(self, session: str) -> Session:
        """Decline an offer for good; what is no open offer stays as it is.

        Raises
        ------
        UnknownSessionError
            There is no such session in this ledger.
        """
        kept = self._find(session)
        with usable(self.identity.name):
            reject(kept)
        return self._look(kept)

    def _find(self, session: str) -> Kept:
        with usable(self.identity.name):
            return self._catalogue.get(session, self.identity.name)

    def _all_taken(self, found: Sequence[Kept]) -> list[Ticket]:
        with together(self._home):
            return [self._taken(kept) for kept in found]

    def _taken(self, kept: Kept) -> Ticket:
        decision = kept.directory.decision() or take(kept, kept.directory.make_ready)
        if decision.phase is not Phase.ACCEPTED:
            raise OfferGoneError(kept.offer.uuid, decision.phase)
        return self._ticket(kept, decision)

    def _ticket(self, kept: Kept, decision: Decision) -> Ticket:
        return Ticket(kept, Page(kept.directory), decision.at, self._base)

    def _just_submitted(self, ticket: Ticket) -> Session:
        """Return the session without asking the batch system, which has only just got it."""
        if ticket.page.handle is None:
            return self._look(ticket.kept)
        return told(ticket.kept.offer, [], Phase.WAITING, Path(ticket.directory))

    def _look(self, kept: Kept) -> Session:
        return self._shown(self._now(kept))

    def _shown(self, session: Session) -> Session:
        """Return the session with its files' locations as callers are to name them."""
        return session

    def _now(self, kept: Kept) -> Session:
        with usable(self.identity.name):
            decision = settled(kept)
            if decision is None or decision.phase is not Phase.ACCEPTED:
                phase = decision.phase if decision else Phase.OFFERED
                return told(kept.offer, [], phase, kept.directory.path)
            ticket = self._ticket(kept, decision)
            if final := ticket.page.final:
                return final
            if ticket.page.handle is None and kept.directory.age(decision) > _LEFT_ALONE:
                self._submitter.submit(ticket)
            return self._watching.look(ticket)
