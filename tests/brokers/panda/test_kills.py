# SPDX-License-Identifier: Apache-2.0
"""Whatever gets lost between us and PanDA, a session runs once."""

import multiprocessing
import os
import signal
import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from eb_prefect.errors import BrokerUnavailableError, UnusableAnswerError
from eb_prefect.model.phase import Phase
from eb_prefect.testing.contract import elsewhere, offered, wait_final, wait_until
from tests.brokers.panda.bench import PandaBench
from tests.brokers.panda.documents import Recorded
from tests.brokers.panda.serving import StandIn
from tests.brokers.panda.standin import Fault

SUBMITS = ("task/submit", "job/submit")


def submits(standin: StandIn) -> int:
    return sum(call in SUBMITS for call in standin.panda.calls)


def spoil(standin: StandIn, **fault: object) -> None:
    standin.panda.faults += [Fault(path, **fault) for path in SUBMITS]  # type: ignore[arg-type]


def accept(bench: PandaBench, session: str) -> None:
    bench.broker().accept(session)


def kill_when(bench: PandaBench, session: str, standin: StandIn, calls: int) -> None:
    """Accept in a process, and kill it when PanDA has got so many submissions."""
    process = multiprocessing.get_context("spawn").Process(target=accept, args=(bench, session))
    process.start()
    wait_until(lambda: submits(standin) == calls, bench.patience)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()


def test_a_client_killed_after_its_submission_leaves_a_session_that_runs_once(
    bench: PandaBench, standin: StandIn
) -> None:
    offer = offered(bench.broker(), bench.succeeding())
    answered = threading.Event()
    spoil(standin, until=answered)
    kill_when(bench, offer.uuid, standin, 1)
    answered.set()
    assert wait_final(bench.broker(), offer.uuid, bench).phase == Phase.COMPLETED
    assert (bench.starts(), bench.ends()) == (1, 1)


def test_a_client_killed_before_its_submission_is_done_loses_nothing(
    bench: PandaBench, standin: StandIn
) -> None:
    offer = offered(bench.broker(), bench.succeeding())
    answered = threading.Event()
    spoil(standin, until=answered, before=True)
    kill_when(bench, offer.uuid, standin, 1)
    answered.set()
    assert wait_final(bench.broker(), offer.uuid, bench).phase == Phase.COMPLETED
    assert (bench.starts(), submits(standin)) == (1, 2)


def test_a_lost_answer_is_looked_for_before_anything_is_sent_again(
    bench: PandaBench, standin: StandIn
) -> None:
    broker = bench.broker(doubt=timedelta(hours=1))
    offer = offered(broker, bench.succeeding())
    spoil(standin)
    with pytest.raises(BrokerUnavailableError):
        broker.accept(offer.uuid)
    assert wait_final(broker, offer.uuid, bench).phase == Phase.COMPLETED
    assert (bench.starts(), submits(standin)) == (1, 1)


def test_an_error_of_the_server_may_have_done_it(bench: PandaBench, standin: StandIn) -> None:
    broker = bench.broker(doubt=timedelta(hours=1))
    offer = offered(broker, bench.succeeding())
    spoil(standin, answer=Recorded(500, "text/plain", "connection already closed"))
    with pytest.raises(BrokerUnavailableError):
        broker.accept(offer.uuid)
    assert wait_final(broker, offer.uuid, bench).phase == Phase.COMPLETED
    assert (bench.starts(), submits(standin)) == (1, 1)


def test_what_never_arrived_is_sent_again_once_it_can_not_be_on_its_way(
    bench: PandaBench, standin: StandIn
) -> None:
    broker = bench.broker(doubt=timedelta(seconds=0.5))
    offer = offered(broker, bench.succeeding())
    spoil(standin, before=True)
    with pytest.raises(BrokerUnavailableError):
        broker.accept(offer.uuid)
    waiting = broker.accept(offer.uuid)
    assert waiting.phase == Phase.ACCEPTED
    assert any("answer to its submission was lost" in message.text for message in waiting.messages)
    assert wait_final(broker, offer.uuid, bench).phase == Phase.COMPLETED
    assert (bench.starts(), submits(standin)) == (1, 2)


def test_a_task_that_waits_for_jedi_is_known_by_its_name(tasks: PandaBench, standin: StandIn) -> None:
    broker = tasks.broker(doubt=timedelta(seconds=0))
    offer = offered(broker, tasks.succeeding())
    spoil(standin)
    with pytest.raises(BrokerUnavailableError):
        broker.accept(offer.uuid)
    broker.accept(offer.uuid)
    assert wait_final(broker, offer.uuid, tasks).phase == Phase.COMPLETED
    assert (tasks.starts(), len(standin.panda.tasks)) == (1, 1)


def test_a_server_that_was_not_reached_gets_it_at_once_when_it_is_back(bench: PandaBench) -> None:
    broker = bench.broker(doubt=timedelta(hours=1))
    offer = offered(broker, bench.succeeding())
    away = replace(bench, url="http://127.0.0.1:1").broker()  # the same home, and nobody at the address
    with pytest.raises(BrokerUnavailableError):
        away.accept(offer.uuid)
    assert wait_final(broker, offer.uuid, bench).phase == Phase.COMPLETED
    assert bench.starts() == 1


def test_a_session_cancelled_while_its_submission_is_in_doubt_is_killed_if_it_runs(
    bench: PandaBench, standin: StandIn
) -> None:
    broker = bench.broker(doubt=timedelta(hours=1))
    offer = offered(broker, bench.lasting(60))
    spoil(standin)
    with pytest.raises(BrokerUnavailableError):
        broker.accept(offer.uuid)
    broker.cancel(offer.uuid)
    assert wait_final(broker, offer.uuid, bench).phase == Phase.CANCELLED
    assert bench.ends() == 0


def test_a_session_cancelled_before_panda_got_it_never_gets_there(
    bench: PandaBench, standin: StandIn
) -> None:
    broker = bench.broker(doubt=timedelta(seconds=0))
    offer = offered(broker, bench.succeeding())
    spoil(standin, before=True)
    with pytest.raises(BrokerUnavailableError):
        broker.accept(offer.uuid)
    assert broker.cancel(offer.uuid).phase == Phase.CANCELLED
    assert (bench.starts(), submits(standin)) == (0, 1)


def test_accepts_of_many_processes_at_a_server_that_loses_answers_run_it_once(
    bench: PandaBench, standin: StandIn
) -> None:
    offer = offered(bench.broker(), bench.succeeding())
    spoil(standin, times=2)
    with elsewhere(3) as processes:
        tries = [processes.submit(accept, bench, offer.uuid) for _ in range(6)]
        [each.exception() for each in tries]
    assert wait_final(bench.broker(), offer.uuid, bench).phase == Phase.COMPLETED
    assert bench.starts() == 1


@pytest.mark.parametrize(
    "odd",
    [
        Recorded(200, "text/html", "<html>Sign in</html>"),
        Recorded(200, "text/plain", {"success": True, "data": None}),
        Recorded(200, "text/plain", {"success": False, "message": "", "data": []}),
        Recorded(200, "text/plain", {"success": True, "data": [None]}),
        Recorded(200, "text/plain", {"success": True, "data": [{"taskName": "another", "jediTaskID": 1}]}),
    ],
)
def test_nothing_is_sent_again_unless_panda_says_that_it_has_nothing(
    bench: PandaBench, standin: StandIn, odd: Recorded
) -> None:
    broker = bench.broker(doubt=timedelta(0))
    offer = offered(broker, bench.succeeding())
    spoil(standin)
    with pytest.raises(BrokerUnavailableError):
        broker.accept(offer.uuid)
    lookups = ("task/get_tasks_detailed_info_since", "task/get_job_ids")
    standin.panda.faults = [Fault(path, odd) for path in lookups]
    with pytest.raises(UnusableAnswerError):
        broker.accept(offer.uuid)
    assert submits(standin) == 1
    standin.panda.faults.clear()
    assert wait_final(broker, offer.uuid, bench).phase == Phase.COMPLETED
    assert bench.starts() == 1
