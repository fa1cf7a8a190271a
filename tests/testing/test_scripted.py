# SPDX-License-Identifier: Apache-2.0
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from eb_prefect.errors import BrokerUnavailableError, OfferGoneError, OutputGoneError
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.testing.clock import Clock
from eb_prefect.testing.scripted import ScriptedBroker
from eb_prefect.testing.terms import Terms, costs, metrics
from tests.testing.speaking import LONG

REQUEST = ExecutionRequest(name="cut", executable=Program(command=("true",)))


def test_several_offers_differ_in_their_terms() -> None:
    terms = [Terms(costs=costs(monetary=0.2, energy=0.1)), Terms(metrics=metrics(io_throughput=100.0))]
    dear, fast = ScriptedBroker(offers=terms).request_offers(REQUEST).offers
    assert {cost.type: cost.min for cost in dear.costs} == {
        "urn:ivoa:calycopis:cost:monetary": 0.2,
        "urn:ivoa:calycopis:cost:energy": 0.1,
    }
    assert [metric.type for metric in fast.metrics] == ["urn:ivoa:calycopis:metric:io-throughput"]
    assert [dear.name, fast.name] == ["cut-offer-0", "cut-offer-1"]


def test_accepting_one_offer_rejects_the_others() -> None:
    broker = ScriptedBroker(offers=[Terms(), Terms(), Terms()])
    first, second, third = broker.request_offers(REQUEST).offers
    broker.accept(second.uuid)
    assert {broker.session(offer.uuid).phase for offer in (first, third)} == {"REJECTED"}
    with pytest.raises(OfferGoneError):
        broker.accept(first.uuid)


def test_accepts_at_the_same_time_begin_one_session() -> None:
    broker = ScriptedBroker(LONG)
    offer = broker.request_offers(REQUEST).offers[0].uuid
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: broker.accept(offer), range(200)))
    assert broker.runs == 1


def test_no_session_begins_before_its_planned_start() -> None:
    clock = Clock()
    broker = ScriptedBroker(LONG, clock=clock, offers=[Terms(starts_in=60, lasts=600)])
    offer = broker.request_offers(REQUEST).offers[0]
    assert offer.schedule.available.duration == timedelta(minutes=10)
    assert offer.schedule.preparing.start - offer.created == timedelta(minutes=1)
    assert broker.accept(offer.uuid).phase == "ACCEPTED"
    clock.advance(60)
    assert broker.session(offer.uuid).phase == "PREPARING"


def test_each_session_may_have_a_script_of_its_own() -> None:
    def script(request: ExecutionRequest) -> list[tuple[float, str]]:
        return [(0.0, "FAILED" if request.name == "bad" else "COMPLETED")]

    broker = ScriptedBroker(script)
    names = ("good", "bad")
    offers = [broker.request_offers(REQUEST.model_copy(update={"name": name})).offers[0] for name in names]
    assert [broker.accept(offer.uuid).phase for offer in offers] == ["COMPLETED", "FAILED"]


def test_refusals_and_offers_may_depend_on_the_request() -> None:
    broker = ScriptedBroker(
        refusal=lambda request: ["no"] if request.name == "bad" else [], offers=lambda _: [Terms()] * 4
    )
    assert len(broker.request_offers(REQUEST).offers) == 4
    bad = broker.request_offers(REQUEST.model_copy(update={"name": "bad"}))
    assert (bad.result, [message.text for message in bad.messages]) == ("NO", ["no"])


def test_parts_settle_after_the_session() -> None:
    clock = Clock()
    broker = ScriptedBroker(LONG, clock=clock, settling=5.0)
    session = broker.accept(broker.request_offers(REQUEST).offers[0].uuid).uuid
    seen = []
    for seconds in (50, 50, 5):
        clock.advance(seconds)
        found = broker.session(session)
        seen.append((found.phase, found.executable.phase))
    assert seen == [("RUNNING", "RUNNING"), ("COMPLETED", "RELEASING"), ("COMPLETED", "COMPLETED")]


def test_parts_have_no_phase_unless_they_settle() -> None:
    broker = ScriptedBroker()
    assert broker.accept(broker.request_offers(REQUEST).offers[0].uuid).executable.phase is None


def test_a_stream_that_is_not_there_is_gone() -> None:
    broker = ScriptedBroker(LONG, clock=Clock(), streams={"stdout": "42"})
    session = broker.accept(broker.request_offers(REQUEST).offers[0].uuid)
    with pytest.raises(OutputGoneError):
        broker.read(f"memory:{session.uuid}/stdout")


def test_a_session_is_the_same_object_until_it_changes() -> None:
    clock = Clock()
    broker = ScriptedBroker(LONG, clock=clock)
    session = broker.accept(broker.request_offers(REQUEST).offers[0].uuid)
    assert broker.session(session.uuid) is session
    clock.advance(10)
    assert broker.session(session.uuid) is not session


def test_the_ends_are_known_before_they_come() -> None:
    clock = Clock()
    broker = ScriptedBroker(LONG, clock=clock)
    run, cancelled = (broker.accept(broker.request_offers(REQUEST).offers[0].uuid).uuid for _ in range(2))
    clock.advance(10)
    broker.cancel(cancelled)
    ends = broker.ends()
    assert ends[run] - ends[cancelled] == timedelta(seconds=90)


def test_outages_and_lost_answers_are_counted_down() -> None:
    broker = ScriptedBroker(LONG)
    broker.outages = broker.lost_answers = 1
    with pytest.raises(BrokerUnavailableError):
        broker.request_offers(REQUEST)
    offer = broker.request_offers(REQUEST).offers[0].uuid
    with pytest.raises(BrokerUnavailableError):
        broker.accept(offer)
    assert broker.accept(offer).phase == "PREPARING"
    assert (broker.runs, broker.calls["accept"]) == (1, 2)


def test_an_offer_that_was_cancelled_can_not_be_accepted() -> None:
    broker = ScriptedBroker()
    offer = broker.request_offers(REQUEST).offers[0].uuid
    broker.cancel(offer)
    with pytest.raises(OfferGoneError):
        broker.accept(offer)
