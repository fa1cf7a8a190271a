# SPDX-License-Identifier: Apache-2.0
import asyncio
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.exceptions import InfrastructureNotAvailable, InfrastructureNotFound
from prefect.states import Cancelling, Pending, Running

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.model.phase import Phase
from eb_prefect.worker.configuration import ExecutionBrokerJobConfiguration
from eb_prefect.worker.orphans import orphans
from eb_prefect.worker.worker import ExecutionBrokerWorker
from tests.worker.pools import Pool

pytestmark = pytest.mark.timeout(300)


@asynccontextmanager
async def working(pool: Pool, name: str = "ours") -> AsyncIterator[ExecutionBrokerWorker]:
    """Let a worker work in this process, as often as a test can wait for."""

    async def work(worker: ExecutionBrokerWorker) -> None:
        while True:
            await worker.get_and_submit_flow_runs()
            await asyncio.sleep(0.2)

    async with ExecutionBrokerWorker(work_pool_name=pool.name, name=f"{name} {pool.name}") as worker:
        working = asyncio.create_task(work(worker))
        try:
            yield worker
        finally:
            working.cancel()
            assert worker._runs_task_group is not None
            worker._runs_task_group.cancel_scope.cancel()


def session_of(pid: str | None) -> str:
    return (pid or "").rpartition(" ")[2]


async def test_a_flow_run_is_one_session(work_pool: Pool) -> None:
    async with working(work_pool):
        run = await work_pool.schedule()
        assert await work_pool.ended(run) == "Completed"
    assert work_pool.count(run) == 1
    names = await work_pool.names(run)
    assert names == ["Scheduled", "Pending", "Submitting", "With broker", "Running", "Completed"]
    now = await work_pool.client.read_flow_run(run)
    assert EmbeddedBroker().session(session_of(now.infrastructure_pid)).phase == Phase.COMPLETED


async def test_a_session_that_did_not_tell_how_its_flow_run_ended_crashed_it(work_pool: Pool) -> None:
    async with working(work_pool):
        runs = [await work_pool.schedule(0, "silent"), await work_pool.schedule(0, "silent", "7")]
        assert [await work_pool.ended(run) for run in runs] == ["Crashed", "Crashed"]
    assert [work_pool.count(run) for run in runs] == [1, 1]
    states = [(await work_pool.client.read_flow_run(run)).state for run in runs]
    assert ["status code 1." in str(states[0]), "status code 7." in str(states[1])] == [True, True]


async def test_a_flow_run_without_an_offer_crashes_with_the_reason(work_pool: Pool) -> None:
    async with working(work_pool):
        run = await work_pool.schedule(cores=10_000)
        assert await work_pool.ended(run) == "Crashed"
    state = (await work_pool.client.read_flow_run(run)).state
    assert "NoOfferError" in str(state)


async def test_a_cancelled_flow_run_ends_its_session(work_pool: Pool) -> None:
    """Running, waiting in the queue behind it, and running without minding that it is cancelled."""
    cores = os.cpu_count() or 1
    async with working(work_pool):
        first = await work_pool.schedule(3600, cores=cores, grace=0)
        await work_pool.until(first, lambda now: now.state and now.state.is_running())
        second = await work_pool.schedule(3600, cores=cores)
        waiting = await work_pool.until(second, lambda now: now.infrastructure_pid)
        for run in (second, first):
            await work_pool.client.set_flow_run_state(run, Cancelling())
            assert await work_pool.ended(run) == "Cancelled"
        running = await work_pool.client.read_flow_run(first)
    found = [EmbeddedBroker().session(session_of(each.infrastructure_pid)) for each in (running, waiting)]
    assert [session.phase for session in found] == [Phase.CANCELLED, Phase.CANCELLED]
    assert [work_pool.count(run) for run in (first, second)] == [1, 0]


async def test_a_flow_run_that_is_cancelled_before_it_has_a_session_gets_none(work_pool: Pool) -> None:
    async with ExecutionBrokerWorker(work_pool_name=work_pool.name, name=work_pool.name) as worker:
        run = await work_pool.schedule(3600)
        assert worker._runs_task_group is not None
        assert await worker._propose_pending_state(await work_pool.client.read_flow_run(run))
        await work_pool.client.set_flow_run_state(run, Cancelling())
        await worker._give_worker_labels_to_flow_run(run)
        await worker.get_and_submit_flow_runs()
        assert await work_pool.ended(run) == "Cancelled"
    assert work_pool.count(run) == 0
    assert not (await work_pool.client.read_flow_run(run)).infrastructure_pid


async def test_a_worker_goes_on_with_what_another_of_its_name_began(work_pool: Pool) -> None:
    async with working(work_pool):
        run = await work_pool.schedule(2)
        await work_pool.until(run, lambda now: now.state and now.state.is_running())
    assert not (await work_pool.client.read_flow_run(run)).state.is_final()  # type: ignore[union-attr]
    async with working(work_pool):
        silent = await work_pool.schedule(0, "silent")
        assert [await work_pool.ended(each) for each in (run, silent)] == ["Completed", "Crashed"]
    assert work_pool.count(run) == 1


async def test_two_workers_begin_one_session(work_pool: Pool) -> None:
    """Each takes the other for gone, as it does where heartbeats are lost."""
    async with ExecutionBrokerWorker(work_pool_name=work_pool.name, name="first") as one:
        run = await work_pool.schedule()
        assert await one._propose_pending_state(await work_pool.client.read_flow_run(run))
        await one._give_worker_labels_to_flow_run(run)
        async with ExecutionBrokerWorker(work_pool_name=work_pool.name, name="first") as other:
            await asyncio.gather(one.get_and_submit_flow_runs(), other.get_and_submit_flow_runs())
            assert await work_pool.ended(run) == "Completed"
    assert work_pool.count(run) == 1
    assert (await work_pool.names(run)).count("With broker") == 1


async def test_infrastructure_is_killed_by_its_name(work_pool: Pool) -> None:
    wanted = ExecutionBrokerJobConfiguration()
    async with working(work_pool) as worker:
        run = await work_pool.schedule(3600)
        now = await work_pool.until(run, lambda now: now.state and now.state.is_running())
        pid = now.infrastructure_pid or ""
        with pytest.raises(InfrastructureNotAvailable):
            await worker.kill_infrastructure(f"another {session_of(pid)}", wanted)
        await worker.kill_infrastructure(pid, wanted)
        assert EmbeddedBroker().session(session_of(pid)).phase == Phase.CANCELLED
        with pytest.raises(InfrastructureNotFound):
            await worker.kill_infrastructure(f"{pid.rpartition(' ')[0]} none", wanted)
        assert await work_pool.ended(run) == "Crashed"


async def test_secrets_are_in_a_file_that_only_the_session_reads(work_pool: Pool, tmp_path: Path) -> None:
    secrets, seen = {"PREFECT_API_KEY": "swordfish's", "OPEN": "yes"}, tmp_path / "seen"
    command = f"""sh -c 'echo "$PREFECT_API_KEY $OPEN" >{seen}; exec sleep 3600'"""
    async with working(work_pool):
        run = await work_pool.schedule(command=command, env=secrets)
        now = await work_pool.until(run, lambda now: now.infrastructure_pid and seen.exists())
        (kept,) = (tmp_path / "home" / "worker").glob("*/*")
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
        await work_pool.client.set_flow_run_state(run, Cancelling())
        assert await work_pool.ended(run) == "Cancelled"
    assert seen.read_text() == "swordfish's yes\n"
    assert not kept.exists()
    assert "swordfish" not in str(EmbeddedBroker().session(session_of(now.infrastructure_pid)).neutral())
    assert not [
        path for path in (tmp_path / "home").rglob("*") if path.is_file() and _has(path, b"swordfish")
    ]


def _has(path: Path, text: bytes) -> bool:
    return text in path.read_bytes()


def test_the_form_begins_with_the_broker_and_has_no_field_without_words() -> None:
    form = ExecutionBrokerWorker.get_default_base_job_template()["variables"]["properties"]
    assert list(form)[:2] == ["broker", "block"]
    assert all(field["title"] and field["description"].endswith(".") for field in form.values())
    assert not [name for name, field in form.items() if "anyOf" in field]


async def test_a_flow_run_whose_worker_died_before_it_gave_its_name_is_taken_over(work_pool: Pool) -> None:
    """As it may not have, another waits for a while; the next of its name has nobody to wait for."""
    async with ExecutionBrokerWorker(work_pool_name=work_pool.name, name="gone") as worker:
        run = await work_pool.schedule()
        assert await worker._propose_pending_state(await work_pool.client.read_flow_run(run))
        begun = (await work_pool.client.read_flow_run(run)).state
        assert begun is not None
        pool, client = work_pool.name, work_pool.client
        assert not await orphans(client, pool, "next", now=begun.timestamp + timedelta(seconds=1))
        later = begun.timestamp + timedelta(minutes=1)
        assert [each.id for each in await orphans(client, pool, "next", now=later)] == [run]
        assert [each.id for each in await orphans(client, pool, "gone", now=begun.timestamp)] == [run]


async def test_a_flow_run_is_taken_over_however_many_are_begun(work_pool: Pool) -> None:
    runs = {await work_pool.schedule(state=Pending()) for _ in range(5)}
    for at_once in (2, 5, 9):
        found = await orphans(work_pool.client, work_pool.name, "next", at_once=at_once)
        assert {each.id for each in found} == runs


async def test_a_flow_run_that_somebody_else_ran_is_taken_over_when_it_begins_again(work_pool: Pool) -> None:
    async with working(work_pool) as worker:
        run = await work_pool.schedule(state=Running())
        while not worker._elsewhere:
            await asyncio.sleep(0.1)
        await work_pool.client.set_flow_run_state(run, Pending(), force=True)
        assert await work_pool.ended(run, 20) == "Completed"


async def test_a_worker_outlives_a_flow_run_that_is_deleted_while_it_is_taken_over(work_pool: Pool) -> None:
    async with working(work_pool) as worker:
        assert worker._runs_task_group is not None
        worker._runs_task_group.start_soon(worker._go_on, uuid4())
        run = await work_pool.schedule()
        assert await work_pool.ended(run, 20) == "Completed"
