# SPDX-License-Identifier: Apache-2.0
"""Which brokers a person asks, and which of their offers is wanted."""

from collections.abc import Iterable
from typing import NamedTuple, Self

from eb_prefect.brokers.named import places_named
from eb_prefect.brokers.protocol import Broker
from eb_prefect.brokers.several import SeveralBrokers
from eb_prefect.choice.candidate import Place
from eb_prefect.choice.chooser import chooser
from eb_prefect.choice.constraints import Constraint, constraints
from eb_prefect.choice.policies import Policy, policy_named
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.offers import first_offer
from eb_prefect.step import Choose


class Wish(NamedTuple):
    """Brokers, which of their offers is the best, and which will not do."""

    places: tuple[Place, ...]
    policy: Policy
    constraints: tuple[Constraint, ...]

    @classmethod
    def of(cls, brokers: Iterable[str], policy: str, where: Iterable[str]) -> Self:
        """Return what a command line means.

        Raises
        ------
        InvalidDocumentError
            A policy, a constraint or the configuration means nothing.
        UnknownBrokerError
            There is no broker of that name.
        """
        best, given = policy_named(policy), constraints(*where)
        return cls(places_named(brokers), best, given)

    def for_request(self, request: ExecutionRequest) -> tuple[Broker, Choose]:
        """Return the broker that a step runs on and what chooses out of its offers.

        One broker is itself, whatever is wanted of its offers: the step is
        the same and is found again.
        """
        if len(self.places) > 1:
            return SeveralBrokers(self.places, policy=self.policy, constraints=self.constraints), first_offer
        (place,) = self.places
        return place.broker, chooser(place, request, policy=self.policy, constraints=self.constraints)
