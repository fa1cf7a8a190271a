# SPDX-License-Identifier: Apache-2.0
"""How soon the end of a session is known, against how many requests that takes.

    PYTHONPATH=. python -m tests.benchmarks.delay [SESSIONS]

A scripted broker serves a mix of sessions from seconds to hours, twenty at a
time, on a clock that runs thirty times as fast. The same sessions are watched
by three: ours, which begins without a history and learns as it goes, and
pollers that look every 2 s and every 5 s. All times are of the broker's
clock; the true ends are the broker's own.
"""

import sys
import threading
import time
from collections import deque
from functools import partial

import httpx

from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.model.session import Session
from eb_prefect.pace import REMOTE, Pace
from eb_prefect.watching.durations import likeness
from eb_prefect.watching.news import Changed, News
from eb_prefect.watching.poller import Poller
from eb_prefect.wire.dialect import Dialect
from tests.benchmarks.watching import begin, server

SPEED = 30
AT_A_TIME = 20
MIX = "cutout:20:0.5:0.5,imaging:300:0.4:0.3,mosaic:1800:0.35:0.15,calibration:7200:0.4:0.05"


def at_speed(pace: Pace) -> Pace:
    """Return the pace for a clock that runs so much faster."""
    scaled = {name: getattr(pace, name) / SPEED for name in ("price", "shortest", "longest", "settle")}
    return pace._replace(**scaled, budget=pace.budget * SPEED)


def fixed(seconds: float) -> Pace:
    return at_speed(REMOTE._replace(shortest=seconds, longest=seconds, budget=1e6))


class Watcher:
    """Watches sessions at a pace; counts its requests and keeps when it knew of each end."""

    def __init__(self, name: str, url: str, pace: Pace) -> None:
        self.name, self.pace = name, pace
        self.known: dict[str, float] = {}
        self.looks = 0
        self._broker = HTTPBroker(url, dialect=Dialect.B2, name=name)
        self._poller = Poller()
        broker = self._broker
        self.changed = broker.changed

    def watch(self, session: Session, done: threading.Semaphore) -> None:
        step = (session.executable.name if session.executable else None) or ""
        like = likeness(self._broker.identity, step, session.executable)
        tell = partial(self._hear, session.uuid, done)
        self._poller.watch(Counting(self), session, tell=tell, like=like, pace=self.pace)

    def _hear(self, uuid: str, done: threading.Semaphore, news: News) -> None:
        if isinstance(news, Changed) and news.session.is_final:
            self.known[uuid] = time.time()
        if not isinstance(news, Changed):
            done.release()


class Counting:
    """The broker of a watcher, with its looks counted."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self.identity = watcher._broker.identity
        self.session = watcher._broker.session

    def changed(self, session: str, mark: bytes | None) -> object:
        self._watcher.looks += 1
        return self._watcher.changed(session, mark)


def report(watchers: list[Watcher], ends: dict[str, float]) -> None:
    slowest = watchers[-1]
    print(f"{'':14} {'mean delay':>10} {'of the 5 s poll':>16} {'requests':>9} {'of the 5 s poll':>16}")
    delays = {
        each: sum(each.known[u] - ends[u] for u in each.known) / len(each.known) * SPEED for each in watchers
    }
    for each in watchers:
        print(
            f"{each.name:14} {delays[each]:8.2f} s {delays[each] / delays[slowest]:16.2f}"
            f" {each.looks / len(each.known):9.1f} {each.looks / slowest.looks:16.2f}"
        )


def main(count: int) -> None:
    with server("--durations", MIX, "--seed", "7", "--speed", str(SPEED)) as url:
        watchers = [
            Watcher("eb-prefect", url, at_speed(REMOTE)),
            Watcher("every 2 s", url, fixed(2.0)),
            Watcher("every 5 s", url, fixed(5.0)),
        ]
        room = {each: threading.Semaphore(AT_A_TIME) for each in watchers}
        waiting = deque(range(count))
        source = HTTPBroker(url, dialect=Dialect.B2)
        while waiting:
            for each in watchers:
                room[each].acquire()
            waiting.popleft()
            (uuid,) = begin(url, 1)
            session = source.session(uuid)
            for each in watchers:
                each.watch(session, room[each])
        for each in watchers:
            for _ in range(AT_A_TIME):
                room[each].acquire()
        report(watchers, httpx.get(f"{url}/-/ends", timeout=60).json())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
