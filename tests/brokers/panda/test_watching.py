# SPDX-License-Identifier: Apache-2.0
"""Sessions under way: lost records, many at once, kills that PanDA does not take, states nobody knows."""

from dataclasses import replace
from datetime import timedelta

from eb_prefect.brokers.panda.broker import PandaBroker
from eb_prefect.model.phase import Phase
from eb_prefect.pace import Pace
from eb_prefect.testing.contract import finish, offered, wait_final, wait_until
from tests.brokers.panda.bench import PandaBench
from tests.brokers.panda.serving import StandIn


def forget(standin: StandIn) -> None:
    """Let PanDA lose its books."""
    with standin.panda.lock:
        for job in standin.panda.jobs.values():
            job.end()
        standin.panda.tasks.clear()
        standin.panda.jobs.clear()


def running(bench: PandaBench) -> tuple[PandaBroker, str]:
    """Return a session that runs, and its broker."""
    broker = bench.broker()
    offer = offered(broker, bench.lasting(60))
    broker.accept(offer.uuid)
    wait_until(lambda: bench.starts() == 1, bench.patience)
    return broker, offer.uuid


def test_what_disappears_is_failed_after_a_while_and_not_cancelled(
    bench: PandaBench, standin: StandIn
) -> None:
    broker = bench.broker(grace=timedelta(seconds=0.2))
    offer = offered(broker, bench.lasting(60))
    broker.accept(offer.uuid)
    wait_until(lambda: bench.starts() == 1, bench.patience)
    forget(standin)
    final = wait_final(broker, offer.uuid, bench)
    assert final.phase == Phase.FAILED
    assert any(message.kind == "urn:eb-prefect:message/record-lost" for message in final.messages)
    assert broker.session(offer.uuid) == final


def test_what_disappears_after_a_cancel_is_not_taken_for_cancelled(
    bench: PandaBench, standin: StandIn
) -> None:
    broker = bench.broker(grace=timedelta(seconds=0.2))
    offer = offered(broker, bench.lasting(60))
    broker.accept(offer.uuid)
    forget(standin)
    broker.cancel(offer.uuid)
    assert wait_final(broker, offer.uuid, bench).phase == Phase.FAILED


def test_what_comes_back_within_a_while_goes_on(jobs: PandaBench, standin: StandIn) -> None:
    broker = jobs.broker()
    offer = offered(broker, jobs.succeeding())
    broker.accept(offer.uuid)
    kept, standin.panda.jobs = standin.panda.jobs, {}
    missed = jobs.broker().session(offer.uuid)
    standin.panda.jobs = kept
    assert any("no record" in message.text for message in missed.messages)
    assert wait_final(jobs.broker(), offer.uuid, jobs).phase == Phase.COMPLETED


def test_many_jobs_are_looked_at_with_one_call(jobs: PandaBench, standin: StandIn) -> None:
    slow = Pace(price=1.0, shortest=60.0, longest=60.0)
    broker = jobs.broker(pace=slow)
    offers = [offered(broker, jobs.lasting(60)) for _ in range(30)]
    for offer in offers:
        broker.accept(offer.uuid)
    fresh = jobs.broker(pace=slow)
    before = standin.panda.calls.count("job/get_description")
    first = fresh.session(offers[0].uuid)
    for offer in offers:
        fresh.session(offer.uuid)
    again = standin.panda.calls.count("job/get_description")
    assert first.phase != Phase.ACCEPTED
    assert again - before <= 30
    for offer in offers:
        fresh.session(offer.uuid)
    assert standin.panda.calls.count("job/get_description") == again


def test_a_kill_before_jedi_knows_the_task_is_asked_for_again(tasks: PandaBench, standin: StandIn) -> None:
    standin.panda.refines_after = 1.0
    broker = tasks.broker()
    offer = offered(broker, tasks.lasting(60))
    broker.accept(offer.uuid)
    assert broker.cancel(offer.uuid).phase == Phase.WAITING
    assert wait_final(broker, offer.uuid, tasks).phase == Phase.CANCELLED
    assert standin.panda.calls.count("task/kill") > 1


def test_what_somebody_else_killed_is_cancelled(bench: PandaBench, standin: StandIn) -> None:
    broker, session = running(bench)
    with standin.panda.lock:
        for task in standin.panda.tasks.values():
            task.said = "kill by Somebody Else"
        for job in standin.panda.jobs.values():
            job.kill("Somebody Else")
    assert wait_final(broker, session, bench).phase == Phase.CANCELLED


def test_what_the_platform_gave_up_by_itself_is_failed(tasks: PandaBench, standin: StandIn) -> None:
    broker, session = running(tasks)
    with standin.panda.lock:
        for task in standin.panda.tasks.values():
            task.enter("aborted")
            task.said = "expired in pending"
    final = wait_final(broker, session, tasks)
    assert final.phase == Phase.FAILED
    assert any("expired in pending" in message.text for message in final.messages)


def test_a_state_that_nobody_knows_leaves_the_phase_as_it_was(tasks: PandaBench, standin: StandIn) -> None:
    broker = tasks.broker()
    offer = offered(broker, tasks.lasting(60))
    broker.accept(offer.uuid)
    wait_until(lambda: broker.session(offer.uuid).phase == Phase.RUNNING, tasks.patience)
    with standin.panda.lock:
        for task in standin.panda.tasks.values():
            task.enter("meditating")
    now = broker.session(offer.uuid)
    assert now.phase == Phase.RUNNING
    assert now.outcome is not None
    assert now.outcome.state == "meditating"


def test_a_partly_finished_task_is_completed_and_says_so(tasks: PandaBench, standin: StandIn) -> None:
    broker, session = running(tasks)
    with standin.panda.lock:
        for task in standin.panda.tasks.values():
            task.enter("finished")
    final = wait_final(broker, session, tasks)
    assert final.phase == Phase.COMPLETED
    assert any(message.kind == "urn:eb-prefect:message/partly-done" for message in final.messages)


def test_homes_know_nothing_of_each_other(bench: PandaBench) -> None:
    broker = bench.broker()
    final = finish(broker, offered(broker, bench.succeeding()), bench)
    other = replace(bench, root=bench.root / "other").broker()
    assert other.request_offers(bench.succeeding()).result == "YES"
    assert broker.session(final.uuid) == final
