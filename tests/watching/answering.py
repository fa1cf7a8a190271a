# SPDX-License-Identifier: Apache-2.0
"""Brokers that answer what a test says, and watchers that keep what they hear."""

import threading
import time
from collections.abc import Callable

from eb_prefect.brokers.protocol import Sight
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import BrokerIdentity
from eb_prefect.pace import LOCAL, Pace
from eb_prefect.watching.news import Changed, News
from eb_prefect.watching.poller import Poller

QUICK = LOCAL._replace(longest=0.02, settle=0.05)


class Answering:
    """A broker whose sessions are what a function says; it counts the looks."""

    def __init__(self, answer: Callable[[int], Session], pace: Pace = QUICK, name: str = "one") -> None:
        self.answer = answer
        self.pace = pace
        self.looks: list[float] = []
        self.threads: set[int] = set()
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        self.identity = BrokerIdentity(kind="test", name=f"{name} {id(self)}")

    def session(self, session: str) -> Session:
        with self._lock:
            self.looks.append(time.monotonic())
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.threads.add(threading.get_ident())
        try:
            return self.answer(len(self.looks))
        finally:
            with self._lock:
                self.at_once -= 1


class Marked(Answering):
    def changed(self, session: str, mark: bytes | None) -> Sight | None:
        now = self.session(session)
        return None if mark == now.phase.encode() else Sight(now, now.phase.encode())


class Heard:
    def __init__(self) -> None:
        self.news: list[News] = []
        self.done = threading.Event()

    def __call__(self, news: News) -> None:
        self.news.append(news)
        if not isinstance(news, Changed):
            self.done.set()

    def phases(self) -> list[str]:
        assert self.done.wait(10), self.news
        return [str(news.change.phase) for news in self.news if isinstance(news, Changed)]

    def end(self) -> News:
        assert self.done.wait(10), self.news
        return self.news[-1]


def at(phase: str, uuid: str = "one", **more: object) -> Session:
    return Session(uuid=uuid, phase=phase, **more)


def through(*phases: str) -> Callable[[int], Session]:
    return lambda n: at(phases[min(n, len(phases)) - 1])


def watched(broker: Answering, poller: Poller | None = None) -> Heard:
    heard = Heard()
    (poller or Poller()).watch(broker, at("ACCEPTED"), tell=heard)
    return heard
