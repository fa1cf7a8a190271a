# SPDX-License-Identifier: Apache-2.0
"""Policies and constraints for a step on one broker, which sees offers only."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from eb_prefect.brokers.protocol import Broker
from eb_prefect.choice.ask import candidates
from eb_prefect.choice.asked import Asked
from eb_prefect.choice.candidate import Place, places_of
from eb_prefect.choice.constraints import Constraint
from eb_prefect.choice.policies import Policy, first
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session


def chooser(
    broker: Broker | Place,
    request: ExecutionRequest,
    *,
    policy: Policy = first,
    constraints: Iterable[Constraint] = (),
) -> Callable[[tuple[Session, ...]], Session]:
    """Return what chooses out of one broker's offers, for `StepOptions.choose`.

    It raises NoOfferError where none meets the constraints, with the reason
    for each.
    """
    (place,) = places_of([broker])
    given = tuple(constraints)

    def choose(offers: tuple[Session, ...]) -> Session:
        made = candidates(place, request, OfferSet(result="YES", offers=offers))
        asked = Asked(tuple(made), (), (), datetime.now(UTC), (place.name,))
        return asked.meeting(given).ranked(policy).best.offer

    return choose
