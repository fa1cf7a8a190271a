# SPDX-License-Identifier: Apache-2.0
import os
import signal
import subprocess
import sys
import time
from threading import Barrier
from typing import Any

import pytest

from eb_prefect.choice.ask import ask
from eb_prefect.choice.candidate import Place
from eb_prefect.choice.constraints import constraints
from eb_prefect.choice.nearness import Site
from eb_prefect.choice.policies import cheapest
from eb_prefect.errors import (
    AccessDeniedError,
    BrokerUnavailableError,
    EBError,
    InvalidRequestError,
    NoOfferError,
)
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet
from eb_prefect.testing.faults import Faults
from eb_prefect.testing.scripted import ScriptedBroker
from tests.choice.values import REQUEST, PricedBroker

AWAY = BrokerUnavailableError("b", "it is away", retry_after=7.0)
DENIED = AccessDeniedError("c", 401, "who are you")


def places(*brokers: ScriptedBroker) -> list[Place]:
    return [Place(broker, name) for broker, name in zip(brokers, "abcdef", strict=False)]


def test_each_broker_has_its_own_outcome() -> None:
    asked = ask(
        places(PricedBroker(0.5, 0.1), PricedBroker(error=AWAY), ScriptedBroker(refusal=["no", "room"])),
        REQUEST,
    )
    assert [each.title for each in asked.candidates] == ["a offer 1", "a offer 2"]
    assert asked.refusals == (("c", ("no", "room")),)
    assert asked.failures == (("b", AWAY),)


class Meeting(PricedBroker):
    """Answers only when others are being asked at the same time."""

    def __init__(self, barrier: Barrier) -> None:
        super().__init__(1.0)
        self.barrier = barrier

    def request_offers(self, request: ExecutionRequest) -> OfferSet:
        self.barrier.wait(timeout=20)
        return super().request_offers(request)


def test_brokers_are_asked_at_the_same_time() -> None:
    barrier = Barrier(5)
    asked = ask(places(*(Meeting(barrier) for _ in range(5))), REQUEST)
    assert len(asked.candidates) == 5


def test_a_slow_broker_keeps_nobody_waiting_longer_than_was_agreed() -> None:
    began = time.monotonic()
    asked = ask(places(PricedBroker(0.5), PricedBroker(0.1, seconds=30)), REQUEST, within=0.3)
    assert time.monotonic() - began < 5
    assert [each.name for each in asked.candidates] == ["a"]
    ((name, error),) = asked.failures
    assert (name, str(error)) == (
        "b",
        "b can't be reached: it has not answered within 0.3 s; try again later",
    )


def test_yes_without_an_open_offer_is_a_refusal() -> None:
    class Empty(ScriptedBroker):
        def request_offers(self, request: ExecutionRequest) -> OfferSet:
            return OfferSet(result="YES")

    asked = ask(places(Empty()), REQUEST)
    assert asked.refusals == (("a", ()),)
    assert str(asked.trouble()) == "a makes no offer: it gave no reason"


def test_an_error_of_the_program_itself_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        ask(places(PricedBroker(0.5), PricedBroker(error=ZeroDivisionError())), REQUEST)


def test_nobody_asked_is_no_offer() -> None:
    with pytest.raises(NoOfferError):
        _ = ask([], REQUEST).best


def test_more_brokers_than_hands_are_all_asked() -> None:
    assert len(ask([PricedBroker(1.0) for _ in range(70)], REQUEST).candidates) == 70


def test_the_best_offer_meets_the_constraints() -> None:
    asked = ask(places(PricedBroker(0.5, 0.1), PricedBroker(0.2, 0.05)), REQUEST)
    best = asked.meeting(constraints("monetary >= 0.1")).ranked(cheapest).best
    assert best.title == "a offer 2"


def test_why_no_offer_meets_the_constraints_is_told_for_each() -> None:
    asked = ask(places(PricedBroker(0.5, 0.1), PricedBroker(error=AWAY)), REQUEST)
    with pytest.raises(NoOfferError) as told:
        _ = asked.meeting(constraints("monetary <= 0.05")).best
    assert told.value.reasons == (
        "a offer 1: monetary 0.5 is not <= 0.05, by 0.45",
        "a offer 2: monetary 0.1 is not <= 0.05, by 0.05",
        "b can't be reached: it is away; try again later",
    )


@pytest.mark.parametrize(
    ("brokers", "error", "says"),
    [
        ([{"error": AWAY}], BrokerUnavailableError, "it is away"),
        ([{"error": DENIED}], AccessDeniedError, "who are you"),
        ([{"error": InvalidRequestError("it", [])}], InvalidRequestError, "it"),
        ([{"error": AWAY}, {"error": DENIED}], BrokerUnavailableError, "who are you"),
        ([{"error": DENIED}, {"error": DENIED}], NoOfferError, "b: c denies"),
        ([{"error": AWAY}, {"refusal": ["full"]}], NoOfferError, "b: full"),
    ],
)
def test_without_an_offer_the_error_tells_what_may_help(
    brokers: list[dict[str, Any]], error: type[EBError], says: str
) -> None:
    with pytest.raises(error, match=says):
        _ = ask(places(*(PricedBroker(**given) for given in brokers)), REQUEST).best


def test_the_wait_that_a_broker_asks_for_is_passed_on() -> None:
    trouble = ask(places(PricedBroker(error=AWAY), PricedBroker(error=DENIED)), REQUEST).trouble()
    assert isinstance(trouble, BrokerUnavailableError)
    assert trouble.retry_after == 7.0


def test_nearness_is_judged_at_each_broker_s_site() -> None:
    data = {"kind": "data/skao-data-resource", "name": "d", "skao": {"replicas": [{"rsename": "SPSRC_X"}]}}
    request = ExecutionRequest.model_validate({**REQUEST.neutral(), "data": [data]})
    here, there = Site("SPSRC"), Site("CHSRC")
    asked = ask([Place(ScriptedBroker(), "a", here), Place(ScriptedBroker(), "b", there)], request)
    assert [each.near for each in asked.candidates] == [1.0, 0.0]


SLOW = """
import sys
from eb_prefect.choice.ask import ask
from tests.choice.values import REQUEST, PricedBroker
print("asking", flush=True)
asked = ask([PricedBroker(1.0), PricedBroker(1.0, seconds=60)], REQUEST, within={within})
print(len(asked.candidates), flush=True)
"""


def test_who_has_not_answered_keeps_no_program_from_ending() -> None:
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", SLOW.format(within=2)], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"asking\n1\n", b"")
    assert time.monotonic() - began < 30


def test_a_person_can_interrupt_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLOW.format(within=60)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.5)
        began = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert b"KeyboardInterrupt" in said
    assert time.monotonic() - began < 10


def test_an_offer_that_is_made_twice_counts_once() -> None:
    broker = ScriptedBroker(faults=Faults(duplicate_offers=True))
    assert len(broker.request_offers(REQUEST).offers) > 1
    assert len(ask([broker], REQUEST).candidates) == 1
