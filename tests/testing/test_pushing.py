# SPDX-License-Identifier: Apache-2.0
import time
from collections import Counter

from eb_prefect.brokers.protocol import Pushing
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.testing.clock import Clock, FastClock
from eb_prefect.testing.faults import Faults
from eb_prefect.testing.pushing import PushingBroker
from eb_prefect.testing.scripted import ScriptedBroker
from tests.testing.speaking import LONG

REQUEST = ExecutionRequest(executable=Program(command=("true",)))


def accepted(broker: ScriptedBroker) -> str:
    return broker.accept(broker.request_offers(REQUEST).offers[0].uuid).uuid


def test_only_the_pushing_one_can_push() -> None:
    assert isinstance(PushingBroker(), Pushing)
    assert not isinstance(ScriptedBroker(), Pushing)


def test_each_change_of_phase_is_heard_when_the_clock_is_advanced() -> None:
    clock = Clock()
    broker = PushingBroker(LONG, clock=clock)
    session = accepted(broker)
    heard = []
    broker.listen(lambda uuid: heard.append((uuid, broker.session(uuid).phase)))
    for seconds in (5, 5, 50, 40):
        clock.advance(seconds)
    assert heard == [(session, "RUNNING"), (session, "COMPLETED")]


def test_what_others_do_to_a_session_is_heard() -> None:
    broker, heard = PushingBroker(LONG, clock=Clock()), Counter()
    broker.listen(lambda uuid: heard.update([broker.session(uuid).phase]))
    session = accepted(broker)
    broker.cancel(session)
    assert heard["PREPARING"] == heard["CANCELLED"] == 1


def test_an_offer_that_expires_is_heard() -> None:
    clock = Clock()
    broker, heard = PushingBroker(LONG, clock=clock), []
    broker.listen(heard.append)
    offer = broker.request_offers(REQUEST).offers[0].uuid
    heard.clear()
    clock.advance(1000)
    assert heard == [offer]


def test_a_clock_that_runs_by_itself_pushes_too() -> None:
    broker, heard = PushingBroker(LONG, clock=FastClock(1000)), []
    leave = broker.listen(lambda uuid: heard.append(broker.session(uuid).phase))
    accepted(broker)
    until = time.monotonic() + 5
    while "COMPLETED" not in heard and time.monotonic() < until:
        time.sleep(0.005)
    leave()
    assert "COMPLETED" in heard


def test_nothing_is_heard_after_leaving() -> None:
    clock, heard = Clock(), []
    broker = PushingBroker(LONG, clock=clock)
    leave = broker.listen(heard.append)
    accepted(broker)
    heard.clear()
    leave()
    leave()
    clock.advance(1000)
    assert heard == []


def test_pushes_lost_are_not_heard() -> None:
    clock, heard = Clock(), []
    broker = PushingBroker(LONG, clock=clock, faults=Faults(pushes_lost=True))
    broker.listen(heard.append)
    session = accepted(broker)
    clock.advance(1000)
    assert heard == []
    assert broker.session(session).phase == "COMPLETED"


def test_spurious_pushes_are_double_and_of_unknown_sessions() -> None:
    clock, heard = Clock(), Counter()
    broker = PushingBroker(LONG, clock=clock, faults=Faults(pushes_spurious=True))
    session = accepted(broker)
    broker.listen(lambda uuid: heard.update([uuid]))
    clock.advance(10)
    assert heard.pop(session) == 2
    assert list(heard.values()) == [1]
