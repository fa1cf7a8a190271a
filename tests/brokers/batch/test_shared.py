# SPDX-License-Identifier: Apache-2.0
import pickle
import time
from collections.abc import Collection, Mapping

import pytest

from eb_prefect.brokers.batch.shared import Shared
from eb_prefect.errors import BrokerUnavailableError


class Counting:
    """Answers what it is asked, and counts; or does not answer."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.is_silent = False

    def __call__(self, handles: Collection[str]) -> Mapping[str, str]:
        self.asked.append(sorted(handles))
        if self.is_silent:
            raise BrokerUnavailableError("it", "no answer")
        return {handle: handle.upper() for handle in handles if handle != "lost"}


def test_many_handles_are_one_question() -> None:
    asking = Counting()
    shared = Shared(asking, 0.05)
    for handle in ("a", "b", "lost"):
        shared.about(handle)
    time.sleep(0.06)
    answers = [shared.about(handle) for handle in ("a", "b", "lost")]
    assert answers == [(True, "A"), (True, "B"), (True, None)]
    assert asking.asked == [["a"], ["a", "b", "lost"]]


def test_what_was_asked_before_a_handle_was_known_says_nothing_of_it() -> None:
    shared = Shared(Counting(), 60)
    shared.about("a")
    assert shared.about("b") == (False, None)


def test_silence_is_not_asked_again_at_once() -> None:
    asking = Counting()
    asking.is_silent = True
    shared = Shared(asking, 60)
    for _ in range(3):
        with pytest.raises(BrokerUnavailableError):
            shared.about("a")
    assert len(asking.asked) == 1


def test_nothing_is_asked_about_what_is_forgotten() -> None:
    asking = Counting()
    shared = Shared(asking, 0.0)
    shared.about("a")
    shared.forget("a")
    shared.about("b")
    assert asking.asked[-1] == ["b"]


def test_a_copy_starts_anew() -> None:
    shared = Shared(sorted_upper, 60)
    shared.about("a")
    assert pickle.loads(pickle.dumps(shared)).about("b") == (True, "B")


def sorted_upper(handles: Collection[str]) -> Mapping[str, str]:
    return {handle: handle.upper() for handle in handles}
