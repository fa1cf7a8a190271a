# SPDX-License-Identifier: Apache-2.0
from datetime import timedelta

import pytest

from eb_prefect.choice.policies import POLICIES, policy_named, ranked, untold
from eb_prefect.errors import InvalidChoiceError
from tests.choice.values import METRICS, amount, candidate, cost

SPEED = f"{METRICS}:compute-performance"

CANDIDATES = (
    candidate("silent"),
    candidate("dear", costs=[cost("monetary", 0.5), cost("carbon", 5)], starts=timedelta(hours=1)),
    candidate(
        "cheap", near=0.2, costs=[cost("monetary", 0.1), cost("carbon", 25)], starts=timedelta(hours=2)
    ),
    candidate("quick", near=0.9, metrics=[amount(SPEED, 9)], costs=[cost("energy", 1)]),
)


@pytest.mark.parametrize(
    ("policy", "order"),
    [
        ("first", ["silent", "dear", "cheap", "quick"]),
        ("cheapest", ["cheap", "dear", "quick", "silent"]),
        ("greenest", ["dear", "cheap", "quick", "silent"]),
        ("fastest", ["quick", "dear", "cheap", "silent"]),
        ("soonest", ["dear", "cheap", "silent", "quick"]),
        ("nearest", ["quick", "cheap", "dear", "silent"]),
        ("monetary:1,carbon:0.02", ["dear", "cheap", "silent", "quick"]),
        ("monetary:1,carbon:0.01", ["cheap", "dear", "silent", "quick"]),
        ("near:-1", ["quick", "cheap", "silent", "dear"]),
    ],
)
def test_a_policy_has_its_order(policy: str, order: list[str]) -> None:
    assert [each.name for each in ranked(CANDIDATES, policy_named(policy))] == order


def test_every_policy_is_a_callable_that_returns_the_best() -> None:
    for name, policy in POLICIES.items():
        assert policy(CANDIDATES) is ranked(CANDIDATES, policy)[0], name


def test_a_cost_counts_by_its_most_and_performance_by_its_least() -> None:
    risky = candidate("risky", costs=[cost("monetary", 0, 9)], metrics=[amount(SPEED, 0, 9)])
    sure = candidate("sure", costs=[cost("monetary", 5)], metrics=[amount(SPEED, 5)])
    assert policy_named("cheapest")((risky, sure)) is sure
    assert policy_named("fastest")((risky, sure)) is sure


def test_what_is_the_same_in_all_comes_as_it_was_asked() -> None:
    alike = tuple(candidate(name, costs=[cost("monetary", 1)]) for name in "zyx")
    assert [each.name for each in ranked(alike, policy_named("cheapest"))] == ["z", "y", "x"]


def test_equal_prices_are_told_apart_by_the_start() -> None:
    late = candidate("late", costs=[cost("monetary", 1)], starts=timedelta(hours=2))
    soon = candidate("soon", costs=[cost("monetary", 1)], starts=timedelta(hours=1))
    assert policy_named("cheapest")((late, soon)) is soon


def test_a_plain_callable_is_a_policy() -> None:
    order = ranked(CANDIDATES, lambda given: given[2])
    assert [each.name for each in order] == ["cheap", "silent", "dear", "quick"]
    with pytest.raises(ValueError, match="none of the candidates"):
        ranked(CANDIDATES, lambda given: candidate("stranger"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cheepest", "did you mean cheapest"),
        ("", "there is first, cheapest"),
        ("monetary:much", "'much' is not a number"),
        ("monetary:1,", "is not a number"),
        ("monetary:nan", "'nan' is not a number"),
    ],
)
def test_a_policy_that_means_nothing_is_an_error_that_names_those_there_are(text: str, says: str) -> None:
    with pytest.raises(InvalidChoiceError, match=says):
        policy_named(text)


def test_a_policy_that_nobody_told_enough_for_is_found_out() -> None:
    silent = (candidate(), candidate(costs=[cost("carbon", 0)]))
    assert untold(silent, policy_named("cheapest")) == ("monetary",)
    assert untold(silent, policy_named("monetary:1,carbon:1")) == ("monetary",)
    assert untold(silent, policy_named("greenest")) == untold(silent, policy_named("first")) == ()
    assert untold(silent, lambda given: given[0]) == ()
