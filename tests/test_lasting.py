# SPDX-License-Identifier: Apache-2.0
import threading
import time
from collections.abc import Callable

from eb_prefect.lasting import Lasting


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not done():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_only_what_stands_is_acted_on() -> None:
    acted: list[str] = []
    lasting = Lasting(0.1)
    for text in ("first", "second", "third"):
        lasting.put("one", lambda text=text: acted.append(text))
    lasting.put("two", lambda: acted.append("dropped"))
    lasting.drop("two")
    until(lambda: bool(acted))
    assert acted == ["third"]


def test_parties_do_not_wait_for_each_other() -> None:
    acted: list[tuple[int, float]] = []
    lasting = Lasting(0.2)
    before, began = threading.active_count(), time.monotonic()
    for party in range(100):
        lasting.put(party, lambda party=party: acted.append((party, time.monotonic() - began)))
    assert threading.active_count() <= before + 2
    until(lambda: len(acted) == 100)
    assert [party for party, _ in acted] == list(range(100))
    assert acted[0][1] >= 0.2
    assert acted[-1][1] < 2


def test_it_serves_again_when_there_is_something_again() -> None:
    acted: list[str] = []
    lasting = Lasting(0.01)
    for text in ("once", "twice"):
        lasting.put("one", lambda text=text: acted.append(text))
        until(lambda text=text: text in acted)
    assert acted == ["once", "twice"]


def test_many_are_acted_on_one_after_the_other() -> None:
    acted: list[float] = []
    lasting = Lasting(0.0, rate=20.0)
    for party in range(5):
        lasting.put(party, lambda: acted.append(time.monotonic()))
    until(lambda: len(acted) == 5)
    assert acted[-1] - acted[0] >= 4 / 20.0


def test_an_act_that_fails_stops_no_other() -> None:
    acted: list[str] = []
    lasting = Lasting(0.05)

    def fail() -> None:
        raise ValueError

    lasting.put("one", fail)
    lasting.put("two", lambda: acted.append("two"))
    until(lambda: bool(acted))
    lasting.put("three", lambda: acted.append("three"))
    until(lambda: acted == ["two", "three"])
