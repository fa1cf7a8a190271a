# SPDX-License-Identifier: Apache-2.0
"""Following a session to its settled end, without doing the waiting.

`follow` yields how long to wait and is driven by whoever can wait: a
plain thread or an event loop.
"""

import random
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from time import monotonic
from typing import NamedTuple

from eb_prefect.brokers.protocol import Broker
from eb_prefect.errors import BrokerUnavailableError
from eb_prefect.model.phase import FINAL, ComponentPhase
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import PhaseChange

_ENDED = frozenset({None, ComponentPhase.COMPLETED, ComponentPhase.FAILED, ComponentPhase.CANCELLED})


class Pace(NamedTuple):
    """How often to look: after a share of the time a phase has lasted, within bounds in seconds.

    A share of 0.1 means that a change is known at most a tenth of the
    phase's length after it happened.
    """

    shortest: float = 0.002
    share: float = 0.1
    longest: float = 1.0
    settle: float = 10.0

    def delay(self, lasted: float) -> float:
        """Return the seconds to wait when the phase has lasted so long; spread by a tenth."""
        wait = min(max(lasted * self.share, self.shortest), self.longest)
        return wait * random.uniform(0.9, 1.1)  # noqa: S311 - spreads load, keeps no secret


def follow(
    broker: Broker,
    session: Session,
    *,
    seen: Callable[[Session, PhaseChange], None],
    last: str | None,
    pace: Pace,
) -> Generator[float, None, Session]:
    """Yield seconds to wait until the session is final and settled; return it then.

    ``seen`` hears of each phase once, in order; ``last`` is a phase it has
    heard of already. While the broker can't be reached the waiting goes on.

    Raises
    ------
    UnknownSessionError
        The broker lost the session.
    """
    looked: datetime | None = None
    since = monotonic()
    while True:
        now = datetime.now(UTC)
        if session.phase != last:
            last, since = session.phase, monotonic()
            seen(session, PhaseChange(phase=session.phase, seen=now, after=looked))
        if session.phase in FINAL:
            return (yield from _settled(broker, session, pace))
        looked = now
        yield pace.delay(monotonic() - since)
        session = yield from _look(broker, session.uuid, pace)


def _look(broker: Broker, session: str, pace: Pace) -> Generator[float, None, Session]:
    started = monotonic()
    while True:
        try:
            return broker.session(session)
        except BrokerUnavailableError:
            yield max(pace.delay(monotonic() - started), min(1.0, pace.longest))


def _settled(broker: Broker, session: Session, pace: Pace) -> Generator[float, None, Session]:
    """Components may go on changing after the session's end (release after FAILED)."""
    ended = monotonic()
    while not _components_ended(session) and monotonic() - ended < pace.settle:
        yield max(pace.shortest, pace.settle / 20)
        session = yield from _look(broker, session.uuid, pace)
    return session


def _components_ended(session: Session) -> bool:
    parts = (session.executable, session.compute, *session.storage, *session.data)
    return all(part is None or part.phase in _ENDED for part in parts)
