# SPDX-License-Identifier: Apache-2.0
"""The story of one step as its client saw it."""

from pathlib import Path

from pydantic import Field

from eb_prefect.model.moment import Instant
from eb_prefect.model.phase import AnyPhase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.value import Value


class BrokerIdentity(Value):
    """Which broker it was: its kind (``embedded``, ``http``, ...), name and address."""

    kind: str
    name: str
    url: str | None = None
    version: str | None = None


class PhaseChange(Value):
    """A phase that was seen for the first time at ``seen``.

    It began after ``after``, the last look that still saw another phase;
    without ``after`` nothing is known but that it had begun.
    """

    phase: AnyPhase
    seen: Instant
    after: Instant | None = None


class StepRun(Value):
    """One step from request to settled final session.

    ``name`` is unique in its flow run. ``chosen`` is the session that was
    accepted out of ``offers``. The phases are as observed: a broker's
    schedule is only its plan. ``copies`` are files of this machine by the
    location of the product that they are a copy of; they are never dumped.
    """

    name: str
    broker: BrokerIdentity
    request: ExecutionRequest
    offers: OfferSet
    chosen: str
    changes: tuple[PhaseChange, ...] = ()
    session: Session
    copies: dict[str, Path] = Field(default_factory=dict, exclude=True, repr=False)
