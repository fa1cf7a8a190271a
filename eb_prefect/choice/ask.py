# SPDX-License-Identifier: Apache-2.0
"""Asking several brokers at once."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial

from eb_prefect.brokers.protocol import Broker
from eb_prefect.choice.asked import Asked
from eb_prefect.choice.candidate import Candidate, Failure, Place, Refusal, places_of
from eb_prefect.choice.heard import heard
from eb_prefect.choice.nearness import nearness
from eb_prefect.errors import BrokerUnavailableError, EBError, NoOfferError
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet
from eb_prefect.offers import open_offers

WITHIN = 60.0
"""How many seconds a broker is given to make its offers."""

Answer = list[Candidate] | Refusal | Failure


def ask(brokers: Iterable[Broker | Place], request: ExecutionRequest, *, within: float = WITHIN) -> Asked:
    """Ask all brokers at the same time for offers for the request.

    What one of them answers, or that it does not, keeps nobody from hearing
    the others; who has not answered within so many seconds is not waited
    for. Offers that nobody accepts cost nothing and expire.
    """
    places, now = places_of(brokers), datetime.now(UTC)
    calls = [partial(_answer, place, request) for place in places]
    answers = dict(heard(calls, within=within))
    told = [answers[n] if n in answers else _silence(place, within) for n, place in enumerate(places)]
    return Asked(
        candidates=tuple(each for answer in told if isinstance(answer, list) for each in answer),
        refusals=tuple(answer for answer in told if isinstance(answer, Refusal)),
        failures=tuple(answer for answer in told if isinstance(answer, Failure)),
        at=now,
        names=tuple(place.name for place in places),
    )


def candidates(place: Place, request: ExecutionRequest, offers: OfferSet) -> list[Candidate]:
    """Return a broker's open offers, one that it makes twice only once.

    Raises
    ------
    NoOfferError
        There is none.
    """
    made = {offer.uuid: offer for offer in open_offers(offers, broker=place.name)}
    return [
        Candidate(
            place=place,
            number=number,
            offer=offer,
            offers=offers,
            near=nearness(place.site, request, offer),
        )
        for number, offer in enumerate(made.values(), 1)
    ]


def _answer(place: Place, request: ExecutionRequest) -> Answer:
    try:
        return candidates(place, request, place.broker.request_offers(request))
    except NoOfferError as refused:
        return Refusal(place.name, refused.reasons)
    except EBError as failed:
        return Failure(place.name, failed)


def _silence(place: Place, within: float) -> Failure:
    reason = f"it has not answered within {within:g} s"
    return Failure(place.name, BrokerUnavailableError(place.name, reason))
