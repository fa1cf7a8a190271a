# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from eb_prefect.choice.candidate import Candidate
from eb_prefect.choice.likeness import like
from eb_prefect.model.compute import SimpleCompute
from eb_prefect.model.parts import Message, Range
from eb_prefect.model.session import OfferSet
from tests.choice.values import NOW, candidate, cost, offer

LATER = NOW + timedelta(minutes=10)
TWO, FOUR = (SimpleCompute(cores=Range(min=n, max=n)) for n in (2, 4))


def wanted(**parts: Any) -> Candidate:
    return candidate("alpha", **parts)


def found(one: Candidate, **parts: Any) -> bool:
    """Whether what the same broker offers ten minutes later is like that one."""
    other = replace(candidate("later", **parts), place=one.place)
    return like(one, NOW, [other], LATER) is other


@pytest.mark.parametrize(
    ("price", "is_like"), [(3.0, True), (3.1, True), (2.9, True), (3.2, False), (1.5, False)]
)
def test_it_costs_what_it_did(price: float, is_like: bool) -> None:
    assert found(wanted(costs=(cost("monetary", 3.0),)), costs=(cost("monetary", price),)) is is_like


def test_a_cost_is_told_as_it_was() -> None:
    assert not found(wanted(costs=(cost("monetary", 3.0),)))


@pytest.mark.parametrize(("minutes", "is_like"), [(70, True), (30, True), (75, False)])
def test_nobody_waits_longer(minutes: int, is_like: bool) -> None:
    """Ten minutes later an offer that starts in an hour starts ten minutes later."""
    assert found(wanted(starts=timedelta(hours=1)), starts=timedelta(minutes=minutes)) is is_like


def test_the_resources_are_the_same() -> None:
    assert found(wanted(compute=TWO), compute=TWO)
    assert not found(wanted(compute=TWO), compute=FOUR)


def test_another_broker_makes_no_offer_that_is_like_it() -> None:
    assert like(wanted(), NOW, [candidate("beta")], LATER) is None


def test_what_the_broker_said_of_this_offer_only_it_still_says() -> None:
    queues = [
        offer(name, messages=(Message(message=f"queue {name}"), Message(message="ours"))) for name in "ab"
    ]
    made = OfferSet(result="YES", offers=tuple(queues))
    one, two = (replace(wanted(), offer=each, offers=made) for each in queues)
    assert like(one, NOW, [two, one], LATER) is one
