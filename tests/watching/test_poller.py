# SPDX-License-Identifier: Apache-2.0
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from eb_prefect.errors import (
    AccessDeniedError,
    BrokerUnavailableError,
    NotABrokerError,
    UnknownSessionError,
    UnusableAnswerError,
)
from eb_prefect.model.compute import SimpleCompute
from eb_prefect.model.parts import Schedule, Window
from eb_prefect.model.phase import FINAL
from eb_prefect.model.session import Session
from eb_prefect.pace import LOCAL, REMOTE, Pace
from eb_prefect.watching.durations import Durations, Habit
from eb_prefect.watching.news import Changed, Lost, News, Settled
from eb_prefect.watching.poller import Poller, default_poller
from tests.watching.answering import QUICK, Answering, Heard, Marked, at, through, watched


@pytest.mark.parametrize("kind", [Answering, Marked])
def test_each_phase_is_told_once_and_in_order(kind: type[Answering]) -> None:
    steps = ("ACCEPTED", "PREPARING", "PREPARING", "RUNNING", "RUNNING", "COMPLETED")
    heard = watched(kind(through(*steps)))
    assert heard.phases() == ["PREPARING", "RUNNING", "COMPLETED"]
    assert isinstance(heard.end(), Settled)
    assert [type(news) for news in heard.news] == [Changed, Changed, Changed, Settled]


def test_a_change_says_within_which_time_it_came() -> None:
    before = datetime.now(UTC)
    heard = watched(Answering(through("ACCEPTED", "ACCEPTED", "RUNNING", "COMPLETED")))
    heard.phases()
    changes = [news.change for news in heard.news if isinstance(news, Changed)]
    assert all(change.after is not None and before < change.after < change.seen for change in changes)
    assert changes[0].seen <= changes[1].after  # type: ignore[operator]  # shown in the line above


def test_a_final_session_is_told_when_its_components_have_ended() -> None:
    def answer(n: int) -> Session:
        phase = "COMPLETED" if n > 6 else "RELEASING"
        return at("FAILED", compute=SimpleCompute(phase=phase))

    broker = Answering(answer, QUICK._replace(settle=5.0))
    end = watched(broker).end()
    assert isinstance(end, Settled)
    assert end.session.compute is not None
    assert end.session.compute.phase == "COMPLETED"
    assert len(broker.looks) == 7


@pytest.mark.parametrize("kind", [Answering, Marked])
def test_components_that_never_end_are_not_waited_for_for_ever(kind: type[Answering]) -> None:
    broker = kind(lambda _: at("COMPLETED", compute=SimpleCompute(phase="AVAILABLE")))
    end = watched(broker).end()
    assert isinstance(end, Settled)
    assert end.session.compute is not None


def test_an_outage_loses_nothing_and_is_probed_less_and_less() -> None:
    gone = time.monotonic() + 0.5

    def answer(n: int) -> Session:
        if time.monotonic() < gone:
            raise BrokerUnavailableError("it", "is away")
        return at("COMPLETED")

    broker = Answering(answer, LOCAL._replace(longest=0.2))
    poller = Poller()
    many = [watched(broker, poller) for _ in range(50)]
    assert {heard.phases()[0] for heard in many} == {"COMPLETED"}
    assert sum(look < gone for look in broker.looks) < 20


def test_retry_after_is_honoured() -> None:
    def answer(n: int) -> Session:
        if n == 1:
            raise BrokerUnavailableError("it", "is busy", retry_after=0.5)
        return at("COMPLETED")

    broker = Answering(answer)
    watched(broker).end()
    assert broker.looks[1] - broker.looks[0] >= 0.45


def test_a_budget_bounds_the_requests_for_all_sessions() -> None:
    broker = Answering(lambda _: at("RUNNING"), LOCAL._replace(longest=0.01, budget=50.0))
    poller = Poller()
    leaves = [poller.watch(broker, at("RUNNING", str(n)), tell=print) for n in range(200)]
    started = time.monotonic()
    time.sleep(1.5)
    looks, lasted = len(broker.looks), time.monotonic() - started
    for leave in leaves:
        leave()
    assert 50 <= looks <= 50 * (lasted + 1.2)


def test_a_session_that_is_left_is_looked_at_no_more() -> None:
    broker = Answering(lambda _: at("RUNNING"))
    heard: list[News] = []
    leave = Poller().watch(broker, at("RUNNING"), tell=heard.append)
    while len(broker.looks) < 3:
        time.sleep(0.005)
    leave()
    leave()
    time.sleep(0.1)
    looks = len(broker.looks)
    time.sleep(0.1)
    assert (len(broker.looks), heard) == (looks, [])


def test_one_hand_serves_many_sessions_while_answers_are_quick() -> None:
    broker = Answering(lambda n: at("COMPLETED" if n > 2000 else "RUNNING"))
    poller = Poller()
    for heard in [watched(broker, poller) for _ in range(500)]:
        heard.phases()
    assert broker.most_at_once <= 2


def test_slow_answers_get_more_hands_up_to_a_bound() -> None:
    def answer(n: int) -> Session:
        time.sleep(0.1)
        return at("COMPLETED")

    broker = Answering(answer, QUICK._replace(hands=4))
    poller = Poller()
    started = time.monotonic()
    for heard in [watched(broker, poller) for _ in range(40)]:
        heard.phases()
    assert 2 <= broker.most_at_once <= 4
    assert time.monotonic() - started < 40 * 0.1 * 0.7


def test_a_broker_that_hangs_does_not_hold_up_another() -> None:
    release = threading.Event()

    def hang(n: int) -> Session:
        release.wait(10)
        return at("COMPLETED")

    poller = Poller()
    slow = watched(Answering(hang), poller)
    assert watched(Answering(through("COMPLETED")), poller).phases() == ["COMPLETED"]
    release.set()
    assert slow.phases() == ["COMPLETED"]


@pytest.mark.parametrize(
    ("error", "looks"),
    [
        (UnknownSessionError("it", "one"), 3),
        (UnusableAnswerError("it", "is odd"), 11),
        (AccessDeniedError("it", 401, "who are you"), 11),
        (NotABrokerError("it", "it redirects to a page to log in at"), 11),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_bad_answer_is_believed_after_some_more(error: Exception, looks: int) -> None:
    def answer(n: int) -> Session:
        raise error

    broker = Answering(answer, REMOTE._replace(shortest=0.001, longest=0.01, budget=1000.0))
    end = watched(broker).end()
    assert isinstance(end, Lost)
    assert end.reason is error
    assert len(broker.looks) == looks


def test_a_bad_answer_in_between_is_passed_over() -> None:
    def answer(n: int) -> Session:
        if n in (2, 3, 5):
            raise UnknownSessionError("it", "one")
        return at("COMPLETED" if n > 6 else "RUNNING")

    assert watched(Answering(answer, QUICK._replace(doubts=2))).phases() == ["RUNNING", "COMPLETED"]


def test_an_outage_before_it_makes_no_bad_answer_more_believable() -> None:
    def answer(n: int) -> Session:
        if n <= 5:
            raise BrokerUnavailableError("it", "restarts")
        if n <= 7:
            raise UnknownSessionError("it", "one")
        return at("COMPLETED")

    assert watched(Answering(answer, QUICK._replace(doubts=2))).phases() == ["COMPLETED"]


@pytest.mark.parametrize("phase", sorted(FINAL))
def test_every_final_phase_ends_the_watch(phase: str) -> None:
    end = watched(Answering(through("ACCEPTED", phase))).end()
    assert isinstance(end, Settled)
    assert end.session.phase == phase


def test_a_mistake_of_the_brokers_code_reaches_the_watcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)

    def answer(n: int) -> Session:
        raise ZeroDivisionError

    end = watched(Answering(answer)).end()
    assert isinstance(end, Lost)
    assert isinstance(end.reason, ZeroDivisionError)


def test_a_hint_is_followed_at_once() -> None:
    slow = Pace(price=0.0005, shortest=5.0, longest=60.0)
    broker, heard, poller = Answering(through("COMPLETED"), slow), Heard(), Poller()
    poller.watch(broker, at("RUNNING"), tell=heard)
    poller.hurry(broker, "one")
    assert heard.phases() == ["COMPLETED"]


class Calling(Answering):
    """Calls when it is told to; it knows who listens."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]  # those of the broker
        self.listeners: list[Callable[[str], None]] = []

    def listen(self, heard: Callable[[str], None]) -> Callable[[], None]:
        self.listeners.append(heard)
        return lambda: self.listeners.remove(heard)


SLOW = Pace(price=0.0005, shortest=5.0, longest=60.0)


def test_a_broker_that_pushes_is_listened_to() -> None:
    broker, heard = Calling(through("COMPLETED"), SLOW), Heard()
    Poller().watch(broker, at("RUNNING"), tell=heard)
    broker.listeners[0]("one")
    assert heard.phases() == ["COMPLETED"]


def test_a_broker_is_listened_to_once_and_only_while_a_session_of_it_is_watched() -> None:
    broker, heard, poller = Calling(through("COMPLETED"), SLOW), Heard(), Poller()
    poller.watch(broker, at("RUNNING"), tell=heard)
    leave = poller.watch(broker, at("RUNNING", "two"), tell=heard)
    (listener,) = broker.listeners
    leave()
    leave()
    assert broker.listeners == [listener]
    listener("one")
    heard.end()
    assert not broker.listeners


def test_before_its_planned_start_a_session_is_left_alone() -> None:
    start = datetime.now(UTC) + timedelta(seconds=0.6)
    schedule = Schedule(preparing=Window(start=start, duration=timedelta(seconds=0.1)))
    waiting = SimpleCompute(phase="WAITING", schedule=schedule)
    broker = Answering(
        lambda _: at("ACCEPTED", compute=waiting) if datetime.now(UTC) < start else at("COMPLETED"),
        Pace(price=1e-6, shortest=0.01, longest=5.0),
    )
    heard = Heard()
    Poller().watch(broker, at("ACCEPTED", compute=waiting), tell=heard)
    assert heard.phases() == ["COMPLETED"]
    assert len(broker.looks) <= 3


def test_a_planned_end_is_looked_at_when_it_comes() -> None:
    end = datetime.now(UTC) + timedelta(seconds=0.5)
    schedule = Schedule(releasing=Window(start=end))
    broker = Answering(
        lambda _: at("RUNNING" if datetime.now(UTC) < end else "COMPLETED", schedule=schedule),
        Pace(price=1e3, shortest=0.01, longest=60.0),
    )
    started = time.monotonic()
    heard = Heard()
    Poller().watch(broker, at("RUNNING", schedule=schedule), tell=heard)
    heard.phases()
    assert time.monotonic() - started < 5.0


def test_a_plan_beyond_the_calendar_is_none() -> None:
    end = datetime.max.replace(tzinfo=UTC)
    schedule = Schedule(preparing=Window(start=end - timedelta(days=1), duration=timedelta(days=9999)))
    heard = Heard()
    Poller().watch(Answering(through("COMPLETED")), at("RUNNING", schedule=schedule), tell=heard)
    assert heard.phases() == ["COMPLETED"]


def test_a_phase_that_was_seen_before_lasts_since_then() -> None:
    known, expected = Durations(), Durations()
    began, heard = datetime.now(UTC) - timedelta(seconds=600), Heard()
    Poller(known).watch(Answering(through("COMPLETED")), at("RUNNING"), tell=heard, since=began)
    heard.phases()
    expected.note("", "RUNNING", 600.0)
    waits = [Habit(each, "", LOCAL).wait("RUNNING", 1.0) for each in (known, expected)]
    assert waits[0] == pytest.approx(waits[1], rel=0.1)


def test_pollers_are_one_for_all_threads() -> None:
    with ThreadPoolExecutor(20) as pool:
        found = set(pool.map(lambda _: default_poller(), range(200)))
    assert len(found) == 1
