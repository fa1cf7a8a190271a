# SPDX-License-Identifier: Apache-2.0
"""One session that is being watched: what is known of it, and what to make of a look at it."""

import random
import time
from datetime import UTC, datetime

from eb_prefect.brokers.protocol import Broker, Noticing, Sight
from eb_prefect.errors import BrokerUnavailableError, EBError, UnknownSessionError
from eb_prefect.model.phase import FINAL, ComponentPhase
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import PhaseChange
from eb_prefect.watching import plan
from eb_prefect.watching.durations import Habit
from eb_prefect.watching.news import Changed, Lost, Settled, Tell

_ENDED = frozenset({None, ComponentPhase.COMPLETED, ComponentPhase.FAILED, ComponentPhase.CANCELLED})
_ODD_ANSWERS = 10
_LAG = 0.2


class Watched:
    """A session under watch; made by `Poller.watch`, and looked at by one hand at a time.

    The attributes without underscore are the lane's. ``turn`` is the entry
    that holds it, 0 while it is looked at. ``is_hurried`` asks for another
    look after that one, ``is_left`` for none. ``failed_at`` is how many
    answers the lane had had when this session got none, None since it got one.
    """

    __slots__ = (
        "_begins",
        "_broker",
        "_doubts",
        "_ended",
        "_failures",
        "_guess",
        "_habit",
        "_looked",
        "_looked_at",
        "_mark",
        "_pace",
        "_phase",
        "_planned",
        "_since",
        "_tell",
        "failed_at",
        "is_hurried",
        "is_left",
        "session",
        "turn",
    )

    def __init__(
        self, broker: Broker, session: Session, tell: Tell, habit: Habit, since: datetime | None = None
    ) -> None:
        self.session = session.uuid
        self.turn = 0
        self.is_hurried = False
        self.is_left = False
        self.failed_at: int | None = None
        self._broker = broker
        self._tell = tell
        self._habit = habit
        self._pace = habit.pace
        self._mark: bytes | None = None
        self._phase: str = session.phase
        self._looked, self._looked_at = datetime.now(UTC), time.monotonic()
        known = (self._looked - since).total_seconds() if since is not None else 0.0
        self._since = self._looked_at - max(known, 0.0)
        self._ended = self._looked_at if session.is_final else 0.0
        self._failures = self._doubts = 0
        self._keep_plan(session)

    def look(self) -> float | None:
        """Look once and tell what is new; return the seconds until the next look, None for no more.

        Raises
        ------
        BrokerUnavailableError
            There was no answer. `put_off` says when to look again.
        """
        try:
            sight = self._sight()
        except BrokerUnavailableError:
            raise
        except EBError as error:
            return self._doubted(error)
        self._failures = self._doubts = 0
        return self._seen(sight)

    def put_off(self, error: EBError) -> float:
        """Return when to look again after an answer that says nothing of the session."""
        self._failures += 1
        asked = error.retry_after if isinstance(error, BrokerUnavailableError) else None
        longest = min(self._pace.longest, 60.0)
        return (
            max(asked or 0.0, min(self._pace.shortest * 2.0 ** min(self._failures, 20), longest)) * _spread()
        )

    def lose(self, reason: BaseException) -> None:
        """Tell that there will be no more news."""
        if not self.is_left:
            self._tell(Lost(reason))

    def first_wait(self) -> float:
        """Return the seconds until the first look."""
        return self._pace.settle / 20 if self._ended else self._wait()

    def _sight(self) -> Sight | None:
        if isinstance(self._broker, Noticing):
            # what has ended is read whole: it is to be told once more when it has settled
            return self._broker.changed(self.session, None if self._ended else self._mark)
        return Sight(self._broker.session(self.session), b"")

    def _doubted(self, error: EBError) -> float | None:
        """Believe at once or after some such answers in a row that it is so."""
        tolerated = self._pace.doubts if isinstance(error, UnknownSessionError) else _ODD_ANSWERS
        if self._doubts < tolerated:
            self._doubts += 1
            return self.put_off(error)
        self.lose(error)
        return None

    def _seen(self, sight: Sight | None) -> float | None:
        now = datetime.now(UTC)
        if sight is not None:
            self._mark = sight.mark
            self._keep_plan(sight.session)
            if sight.session.phase != self._phase:
                self._change(sight.session, now)
            if self._has_settled(sight.session):
                self._say(Settled(sight.session))
                return None
        self._looked, self._looked_at = now, time.monotonic()
        return max(self._pace.settle / 20, self._pace.shortest) if self._ended else self._wait()

    def _change(self, session: Session, now: datetime) -> None:
        at = time.monotonic()
        self._habit.note(self._phase, (at + self._looked_at) / 2 - self._since)
        # the calendar may have been set back meanwhile
        change = PhaseChange(phase=session.phase, seen=now, after=min(self._looked, now))
        self._phase, self._since = session.phase, at
        self._ended = at if session.phase in FINAL else 0.0
        self._say(Changed(session, change))

    def _has_settled(self, session: Session) -> bool:
        if not self._ended:
            return False
        return components_ended(session) or time.monotonic() - self._ended >= self._pace.settle

    def _say(self, news: Changed | Settled) -> None:
        if not self.is_left:
            self._tell(news)

    def _keep_plan(self, session: Session) -> None:
        self._planned = plan.instants(session)
        self._begins = plan.begins(session)
        self._guess = plan.guess(session)

    def _wait(self) -> float:
        pace, age, now = self._pace, time.monotonic() - self._since, time.time()
        wait = self._habit.wait(self._phase, age, self._guess) * _spread()
        wait = max(wait, self._begins + _LAG - now)
        planned = next((at - now + _LAG for at in self._planned if at + _LAG > now), wait)
        return min(max(min(wait, planned), pace.shortest), pace.longest)


def components_ended(session: Session) -> bool:
    """Return whether no component of a session that has ended will change any more."""
    parts = (session.executable, session.compute, *session.storage, *session.data)
    return all(part is None or part.phase in _ENDED for part in parts)


def _spread() -> float:
    return random.uniform(0.9, 1.1)  # noqa: S311 - spreads load, keeps no secret
