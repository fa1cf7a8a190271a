# SPDX-License-Identifier: Apache-2.0
import threading
from pathlib import Path

import pytest

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.brokers.remaking import remade
from eb_prefect.cancelling import Canceller, Target, cancel_all
from eb_prefect.errors import UnknownBrokerError
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.steprun import BrokerIdentity
from eb_prefect.testing.faults import Faults
from eb_prefect.testing.scripted import ScriptedBroker

REQUEST = ExecutionRequest(executable=Program(command=("true",)))


def running(broker: ScriptedBroker, count: int = 1) -> list[Target]:
    offers = [broker.request_offers(REQUEST).offers[0].uuid for _ in range(count)]
    return [Target(broker, broker.accept(uuid).uuid) for uuid in offers]


def endless(**options: object) -> ScriptedBroker:
    return ScriptedBroker(((0.0, "RUNNING"),), **options)


def test_a_thousand_sessions_are_cancelled_by_a_few_threads() -> None:
    broker, before = endless(), threading.active_count()
    targets = running(broker, 1000)
    canceller, told, most = Canceller(), [], []
    for target in targets:
        canceller.put(target, told.append)
        most.append(threading.active_count() - before)
    assert canceller.finish(60)
    assert told == [None] * 1000
    assert not broker.at_work()
    assert max(most) <= 8


def test_a_broker_that_is_away_is_asked_again() -> None:
    broker = endless()
    targets = running(broker, 3)
    broker.outages = 7
    assert cancel_all(targets, patience=60) == []
    assert not broker.at_work()


def test_a_broker_that_forgets_a_cancel_is_asked_again() -> None:
    broker = endless(faults=Faults(cancel_does_not_stick=True))
    (target,) = running(broker)
    done = threading.Event()
    canceller = Canceller()
    canceller.put(target, lambda _: done.set())
    while broker.calls["session"] < 2:
        pass
    broker.faults = Faults()
    assert done.wait(60)
    assert not broker.at_work()


def test_a_session_that_does_not_end_is_named_with_the_command_that_ends_it() -> None:
    broker = endless(faults=Faults(cancel_does_not_stick=True))
    targets = running(broker, 2)
    failures = cancel_all(targets, patience=0.5)
    assert {failure.session for failure in failures} == {target.session for target in targets}
    assert f"eb cancel {failures[0].session} --broker scripted" in str(failures[0])
    assert "it is RUNNING" in str(failures[0])


def test_a_session_that_the_broker_does_not_know_needs_no_end() -> None:
    broker = endless()
    targets = running(broker)
    broker.forget()
    assert cancel_all(targets, patience=0.5) == []


def test_a_broker_is_found_again_by_its_identity(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path / "a home")
    assert remade(broker.identity).identity == broker.identity
    there = BrokerIdentity(kind="http", name="theirs", url="http://127.0.0.1:9/eb")
    assert remade(there).identity.url == there.url


def test_a_broker_that_no_configuration_names_is_not_found() -> None:
    with pytest.raises(UnknownBrokerError, match="scripted ours"):
        remade(BrokerIdentity(kind="scripted", name="ours", url="memory:1"))
