# SPDX-License-Identifier: Apache-2.0
"""What scripted offers say, beside what was asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from eb_prefect.model.compute import SimpleCompute
from eb_prefect.model.moment import Span
from eb_prefect.model.parts import Amount, AvailableWindow, Schedule, Window
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import Session
from eb_prefect.testing.clock import Calendar
from eb_prefect.testing.script import Script

OFFER_LIFE = 300.0


@dataclass(frozen=True, kw_only=True)
class Terms:
    """One offer: when it starts, for how long, what it costs; all of it optional.

    ``starts_in`` and ``lasts`` are seconds of the broker's clock and become
    the schedule; no session begins before its start. ``life`` is for how many
    seconds the offer is open. ``script`` is for this offer alone. ``costs``
    and ``metrics`` are told of the session, see `costs` and `metrics`.
    """

    starts_in: float | None = None
    lasts: float | None = None
    life: float = OFFER_LIFE
    script: Script | None = None
    costs: tuple[Amount, ...] = ()
    metrics: tuple[Amount, ...] = ()


Offering = Sequence[Terms] | Callable[[ExecutionRequest], Sequence[Terms]]
"""The terms of the offers that every request gets, or what says them for each."""

ONE = (Terms(),)


def costs(**named: float) -> tuple[Amount, ...]:
    """Return costs as the public broker names them: ``costs(monetary=0.1, energy=0.02)``."""
    kind = "costs/simple-minmax-float-cost"
    return tuple(
        Amount(kind=kind, type=f"urn:ivoa:calycopis:cost:{name}", min=value, max=value)
        for name, value in named.items()
    )


def metrics(**named: float) -> tuple[Amount, ...]:
    """Return metrics as the public broker names them; ``_`` in a name is written ``-``."""
    kind = "metrics/simple-minmax-float-metric"
    return tuple(
        Amount(
            kind=kind,
            type=f"urn:ivoa:calycopis:metric:{name.replace('_', '-')}",
            min=value,
            max=value,
        )
        for name, value in named.items()
    )


def offers(
    request: ExecutionRequest, offering: Offering, calendar: Calendar, now: float, *, null_names: bool
) -> tuple[tuple[Session, Terms], ...]:
    """Return new offers for the request with their terms, named as brokers name them."""
    stem = "null" if null_names else request.name or "scripted"
    terms = offering(request) if callable(offering) else offering
    return tuple(
        (_offer(request, each, f"{stem}-offer-{n}", calendar, now), each) for n, each in enumerate(terms)
    )


def _offer(request: ExecutionRequest, terms: Terms, name: str, calendar: Calendar, now: float) -> Session:
    asked = request.schedule.requested if request.schedule else None
    plan = _schedule(terms, calendar, now)
    compute = request.compute
    if plan is not None or (asked and asked.duration):
        mine = plan or Schedule(available=AvailableWindow(duration=asked.duration if asked else None))
        compute = (compute or SimpleCompute()).model_copy(update={"schedule": mine})
    return Session(
        uuid=str(uuid4()),
        name=name,
        phase=Phase.OFFERED,
        created=calendar.moment(now),
        expires=calendar.moment(now + terms.life),
        executable=request.executable,
        compute=compute,
        storage=request.storage,
        volumes=request.volumes,
        data=request.data,
        schedule=plan,
        costs=terms.costs,
        metrics=terms.metrics,
    )


def _schedule(terms: Terms, calendar: Calendar, now: float) -> Schedule | None:
    if terms.starts_in is None and terms.lasts is None:
        return None
    start = calendar.moment(now + (terms.starts_in or 0.0))
    length = None if terms.lasts is None else calendar.length(terms.lasts)
    releasing = None if length is None else Window(start=start + length)
    return Schedule(
        preparing=Window(start=start),
        available=AvailableWindow(start=Span(start, timedelta()), duration=length),
        releasing=releasing,
    )
