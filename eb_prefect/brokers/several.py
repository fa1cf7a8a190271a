# SPDX-License-Identifier: Apache-2.0
"""One broker that stands for several, and asks them all at once."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from threading import Lock
from uuid import uuid4

from eb_prefect.brokers.protocol import Broker
from eb_prefect.choice.ask import WITHIN, ask
from eb_prefect.choice.asked import Asked
from eb_prefect.choice.candidate import Candidate, Place, places_of
from eb_prefect.choice.constraints import Constraint
from eb_prefect.choice.heard import heard
from eb_prefect.choice.policies import Policy, first
from eb_prefect.errors import BrokerUnavailableError, EBError, NoOfferError, UnknownSessionError
from eb_prefect.model.parts import Message
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import BrokerIdentity
from eb_prefect.pace import LOCAL, Pace, pace_of


class SeveralBrokers:
    """A broker whose offers are those of others, the best by ``policy`` first.

    Offers that do not meet the ``constraints`` are not made; a reason says so.
    A session belongs to one of the brokers, its `owner`, which is asked for
    it: the others never hear of an acceptance, and their offers expire. Which
    brokers they are, not their order nor the policy, makes its identity.
    ``within`` is how many seconds they have to answer, and ``remembers`` of how
    many sessions it knows without asking whose they are.
    """

    def __init__(
        self,
        brokers: Iterable[Broker | Place],
        *,
        policy: Policy = first,
        constraints: Iterable[Constraint] = (),
        within: float = WITHIN,
        remembers: int = 10_000,
    ) -> None:
        self._places = places_of(brokers)
        self._policy = policy
        self._constraints = tuple(constraints)
        self._within = within
        self._remembers = remembers
        self._owners: dict[str, Broker] = {}
        self._lock = Lock()

    @property
    def identity(self) -> BrokerIdentity:
        """The addresses of all of them."""
        return BrokerIdentity(kind="several", name=", ".join(sorted(place.address for place in self._places)))

    @property
    def pace(self) -> Pace:
        """The pace of the one that wants to be asked least."""
        paces = [pace_of(place.broker) for place in self._places]
        return max(paces, key=lambda pace: pace.price, default=LOCAL)

    def request_offers(self, request: ExecutionRequest) -> OfferSet:
        """Ask all at once and return all their offers, the best first.

        Why some made none, or cannot be reached, is in the messages.

        Raises
        ------
        BrokerUnavailableError
            None made an offer or said NO, and trying later may help.
        EBError
            The one failure there was, where none made an offer or said NO.
        """
        asked = ask(self._places, request, within=self._within)
        asked = asked.meeting(self._constraints).ranked(self._policy)
        now = datetime.now(UTC)
        whole = OfferSet(uuid=str(uuid4()), name=request.name, created=now, modified=now, result="NO")
        if not asked.candidates:
            return whole.model_copy(update={"messages": _no(asked)})
        taken = self._taken(asked.candidates)
        offers = tuple(candidate.offer for candidate in taken)
        said = (
            *map(_origin, taken),
            *_messages("remark", asked.remarks()),
            *_messages("no-offer", asked.reasons()),
        )
        return whole.model_copy(update={"result": "YES", "offers": offers, "messages": said})

    def accept(self, session: str) -> Session:
        """Accept the offer of the broker that made it, see `Broker.accept`."""
        return self.owner(session).accept(session)

    def session(self, session: str) -> Session:
        """Return the session as its broker tells it now, see `Broker.session`."""
        return self.owner(session).session(session)

    def cancel(self, session: str) -> Session:
        """Ask the session's broker to end it, see `Broker.cancel`."""
        return self.owner(session).cancel(session)

    def owner(self, session: str) -> Broker:
        """Return the broker whose session it is; all are asked where that is not remembered.

        Raises
        ------
        UnknownSessionError
            All were asked and none has it.
        BrokerUnavailableError
            One that can't be reached may have it; ask again later.
        """
        with self._lock:
            known = self._owners.get(session)
        return known or self._found(session)

    def __reduce__(self) -> tuple[Callable[..., "SeveralBrokers"], tuple[tuple[Place, ...]]]:
        made = partial(
            SeveralBrokers,
            policy=self._policy,
            constraints=self._constraints,
            within=self._within,
            remembers=self._remembers,
        )
        return made, (self._places,)

    def _taken(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Remember whose the offers are, and leave out one that another broker has made already."""
        return [each for each in candidates if self._remember(each.offer.uuid, each.place.broker)]

    def _remember(self, session: str, broker: Broker) -> bool:
        with self._lock:
            known = self._owners.pop(session, broker)
            self._owners[session] = known  # the last used is forgotten last
            while len(self._owners) > self._remembers:
                del self._owners[next(iter(self._owners))]
        return known is broker

    def _found(self, session: str) -> Broker:
        failures: list[EBError] = []
        calls = [partial(_has, place, session) for place in self._places]
        told = 0
        for n, answer in heard(calls, within=self._within):
            told += 1
            if answer is None:
                self._remember(session, self._places[n].broker)
                return self._places[n].broker
            if not isinstance(answer, UnknownSessionError):
                failures.append(answer)
        raise self._not_found(session, failures, told)

    def _not_found(self, session: str, failures: list[EBError], told: int) -> EBError:
        """Return the error of a session that none has: only if all were asked is it unknown."""
        name = self.identity.name
        away = [error for error in failures if isinstance(error, BrokerUnavailableError)]
        if away or told < len(self._places):
            late = [] if told == len(self._places) else ["one has not answered in time"]
            reason = "; ".join([*map(str, away), *late])
            reason = f"one of them may have session {session}: {reason}"
            return BrokerUnavailableError(name, reason, is_unsent=True)
        return failures[0] if failures else UnknownSessionError(name, session)


def _has(place: Place, session: str) -> EBError | None:
    """Return None if the broker has the session, else why not."""
    try:
        place.broker.session(session)
    except EBError as error:
        return error
    return None


def _origin(candidate: Candidate) -> Message:
    said = f"{candidate.name} offers {candidate.offer.uuid}"
    return Message(kind="urn:eb-prefect:message/offered-by", level="INFO", message=said)


def _no(asked: Asked) -> tuple[Message, ...]:
    if not isinstance(trouble := asked.trouble(), NoOfferError):
        raise trouble
    return _messages("no-offer", asked.reasons())


def _messages(kind: str, texts: Iterable[str]) -> tuple[Message, ...]:
    urn = f"urn:eb-prefect:message/{kind}"
    return tuple(Message(kind=urn, level="WARN", message=text) for text in texts)
