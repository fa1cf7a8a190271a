# SPDX-License-Identifier: Apache-2.0
"""Offers and brokers for the tests of choosing."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from eb_prefect.choice.candidate import Candidate, Place
from eb_prefect.errors import EBError
from eb_prefect.model.parts import Amount
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.testing.scripted import ScriptedBroker
from eb_prefect.testing.terms import Terms, costs

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
REQUEST = ExecutionRequest.model_validate({"executable": {"kind": "executable/program", "command": ["true"]}})

COSTS = "urn:ivoa:calycopis:cost"
METRICS = "urn:ivoa:calycopis:metric"


def amount(kind: str, low: float | None = None, high: float | None = None, said: str | None = None) -> Amount:
    return Amount(type=kind, min=low, max=low if high is None else high, description=said)


def cost(name: str, low: float, high: float | None = None) -> Amount:
    return amount(f"{COSTS}:{name}", low, high)


def offer(uuid: str = "one", *, starts: timedelta | None = None, **parts: Any) -> Session:
    if starts is not None:
        span = f"{(NOW + starts).isoformat()}/PT0S"
        parts["schedule"] = {"available": {"start": span, "duration": "PT2H"}}
    return Session.model_validate({"uuid": uuid, "phase": "OFFERED", **parts})


def candidate(name: str = "alpha", near: float | None = None, **parts: Any) -> Candidate:
    made = offer(**{"uuid": name, **parts})
    return Candidate(
        place=Place(ScriptedBroker(), name),
        number=1,
        offer=made,
        offers=OfferSet(result="YES", offers=(made,)),
        near=near,
    )


class PricedBroker(ScriptedBroker):
    """Takes ``seconds`` to answer, then raises ``error`` or makes an offer at each of the prices."""

    def __init__(
        self, *prices: float, seconds: float = 0.0, error: BaseException | None = None, **given: Any
    ) -> None:
        terms = [Terms(costs=costs(monetary=price)) for price in prices]
        super().__init__(offers=terms or [Terms()], **given)
        self.seconds = seconds
        self.error = error

    def request_offers(self, request: ExecutionRequest) -> OfferSet:
        time.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        return super().request_offers(request)

    def session(self, session: str) -> Session:
        if isinstance(self.error, EBError):
            raise self.error
        return super().session(session)
