# SPDX-License-Identifier: Apache-2.0
"""What a session's schedule says of when to look at it.

A schedule is a plan and may be missed, so it only moves looks, within the
bounds of the pace.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from eb_prefect.model.parts import Schedule
from eb_prefect.model.phase import ComponentPhase, Phase
from eb_prefect.model.session import Session

_AT_WORK = frozenset({Phase.AVAILABLE, Phase.RUNNING})
_LAST = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)
_NOT_BEGUN = frozenset({ComponentPhase.INITIALIZING, ComponentPhase.WAITING})


def instants(session: Session) -> tuple[float, ...]:
    """Return when something is planned to change, as seconds since the epoch, in order."""
    schedules = [session.schedule, session.compute.schedule if session.compute else None]
    found = {at.timestamp() for schedule in schedules if schedule for at in _instants(schedule)}
    return tuple(sorted(found))


def begins(session: Session) -> float:
    """Return when the compute resource is to be prepared, 0 if that has begun or is not planned."""
    compute = session.compute
    if compute is None or compute.phase not in _NOT_BEGUN or compute.schedule is None:
        return 0.0
    preparing = compute.schedule.preparing
    return preparing.start.timestamp() if preparing and preparing.start else 0.0


def guess(session: Session) -> float | None:
    """Return about how many seconds the work may take: half of what is offered, as people ask for more."""
    if session.phase not in _AT_WORK:
        return None
    for schedule in (session.schedule, session.compute.schedule if session.compute else None):
        if schedule and schedule.available and schedule.available.duration:
            return schedule.available.duration.total_seconds() / 2 or None
    return None


def _instants(schedule: Schedule) -> Iterator[datetime]:
    for window in (schedule.preparing, schedule.releasing):
        if window and window.start:
            yield window.start
            if window.duration and window.duration < _LAST - window.start:
                yield window.start + window.duration
    if schedule.available and schedule.available.start:
        yield schedule.available.start.end
