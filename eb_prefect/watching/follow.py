# SPDX-License-Identifier: Apache-2.0
"""Following a session to its settled end, without doing the waiting.

`follow` yields what to wait for and is driven by whoever can wait: a plain
thread or an event loop.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from eb_prefect.brokers.protocol import Broker
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import PhaseChange
from eb_prefect.watching.news import Changed, Lost, News, Settled, Tell
from eb_prefect.watching.watched import components_ended


class Wait(NamedTuple):
    """What to wait for: an arrival, but for no longer than so many seconds."""

    seconds: float | None = None
    arrival: "Future[None] | None" = None


class Watch(Protocol):
    """Watches a session and tells of it; what it returns ends it."""

    def __call__(
        self, broker: Broker, session: Session, *, tell: Tell, since: datetime
    ) -> Callable[[], None]:
        """See `Poller.watch`."""
        ...


class Mailbox:
    """News of one session, from the thread of a poller to whoever follows it."""

    def __init__(self) -> None:
        self._news: deque[News] = deque()
        self._arrival: Future[None] | None = None
        self._lock = threading.Lock()

    def post(self, news: News) -> None:
        """Put news in and end the wait for it."""
        with self._lock:
            self._news.append(news)
            waiting, self._arrival = self._arrival, None
        if waiting is not None and waiting.set_running_or_notify_cancel():
            waiting.set_result(None)

    def take(self) -> News | None:
        """Return the oldest news, None if there is nothing new."""
        return self._news.popleft() if self._news else None

    def arrival(self) -> "Future[None]":
        """Return what is done as soon as there is news."""
        with self._lock:
            waiting = self._arrival = Future()
            if self._news:
                self._arrival = None
                waiting.set_result(None)
            return waiting


def follow(
    broker: Broker,
    session: Session,
    *,
    watch: Watch,
    seen: Callable[[Session, PhaseChange], None],
    last: PhaseChange | None,
) -> Generator[Wait, None, Session]:
    """Yield what to wait for until the session is final and settled; return it then.

    ``watch`` is `Poller.watch`, told of the session's kind and pace or not.
    ``seen`` hears of each phase once, in order; ``last`` is what it has heard
    of already. While the broker can't be reached the waiting goes on.

    Raises
    ------
    UnknownSessionError
        The broker lost the session.
    UnusableAnswerError
        The broker gave many answers in a row that can't be used.
    EBError
        It gave another error as often, as where it does not let this user see the session any more.
    """
    looked = datetime.now(UTC)
    since = looked if last is None else last.seen
    if last is None or last.phase != session.phase:
        since += (looked - since) / 2  # it may have changed at any time while nobody looked
        seen(session, PhaseChange(phase=session.phase, seen=looked))
    if session.is_final and components_ended(session):
        return session
    mailbox = Mailbox()
    leave = watch(broker, session, tell=mailbox.post, since=since)
    del session  # who waits holds no more of it than it has to
    try:
        while True:
            match mailbox.take():
                case None:
                    yield Wait(arrival=mailbox.arrival())
                case Changed() as news:
                    seen(*news)
                    del news
                case Settled(final):
                    return final
                case Lost(reason):
                    raise reason
    finally:
        leave()
