# SPDX-License-Identifier: Apache-2.0
"""One poller for all sessions that a process watches, whatever their brokers."""

import os
import threading
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from eb_prefect.brokers.protocol import Broker, Pushing
from eb_prefect.home import home
from eb_prefect.model.session import Session
from eb_prefect.pace import Pace, pace_of
from eb_prefect.watching.durations import Durations, Habit
from eb_prefect.watching.ears import Ears
from eb_prefect.watching.lane import Lane
from eb_prefect.watching.news import Changed, News, Tell
from eb_prefect.watching.watched import Watched


class Poller:
    """Watches sessions and tells of them; ten thousand cost no more threads than ten.

    What it learns of how long phases last is kept in ``durations``. Objects
    for the same broker share its request budget, which is that of the first.
    """

    def __init__(self, durations: Durations | None = None) -> None:
        self._durations = durations or Durations()
        self._lanes: dict[str, Lane] = {}
        self._ears = Ears()
        self._lock = threading.Lock()

    def watch(  # noqa: PLR0913 -- each is one thing that is known of a session
        self,
        broker: Broker,
        session: Session,
        *,
        tell: Tell,
        since: datetime | None = None,
        like: str = "",
        pace: Pace | None = None,
    ) -> Callable[[], None]:
        """Watch a session, of which ``session`` is known, until there is no more to tell.

        Returns what ends it earlier; the session itself goes on. ``tell`` gets
        each change of phase in order, then `Settled`; or `Lost` as the last.
        It is called from a thread of the poller, which waits for it: it should
        be quick. ``since`` is when the session was first seen in its phase,
        now unless it is given. ``like`` is shared by sessions that are likely
        to last as long, see `eb_prefect.watching.durations.likeness`.
        """
        at = pace or pace_of(broker)
        lane = self._lane(broker, at)
        end = self._ears.listen(broker, lane.hurry) if isinstance(broker, Pushing) else _nothing
        told = partial(_tell, tell, end)
        watched = Watched(broker, session, told, Habit(self._durations, like, at), since)
        lane.put(watched)
        return partial(_leave, lane, watched, end)

    def hurry(self, broker: Broker, session: str) -> None:
        """Look at a session now: whoever was called back by a broker says so here."""
        self._lane(broker, pace_of(broker)).hurry(session)

    def usual(self, like: str, phase: str) -> float | None:
        """Return how many seconds a phase of such sessions mostly lasts, None if none was seen."""
        return self._durations.usual(like, phase)

    def _lane(self, broker: Broker, pace: Pace) -> Lane:
        where = broker.identity
        name = f"{where.kind} {where.url or where.name}"
        with self._lock:
            if name not in self._lanes:
                self._lanes[name] = Lane(pace, name)
            return self._lanes[name]


def _tell(tell: Tell, end: Callable[[], None], news: News) -> None:
    if not isinstance(news, Changed):
        end()
    tell(news)


def _leave(lane: Lane, watched: Watched, end: Callable[[], None]) -> None:
    lane.drop(watched)
    end()


def _nothing() -> None:
    """Do nothing to end what was not begun."""


_pollers: dict[tuple[int, Path], Poller] = {}


def default_poller() -> Poller:
    """Return this process's poller below `home`; it learns from what earlier processes saw.

    A process that is forked off gets one of its own, as threads are not
    forked.
    """
    directory = home() / "durations"
    return _pollers.setdefault((os.getpid(), directory), Poller(Durations(directory)))
