# SPDX-License-Identifier: Apache-2.0
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from eb_prefect.testing.clock import Calendar, Clock, FastClock


def test_a_clock_stands_until_it_is_advanced() -> None:
    clock = Clock(5.0)
    assert clock() == clock() == 5.0
    clock.advance(2.5)
    assert clock() == 7.5


def test_a_clock_never_goes_back() -> None:
    with pytest.raises(ValueError, match="can't be advanced"):
        Clock().advance(-1)


def test_many_threads_may_advance_a_clock() -> None:
    clock = Clock()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(clock.advance, [1.0] * 1000))
    assert clock() == 1000.0


def test_whoever_follows_is_called_until_it_leaves() -> None:
    clock, heard = Clock(), []
    leave = clock.follow(lambda: heard.append(clock()))
    clock.advance(1)
    leave()
    leave()
    clock.advance(1)
    assert heard == [1.0]


def test_a_fast_clock_runs_by_itself() -> None:
    clock, began = FastClock(1000), time.monotonic()
    while time.monotonic() - began < 0.02:
        time.sleep(0.005)
    assert 20.0 <= clock() <= (time.monotonic() - began + 0.001) * 1000


def test_the_calendar_tells_real_time() -> None:
    clock = Clock()
    clock.factor = 60.0
    calendar = Calendar(clock)
    assert calendar.moment(3600) - calendar.moment(0) == timedelta(minutes=1)
    assert calendar.length(60) == timedelta(seconds=1)
