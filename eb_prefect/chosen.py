# SPDX-License-Identifier: Apache-2.0
"""An offer that was chosen before its step runs."""

from datetime import UTC, datetime
from typing import NamedTuple

from eb_prefect.brokers.protocol import Broker
from eb_prefect.choice.ask import candidates
from eb_prefect.choice.candidate import Candidate
from eb_prefect.choice.likeness import like
from eb_prefect.errors import NoOfferError, OfferGoneError, UnknownSessionError
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import BrokerIdentity
from eb_prefect.outputs import owner_of
from eb_prefect.pace import Pace, pace_of
from eb_prefect.step import StepOptions

_DEFAULT = StepOptions()


class ChosenBroker:
    """The broker of a chosen offer, which makes that offer first.

    When it is gone, the broker is asked for others. In all else it is that broker.
    """

    def __init__(self, candidate: Candidate, request: ExecutionRequest) -> None:
        self._broker = candidate.place.broker
        self._offers: OfferSet | None = candidate.offers
        self._chosen = candidate.offer
        self._request = request

    @property
    def identity(self) -> BrokerIdentity:
        """That of the broker."""
        return self._broker.identity

    @property
    def pace(self) -> Pace:
        """That of the broker."""
        return pace_of(self._broker)

    def request_offers(self, request: ExecutionRequest) -> OfferSet:
        """Return the offers that were shown while the chosen one is open, else new ones."""
        shown, self._offers = self._offers, None
        if shown is not None and request == self._request and is_open(self._broker, self._chosen):
            return shown
        return self._broker.request_offers(request)

    def accept(self, session: str) -> Session:
        """Accept an offer, see `Broker.accept`."""
        return self._broker.accept(session)

    def session(self, session: str) -> Session:
        """Return the session as it is now, see `Broker.session`."""
        return self._broker.session(session)

    def cancel(self, session: str) -> Session:
        """Ask the broker to end the session, see `Broker.cancel`."""
        return self._broker.cancel(session)

    def owner(self, session: str) -> Broker:
        """Return the broker whose session it is, see `Gathering.owner`."""
        return owner_of(self._broker, session)


class Choice:
    """Chooses the offer that was chosen; or one like it, when it is gone."""

    def __init__(self, candidate: Candidate, at: datetime, request: ExecutionRequest) -> None:
        self._candidate = candidate
        self._at = at
        self._request = request

    def __call__(self, offers: tuple[Session, ...]) -> Session:
        """Return it.

        Raises
        ------
        OfferGoneError
            It is gone, and none of the offers is like it.
        """
        wanted = self._candidate.offer.uuid
        for offer in offers:
            if offer.uuid == wanted:
                return offer
        asked = OfferSet(result="YES", offers=offers)
        made = candidates(self._candidate.place, self._request, asked)
        found = like(self._candidate, self._at, made, datetime.now(UTC))
        if found is None:
            raise OfferGoneError(wanted, f"gone, and {self._candidate.name} makes none like it")
        return found.offer


class Chosen(NamedTuple):
    """What a step is given so that it accepts the offer ``candidate``: ``broker`` and ``options()``."""

    broker: Broker
    choose: Choice
    candidate: Candidate

    def options(self, options: StepOptions = _DEFAULT) -> StepOptions:
        """Return options with which a step chooses this offer."""
        return options._replace(choose=self.choose)


def chosen(candidate: Candidate, at: datetime, request: ExecutionRequest) -> Chosen:
    """Return an offer of ``at`` for a step to accept."""
    return Chosen(ChosenBroker(candidate, request), Choice(candidate, at, request), candidate)


def renewed(candidate: Candidate, at: datetime, request: ExecutionRequest) -> Candidate | None:
    """Return the offer if it is open, else one like it; None if the broker makes none."""
    place = candidate.place
    if is_open(place.broker, candidate.offer):
        return candidate
    try:
        made = candidates(place, request, place.broker.request_offers(request))
    except NoOfferError:
        return None
    return like(candidate, at, made, datetime.now(UTC))


def is_open(broker: Broker, offer: Session) -> bool:
    """Return whether an offer can be accepted now, as far as anybody can tell."""
    if offer.expires is not None and offer.expires <= datetime.now(UTC):
        return False
    try:
        return broker.session(offer.uuid).phase == Phase.OFFERED
    except UnknownSessionError:
        return False
