# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from eb_prefect.brokers.batch.scheduler import Seen, Submission, SubmissionRefusedError
from eb_prefect.brokers.condor.scheduler import HTCondorScheduler
from eb_prefect.model.phase import Phase
from eb_prefect.testing.contract import wait_until
from eb_prefect.testing.scheduler_bench import booked, ended, notes, noting, submission, waiting
from eb_prefect.testing.scheduler_contract import SchedulerContract
from tests.brokers.condor.bench import CondorBench, condor_bench

NOWHERE = """
from eb_prefect.brokers.condor.scheduler import HTCondorScheduler
from eb_prefect.errors import BrokerUnavailableError
scheduler = HTCondorScheduler()
for call in (scheduler.queues, lambda: scheduler.look(["1.0"]), lambda: scheduler.cancel(["1.0"])):
    try:
        call()
    except BrokerUnavailableError as error:
        print(error)
"""


@pytest.fixture
def bench(tmp_path: Path) -> CondorBench:
    return condor_bench(tmp_path)


@pytest.fixture
def scheduler(bench: CondorBench) -> HTCondorScheduler:
    return bench.scheduler()


class TestHTCondorScheduler(SchedulerContract):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> CondorBench:
        return condor_bench(tmp_path)


def over(scheduler: HTCondorScheduler, bench: CondorBench, given: Submission) -> Seen:
    (handle,) = scheduler.submit(given)
    return ended(scheduler, bench, [handle])[handle]


def test_what_is_put_on_hold_is_failed_and_never_starts(
    scheduler: HTCondorScheduler, bench: CondorBench
) -> None:
    hold = ("periodic_hold = JobStatus == 1", 'periodic_hold_reason = "it smells"', *bench.waiting)
    given = submission(bench, noting(bench), options=hold)
    (handle,) = scheduler.submit(given)
    seen = ended(scheduler, bench, [handle])[handle]
    assert seen.phase == Phase.FAILED
    assert seen.reason == "it smells"
    book = booked(scheduler, bench, [handle])[handle]  # it has left the queue, so nobody can release it
    assert (book.phase, book.reason) == (Phase.FAILED, seen.reason)
    assert notes(bench) == []


def test_what_its_user_put_on_hold_waits(scheduler: HTCondorScheduler, bench: CondorBench) -> None:
    (handle,) = scheduler.submit(submission(bench, "true", options=("hold = true",)))
    seen = scheduler.look([handle])[handle]
    assert (seen.phase, seen.state) == (Phase.WAITING, "held")
    assert seen.reason
    scheduler.cancel([handle])


def test_what_runs_too_long_is_failed(scheduler: HTCondorScheduler, bench: CondorBench) -> None:
    seen = over(scheduler, bench, submission(bench, "sleep 60", options=("allowed_job_duration = 2",)))
    assert seen.phase == Phase.FAILED
    assert "duration" in seen.reason


def test_what_loses_its_machine_is_failed_and_not_run_again(
    scheduler: HTCondorScheduler, bench: CondorBench
) -> None:
    import htcondor2

    (handle,) = scheduler.submit(submission(bench, f"{noting(bench)}; sleep 60"))
    wait_until(lambda: bool(notes(bench)), bench.patience)
    htcondor2.Schedd().act(htcondor2.JobAction.VacateFast, [handle])
    seen = ended(scheduler, bench, [handle])[handle]
    booked(scheduler, bench, [handle])
    assert (seen.phase, notes(bench)) == (Phase.FAILED, ["0"])
    assert "machine" in seen.reason


def test_what_no_machine_has_is_said_before(scheduler: HTCondorScheduler, bench: CondorBench) -> None:
    given = replace(submission(bench, "true"), cores=100_000)
    assert "no machine of the pool has 100000 cores" in scheduler.trial(given).refusal
    assert "GPUs" in scheduler.trial(replace(given, cores=1, gpus=1)).refusal


def test_the_pool_is_the_only_queue(scheduler: HTCondorScheduler, bench: CondorBench) -> None:
    (pool,) = scheduler.queues()
    assert (pool.name, pool.cores, pool.memory, pool.gpus) == ("pool", 4, 4096, 0)
    with pytest.raises(SubmissionRefusedError, match="no queue 'long'"):
        scheduler.submit(submission(bench, "true", queue="long"))


def test_what_the_pool_forbids_is_refused_in_its_words(
    scheduler: HTCondorScheduler, bench: CondorBench
) -> None:
    with pytest.raises(SubmissionRefusedError, match="does not run what is forbidden"):
        scheduler.submit(bench.impossible(submission(bench, "true")))


@pytest.mark.parametrize("option", ["universe = nowhere", "request_cpus = many cores", "requirements = ((("])
def test_what_condor_can_not_read_is_refused(
    scheduler: HTCondorScheduler, bench: CondorBench, option: str
) -> None:
    with pytest.raises(SubmissionRefusedError, match=r"\w"):
        scheduler.submit(submission(bench, "true", options=(option,)))


def test_tasks_that_wait_and_that_have_ended_are_found(
    scheduler: HTCondorScheduler, bench: CondorBench
) -> None:
    given = waiting(bench, tasks=3)
    handles = scheduler.submit(given)
    scheduler.cancel(handles[1:2])
    booked(scheduler, bench, handles[1:2])
    assert scheduler.find(given.identifier) == dict(enumerate(handles))
    scheduler.cancel(handles)


def test_a_pool_that_is_not_there_is_unavailable(bench: CondorBench) -> None:
    environment = {**os.environ, "CONDOR_CONFIG": "/dev/null"}
    done = subprocess.run(
        [sys.executable, "-c", NOWHERE], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.count("htcondor") == 3
