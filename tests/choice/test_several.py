# SPDX-License-Identifier: Apache-2.0
import pickle
from pathlib import Path

import pytest

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.brokers.protocol import Gathering
from eb_prefect.brokers.several import SeveralBrokers
from eb_prefect.choice.candidate import Place
from eb_prefect.choice.constraints import constraints
from eb_prefect.choice.policies import cheapest
from eb_prefect.errors import (
    AccessDeniedError,
    BrokerUnavailableError,
    NoOfferError,
    UnknownSessionError,
)
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.model.parts import Message
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.offers import first_offer, open_offers
from eb_prefect.pace import Pace
from eb_prefect.step import StepOptions, run_step
from eb_prefect.testing.scripted import ScriptedBroker
from tests.choice.values import REQUEST, PricedBroker

AWAY = BrokerUnavailableError("b", "it is away")


def test_the_first_offer_is_the_best_of_all_brokers() -> None:
    dear, cheap = PricedBroker(0.5, 0.3), PricedBroker(0.2, 0.4)
    broker = SeveralBrokers([dear, cheap], policy=cheapest)
    offers = open_offers(broker.request_offers(REQUEST), broker="several")
    assert [offer.costs[0].min for offer in offers] == [0.2, 0.3, 0.4, 0.5]
    assert broker.owner(first_offer(offers).uuid) is cheap


def test_only_the_owner_hears_of_a_session() -> None:
    one, two = PricedBroker(0.5), PricedBroker(0.2)
    broker = SeveralBrokers([one, two], policy=cheapest)
    chosen = broker.request_offers(REQUEST).offers[0].uuid
    broker.accept(chosen)
    broker.session(chosen)
    assert broker.cancel(chosen).phase == "CANCELLED"
    assert (one.calls, one.runs, two.runs) == ({"request_offers": 1}, 0, 1)


def test_refusals_and_failures_are_told_beside_the_offers() -> None:
    places = [
        Place(PricedBroker(0.5, 0.1), "a"),
        Place(PricedBroker(error=AWAY), "b"),
        Place(ScriptedBroker(refusal=["full"]), "c"),
    ]
    told = SeveralBrokers(places, constraints=constraints("monetary < 0.2")).request_offers(REQUEST)
    assert [message.text for message in told.messages] == [
        f"a offers {told.offers[0].uuid}",
        "c: full",
        "a offer 1: monetary 0.5 is not < 0.2, by 0.3",
        "b can't be reached: it is away; try again later",
    ]


def test_no_has_the_reasons_of_all() -> None:
    places = [Place(PricedBroker(error=AWAY), "b"), Place(ScriptedBroker(refusal=["full"]), "c")]
    told = SeveralBrokers(places).request_offers(REQUEST)
    assert (told.result, told.offers) == ("NO", ())
    with pytest.raises(NoOfferError, match="c: full; b can't be reached"):
        open_offers(told, broker="several")


def test_if_none_can_be_reached_they_are_unavailable() -> None:
    with pytest.raises(BrokerUnavailableError):
        SeveralBrokers([PricedBroker(error=AWAY), PricedBroker(error=AWAY)]).request_offers(REQUEST)


def test_a_session_is_found_by_another_object() -> None:
    one, two = ScriptedBroker(), ScriptedBroker()
    offers = SeveralBrokers([one, two]).request_offers(REQUEST).offers
    other = SeveralBrokers([two, one])
    assert [other.owner(offer.uuid) for offer in offers] == [one, two]
    assert other.accept(offers[1].uuid).uuid == offers[1].uuid
    assert (one.runs, two.runs) == (0, 1)


def test_a_session_is_unknown_only_if_all_were_asked() -> None:
    one, two = ScriptedBroker(), PricedBroker()
    broker = SeveralBrokers([one, two])
    with pytest.raises(UnknownSessionError):
        broker.session("nobody's")
    two.error = AWAY
    with pytest.raises(BrokerUnavailableError, match="one of them may have session nobody's"):
        broker.session("nobody's")
    two.error = AccessDeniedError("b", 403, "no")
    with pytest.raises(AccessDeniedError):
        broker.session("nobody's")


def test_a_broker_that_does_not_answer_may_have_the_session() -> None:
    class Slow(ScriptedBroker):
        def session(self, session: str) -> Session:
            import time

            time.sleep(20)
            return super().session(session)

    broker = SeveralBrokers([ScriptedBroker(), Slow()], within=0.1)
    with pytest.raises(BrokerUnavailableError, match="has not answered"):
        broker.accept("somebody's")


def test_an_offer_that_another_broker_repeats_is_not_made_twice() -> None:
    class Echo(ScriptedBroker):
        heard = OfferSet(result="NO")

        def request_offers(self, request: ExecutionRequest) -> OfferSet:
            return self.heard

    one, echo = ScriptedBroker(), Echo()
    broker = SeveralBrokers([echo, one])
    echo.heard = broker.request_offers(REQUEST)
    assert [broker.owner(offer.uuid) for offer in broker.request_offers(REQUEST).offers] == [one]


def test_it_is_the_same_broker_in_whatever_order_and_by_whatever_policy() -> None:
    one, two = ScriptedBroker(), ScriptedBroker()
    identity = SeveralBrokers([one, Place(two, "two")]).identity
    assert identity == SeveralBrokers([two, one], policy=cheapest).identity
    assert (identity.kind, identity.url) == ("several", None)
    assert identity != SeveralBrokers([one]).identity


def test_it_remembers_no_more_than_it_needs() -> None:
    one = ScriptedBroker()
    broker = SeveralBrokers([one], remembers=3)
    offers = [broker.request_offers(REQUEST).offers[0].uuid for _ in range(5)]
    assert list(broker._owners) == offers[2:]
    assert broker.owner(offers[0]) is one


def test_its_pace_is_that_of_the_most_patient() -> None:
    class Patient(ScriptedBroker):
        pace = Pace(price=9.0, shortest=1.0, longest=2.0)

    assert SeveralBrokers([ScriptedBroker(), Patient()]).pace is Patient.pace


def test_a_step_runs_once_on_the_broker_that_was_best(tmp_path: Path) -> None:
    dear, cheap = PricedBroker(0.5), PricedBroker(0.2)
    broker = SeveralBrokers([dear, cheap], policy=cheapest)
    options = StepOptions(journal=DirectoryJournal(tmp_path))
    assert isinstance(broker, Gathering)
    run = run_step(broker, REQUEST, name="step", options=options)
    assert (run.session.phase, dear.runs, cheap.runs) == ("COMPLETED", 0, 1)
    assert len(run.offers.offers) == 2


def test_it_crosses_processes_with_its_policy() -> None:
    broker = SeveralBrokers(
        [Place(EmbeddedBroker(), "here")], policy=cheapest, constraints=constraints("cores > 1"), within=3
    )
    copy = pickle.loads(pickle.dumps(broker))
    assert copy.identity == broker.identity
    assert (copy._policy, copy._constraints, copy._within) == (cheapest, constraints("cores > 1"), 3)


def test_warnings_that_come_with_offers_are_passed_on() -> None:
    class Wary(ScriptedBroker):
        def request_offers(self, request: ExecutionRequest) -> OfferSet:
            said = (
                Message(level="WARN", message="name was left out"),
                Message(level="INFO", message="hello"),
            )
            return super().request_offers(request).model_copy(update={"messages": said})

    told = SeveralBrokers([Place(Wary(), "a")]).request_offers(REQUEST)
    assert [message.text for message in told.messages][1:] == ["a: name was left out"]
