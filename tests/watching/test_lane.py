# SPDX-License-Identifier: Apache-2.0
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from eb_prefect.errors import BrokerUnavailableError
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import BrokerIdentity
from eb_prefect.pace import LOCAL
from eb_prefect.watching.durations import Durations, Habit
from eb_prefect.watching.lane import Lane
from eb_prefect.watching.news import News
from eb_prefect.watching.poller import Poller
from eb_prefect.watching.watched import Watched
from tests.watching.answering import QUICK, Answering, Heard, at, through


class Named:
    """A broker that answers each session by its name."""

    identity = BrokerIdentity(kind="test", name="named")
    pace = QUICK

    def __init__(self) -> None:
        self.looks: dict[str, list[float]] = {}

    def session(self, session: str) -> Session:
        looks = self.looks.setdefault(session, [])
        looks.append(time.monotonic())
        return self.answer(session, len(looks))

    def answer(self, session: str, n: int) -> Session:
        raise NotImplementedError


@pytest.fixture
def hurried_threads() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def no_more_threads() -> Iterator[None]:
    before = threading.stack_size(1 << 45)
    yield
    threading.stack_size(before)


def put(lane: Lane, tell: Heard) -> None:
    habit = Habit(Durations(), "", LOCAL._replace(settle=0.0))
    lane.put(Watched(Answering(through("COMPLETED")), at("COMPLETED"), tell, habit))


@pytest.mark.usefixtures("hurried_threads")
def test_what_comes_while_the_last_hand_leaves_is_looked_at() -> None:
    lane = Lane(LOCAL, "leaving", idle=0.0)
    for _ in range(2000):
        heard = Heard()
        put(lane, heard)
        assert heard.done.wait(5)


def test_hands_leave_when_there_is_nothing_to_watch() -> None:
    lane, heard = Lane(LOCAL, "ending", idle=0.05), Heard()
    put(lane, heard)
    assert heard.done.wait(5)
    until = time.monotonic() + 10
    while any(thread.name == "eb-watch ending" for thread in threading.enumerate()):
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.usefixtures("no_more_threads")
def test_a_session_is_not_watched_in_silence_where_there_is_no_thread_for_it() -> None:
    lane, heard = Lane(LOCAL, "alone"), Heard()
    with pytest.raises(RuntimeError, match="thread"):
        put(lane, heard)
    threading.stack_size(0)
    later = Heard()
    put(lane, later)
    assert later.done.wait(5)
    assert not heard.news


def test_one_hand_does_it_all_where_there_are_no_more_threads() -> None:
    lane, heard = Lane(LOCAL, "single"), [Heard() for _ in range(20)]
    put(lane, heard[0])
    before = threading.stack_size(1 << 45)
    try:
        for each in heard[1:]:
            put(lane, each)
        assert all(each.done.wait(5) for each in heard)
    finally:
        threading.stack_size(before)


def test_a_session_that_is_never_answered_does_not_hold_up_others() -> None:
    class Sick(Named):
        def answer(self, session: str, n: int) -> Session:
            if session == "sick":
                raise BrokerUnavailableError("it", "is odd", retry_after=0.2)
            return at("RUNNING", session)

    broker, poller = Sick(), Poller()
    leaves = [
        poller.watch(broker, at("RUNNING", name), tell=list[News]().append)
        for name in ("sick", "well", "fit")
    ]
    while len(broker.looks.get("sick", ())) < 6:
        time.sleep(0.01)
    for leave in leaves:
        leave()
    second = broker.looks["sick"][1]
    gaps = [later - sooner for sooner, later in pairwise(broker.looks["well"]) if sooner > second]
    assert max(gaps) < 0.15


def test_after_an_outage_a_slow_answer_does_not_hold_up_others() -> None:
    back, release = time.monotonic() + 0.3, threading.Event()

    class Slow(Named):
        def answer(self, session: str, n: int) -> Session:
            if time.monotonic() < back:
                raise BrokerUnavailableError("it", "is away")
            if session == "slow":
                release.wait(10)
            return at("COMPLETED", session)

    broker, poller, heard = Slow(), Poller(), Heard()
    poller.watch(broker, at("RUNNING", "slow"), tell=list[News]().append)
    poller.watch(broker, at("RUNNING", "quick"), tell=heard)
    assert heard.done.wait(3)
    release.set()


def test_a_watcher_that_raises_loses_its_own_session_only(monkeypatch: pytest.MonkeyPatch) -> None:
    raised = threading.Semaphore(0)
    monkeypatch.setattr(threading, "excepthook", lambda _: raised.release())

    def tell(news: News) -> None:
        raise ZeroDivisionError

    broker, poller, heard = Answering(through("COMPLETED")), Poller(), Heard()
    for n in range(20):
        poller.watch(broker, at("RUNNING", f"raising {n}"), tell=tell)
    poller.watch(broker, at("RUNNING"), tell=heard)
    assert heard.phases() == ["COMPLETED"]
    assert all(raised.acquire(timeout=5) for _ in range(20))  # while the hook is ours
