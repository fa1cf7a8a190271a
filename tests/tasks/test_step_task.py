# SPDX-License-Identifier: Apache-2.0
import asyncio
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import TERMINAL_STATES
from prefect.runtime import flow_run

from eb_prefect.ending import StepCancelledError, StepFailedError
from eb_prefect.errors import DuplicateStepError
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.step import StepOptions
from eb_prefect.tasks import step, step_async
from eb_prefect.testing.scripted import ScriptedBroker
from eb_prefect.watching.durations import Durations, likeness
from eb_prefect.watching.poller import Poller

REQUEST = ExecutionRequest(name="nothing", executable=Program(command=("true",)))
SCRIPT = ((0.0, "PREPARING"), (1.0, "RUNNING"), (2.0, "COMPLETED"))

pytestmark = pytest.mark.usefixtures("prefect_api")


def ending(phase: str) -> ScriptedBroker:
    return ScriptedBroker(((0.0, "RUNNING"), (0.02, phase)))


@pytest.fixture
def options(tmp_path: Path) -> StepOptions:
    return StepOptions(journal=DirectoryJournal(tmp_path))


async def task_runs(of: str) -> list[Any]:
    async with get_client() as client:
        ours = FlowRunFilter.model_validate({"id": {"any_": [of]}})
        return await client.read_task_runs(flow_run_filter=ours)


async def ended_task_runs(of: str, count: int) -> dict[str, str]:
    """The names and states of a flow run's task runs, once the server has them all."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        runs = await task_runs(of)
        if len(runs) == count and all(run.state_type in TERMINAL_STATES for run in runs):
            break
        await asyncio.sleep(0.1)
    return {run.name: run.state_name for run in runs}


async def shown(of: str, name: str, state: str) -> None:
    end = time.monotonic() + 20
    while (found := [(run.name, run.state_name) for run in await task_runs(of)]) != [(name, state)]:
        assert time.monotonic() < end, found
        await asyncio.sleep(0.05)


async def logs(of: str) -> list[str]:
    async with get_client() as client:
        return [
            log.message
            for log in await client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[of])))
        ]


async def test_a_running_task_run_shows_its_phase(options: StepOptions) -> None:
    now = [0.0]
    broker = ScriptedBroker(SCRIPT, clock=lambda: now[0])

    @flow
    async def watched() -> str:
        running = asyncio.create_task(step_async(broker, REQUEST, name="sources", options=options))
        await shown(flow_run.id, "sources @ scripted: PREPARING", "PREPARING")
        now[0] = 1.0
        await shown(flow_run.id, "sources @ scripted: RUNNING", "RUNNING")
        now[0] = 2.0
        await running
        return flow_run.id

    run = await watched()
    assert await ended_task_runs(run, 1) == {"sources @ scripted: COMPLETED": "Completed"}
    end = time.monotonic() + 20
    while not any("sources: COMPLETED at" in line for line in await logs(run)) and time.monotonic() < end:
        await asyncio.sleep(0.2)
    phases = [line.partition(" at 2")[0] for line in await logs(run) if ", session " in line]
    assert sorted(phases) == [
        f"sources: {phase}" for phase in ("COMPLETED", "OFFERED", "PREPARING", "RUNNING")
    ]


async def test_the_log_tells_how_long_such_sessions_usually_run(options: StepOptions) -> None:
    durations = Durations()
    broker = ending("COMPLETED")
    durations.note(likeness(broker.identity, "one", REQUEST.executable), "RUNNING", 720.0)

    @flow
    async def known() -> str:
        ours = options._replace(poller=Poller(durations))
        await step_async(broker, REQUEST, name="one", options=ours)
        return flow_run.id

    run, end = await known(), time.monotonic() + 20
    while not (found := [line for line in await logs(run) if ", usually for 12 min, session " in line]):
        assert time.monotonic() < end
        await asyncio.sleep(0.2)
    assert found[0].startswith("one: RUNNING at ")


async def states(of: str) -> list[str]:
    (run,) = await task_runs(of)
    async with get_client() as client:
        return [state.name or "" for state in await client.read_task_run_states(run.id)]


async def test_a_brief_step_costs_the_server_no_more_than_a_task(options: StepOptions) -> None:
    @flow
    async def brief() -> str:
        await step_async(ending("COMPLETED"), REQUEST, name="one", options=options)
        return flow_run.id

    run = await brief()
    assert await ended_task_runs(run, 1) == {"one @ scripted: COMPLETED": "Completed"}
    assert sorted(await states(run)) == ["Completed", "Pending", "Running"]


async def test_the_end_of_a_session_is_the_end_of_its_task_run(options: StepOptions) -> None:
    @flow
    async def mixed() -> tuple[str, list[Any]]:
        tasks = [
            step_async(ending(phase), REQUEST, name=phase.lower(), options=options)
            for phase in ("COMPLETED", "FAILED", "CANCELLED")
        ]
        return flow_run.id, await asyncio.gather(*tasks, return_exceptions=True)

    run, (completed, failed, cancelled) = await mixed()
    assert completed.session.phase == "COMPLETED"
    assert isinstance(failed, StepFailedError)
    assert isinstance(cancelled, StepCancelledError)
    assert (failed.run.session.phase, cancelled.run.session.phase) == ("FAILED", "CANCELLED")
    assert await ended_task_runs(run, 3) == {
        "completed @ scripted: COMPLETED": "Completed",
        "failed @ scripted: FAILED": "Failed",
        "cancelled @ scripted: CANCELLED": "Cancelled",
    }


def test_a_sync_flow_gets_the_same_errors_called_and_submitted(options: StepOptions) -> None:
    @flow
    def mixed() -> None:
        with pytest.raises(StepFailedError):
            step(ending("FAILED"), REQUEST, name="failed", options=options)
        with pytest.raises(StepCancelledError) as called:
            step(ending("CANCELLED"), REQUEST, name="cancelled", options=options)
        assert called.value.run.session.phase == "CANCELLED"
        tagged = step.with_options(tags=["ours"])
        with pytest.raises(StepCancelledError):
            tagged(ending("CANCELLED"), REQUEST, name="tagged", options=options)
        with pytest.raises(StepCancelledError):
            step.submit(ending("CANCELLED"), REQUEST, name="submitted", options=options).result()
        assert step(
            ending("CANCELLED"), REQUEST, name="state", options=options, return_state=True
        ).is_cancelled()

    mixed()


async def test_two_steps_of_one_name_are_an_error(options: StepOptions) -> None:
    broker = ending("COMPLETED")

    @flow
    async def twice() -> None:
        await step_async(broker, REQUEST, name="one", options=options)
        await step_async(broker, REQUEST, name="one", options=options)

    with pytest.raises(DuplicateStepError, match="'one'"):
        await twice()
    assert broker.runs == 1


async def test_a_retried_flow_run_gets_the_same_session(options: StepOptions) -> None:
    broker = ending("COMPLETED")
    chosen: list[str] = []

    @flow(retries=1)
    async def failing_once() -> None:
        chosen.append((await step_async(broker, REQUEST, name="one", options=options)).chosen)
        if len(chosen) == 1:
            raise ConnectionError("once")

    await failing_once()
    assert broker.runs == 1
    assert chosen[0] == chosen[1]


async def test_each_run_of_a_flow_gets_sessions_of_its_own(options: StepOptions) -> None:
    broker = ending("COMPLETED")

    @flow
    async def plain() -> None:
        await step_async(broker, REQUEST, name="one", options=options)

    await plain()
    await plain()
    assert broker.runs == 2


@pytest.mark.filterwarnings("ignore:Logger .* attempted to send logs")  # Prefect keeps logs of flow runs only
def test_a_step_needs_no_flow(options: StepOptions) -> None:
    assert step(ending("COMPLETED"), REQUEST, name="one", options=options).session.phase == "COMPLETED"
    assert step.fn(ending("COMPLETED"), REQUEST, name="one", options=options).session.phase == "COMPLETED"
    with pytest.raises(StepCancelledError):
        step.fn(ending("CANCELLED"), REQUEST, name="one", options=options)


async def test_waiting_sessions_of_an_async_flow_hold_no_threads(options: StepOptions) -> None:
    broker = ScriptedBroker(((0.0, "RUNNING"), (1.5, "COMPLETED")))

    @flow
    async def many() -> int:
        before = threading.active_count()
        steps = [step_async(broker, REQUEST, name=f"step {n}", options=options) for n in range(100)]
        waiting = asyncio.gather(*steps)
        await asyncio.sleep(1.0)
        held = threading.active_count() - before
        await waiting
        return held

    assert await many() <= 10
    assert broker.runs == 100


def test_the_collection_entry_point_imports_next_to_nothing() -> None:
    code = "import sys, eb_prefect; sys.exit(bool({'prefect', 'pydantic', 'httpx'} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode
        == 0
    )
