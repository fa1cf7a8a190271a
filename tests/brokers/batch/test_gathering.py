# SPDX-License-Identifier: Apache-2.0
import pickle
import threading
import time
from collections.abc import Sequence

import pytest

from eb_prefect.brokers.batch.gathering import Gathering


class Doing:
    """Notes what it is given at once, and takes its time."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.rounds: list[list[int]] = []
        self._seconds = seconds

    def __call__(self, items: Sequence[int]) -> None:
        self.rounds.append(list(items))
        time.sleep(self._seconds)
        if -1 in items:
            raise ValueError("minus one")


def test_one_alone_is_done_soon() -> None:
    doing = Doing()
    begun = time.monotonic()
    Gathering(doing, 0.02, 60.0).put(1).result()
    assert (doing.rounds, time.monotonic() - begun < 5) == ([[1]], True)


def test_what_comes_at_once_is_done_at_once() -> None:
    doing = Doing()
    gathering = Gathering(doing, 0.5, 0.5)
    for place in [gathering.put(n) for n in range(100)]:
        place.result()
    assert doing.rounds == [list(range(100))]


def test_what_keeps_coming_is_a_few_rounds_in_order() -> None:
    doing = Doing(0.01)
    gathering = Gathering(doing, 0.02, 1.0)
    places = []
    for n in range(200):
        places.append(gathering.put(n))
        time.sleep(0.01)
    for place in places:
        place.result()
    assert [n for some in doing.rounds for n in some] == list(range(200))
    assert len(doing.rounds) <= 12


def test_a_pause_between_two_does_not_begin_anew() -> None:
    doing = Doing()
    gathering = Gathering(doing, 0.02, 60.0)
    for n in range(8):
        gathering.put(n)
        time.sleep(0.1)
    gathering.put(8).result()
    assert len(doing.rounds) < 9


def test_an_error_is_everybody_s_whose_item_was_there() -> None:
    gathering = Gathering(Doing(), 0.2, 0.2)
    places = [gathering.put(n) for n in (1, -1)]
    for place in places:
        with pytest.raises(ValueError, match="minus one"):
            place.result()
    gathering.put(2).result()


def test_it_has_a_thread_only_as_long_as_it_has_to_do() -> None:
    gathering = Gathering(Doing(0.05), 0.01, 0.01)
    gathering.put(1).result()
    end = time.monotonic() + 20
    while any(thread.name == "eb submitting" for thread in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_it_can_be_pickled() -> None:
    again = pickle.loads(pickle.dumps(Gathering(print, 0.1, 0.2)))
    again.put("x").result()
