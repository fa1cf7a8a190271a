# SPDX-License-Identifier: Apache-2.0
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eb_prefect.watching.forecast import Forecast

lengths = st.lists(st.floats(0, 1e6), max_size=70)


@given(lengths, st.floats(0, 1e7), st.floats(1e-4, 10))
def test_the_next_look_is_always_ahead(seen: list[float], age: float, price: float) -> None:
    wait = Forecast(seen, price).wait(age)
    assert 0 < wait < math.inf


def test_without_a_history_looks_thin_out_with_the_age() -> None:
    waits = [Forecast([], 0.05).wait(age) for age in (1, 10, 100, 1000)]
    assert waits == sorted(waits)
    assert 0.2 < waits[0] < 0.5
    assert 5 < waits[3] < 20


def test_a_known_length_is_waited_for() -> None:
    known = Forecast([600, 590, 610, 605, 595, 600], 0.05)
    assert known.wait(10) > 10 * Forecast([], 0.05).wait(10)
    assert known.wait(600) < 10
    assert known.wait(300) < 300


def test_what_outlasts_its_history_is_looked_at_as_if_there_was_none() -> None:
    known, unknown = Forecast([60.0] * 10, 0.05), Forecast([], 0.05)
    assert known.wait(6000) == pytest.approx(unknown.wait(6000), rel=0.1)


def test_a_higher_price_means_fewer_looks() -> None:
    assert Forecast([], 0.2).wait(100) == pytest.approx(2 * Forecast([], 0.05).wait(100), rel=0.1)


def test_a_history_saves_looks_and_loses_no_time() -> None:
    draw = random.Random(3)
    history = [draw.lognormvariate(math.log(900), 0.2) for _ in range(40)]

    def watched(forecast: Forecast, length: float) -> tuple[float, int]:
        age, looks = 0.0, 0
        while age < length:
            age, looks = age + forecast.wait(age), looks + 1
        return age - length, looks

    ends = [draw.lognormvariate(math.log(900), 0.2) for _ in range(200)]
    with_it = [watched(Forecast(history, 0.05), end) for end in ends]
    without = [watched(Forecast([], 0.05), end) for end in ends]
    assert sum(looks for _, looks in with_it) < 0.6 * sum(looks for _, looks in without)
    assert sum(delay for delay, _ in with_it) < sum(delay for delay, _ in without)


def test_a_guess_saves_looks_until_there_is_a_history() -> None:
    guessed, unknown = Forecast([], 0.05, guess=600), Forecast([], 0.05)
    assert guessed.wait(10) > 2 * unknown.wait(10)
    assert guessed.wait(6000) == pytest.approx(unknown.wait(6000), rel=0.5)
    assert Forecast([60.0], 0.05, guess=600).wait(10) == Forecast([60.0], 0.05).wait(10)
