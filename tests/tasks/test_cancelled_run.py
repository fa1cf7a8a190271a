# SPDX-License-Identifier: Apache-2.0
import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, LogFilter, LogFilterFlowRunId
from prefect.runtime import flow_run
from prefect.states import Cancelling

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.ending import StepCancelledError
from eb_prefect.errors import RunCancelledError, SessionGoesOnError
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.runs import cancelling
from eb_prefect.step import StepOptions, default_journal, run_step
from eb_prefect.tasks import step, step_async
from eb_prefect.testing.faults import Faults
from eb_prefect.testing.scripted import ScriptedBroker
from tests.tasks import cancel_trials

REQUEST = ExecutionRequest(name="nothing", executable=Program(command=("true",)))
LONG = ExecutionRequest(name="long", executable=Program(command=("sleep", "900")))
TRIALS = int(os.environ.get("EB_KILL_TRIALS", "0"))


@pytest.fixture
def options(tmp_path: Path) -> StepOptions:
    return StepOptions(journal=DirectoryJournal(tmp_path))


def endless(**given: Any) -> ScriptedBroker:
    return ScriptedBroker(((0.0, "RUNNING"),), **given)


async def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


async def cancel(run: str) -> None:
    """Set a run to Cancelling, and let it know sooner than by itself."""
    async with get_client() as client:
        await client.set_flow_run_state(UUID(run), Cancelling())
    known = cancelling.watch._runs[UUID(run)]
    assert await asyncio.to_thread(cancelling.watch.is_cancelled, known, within=30)


async def state_of(run: str) -> str:
    end = time.monotonic() + 30
    async with get_client() as client:
        while True:
            state = (await client.read_flow_run(UUID(run))).state
            if state.is_final() or time.monotonic() > end:
                return state.name
            await asyncio.sleep(0.1)


async def task_runs(run: str, count: int) -> dict[str, str]:
    end = time.monotonic() + 30
    ours = FlowRunFilter.model_validate({"id": {"any_": [run]}})
    async with get_client() as client:
        while True:
            found = await client.read_task_runs(flow_run_filter=ours)
            if (
                len(found) == count and all(each.state.is_final() for each in found)
            ) or time.monotonic() > end:
                return {each.name: each.state_name for each in found}
            await asyncio.sleep(0.1)


async def logged(run: str, text: str) -> None:
    end = time.monotonic() + 30
    wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[UUID(run)]))
    async with get_client() as client:
        while not any(text in log.message for log in await client.read_logs(wanted)):
            assert time.monotonic() < end, text
            await asyncio.sleep(0.2)


@pytest.mark.usefixtures("prefect_api")
async def test_a_cancelled_run_ends_all_its_sessions_and_is_cancelled(options: StepOptions) -> None:
    broker, runs = endless(), []

    @flow
    async def several() -> None:
        runs.append(flow_run.id)
        steps = [step_async(broker, REQUEST, name=f"step {n}", options=options) for n in range(5)]
        await asyncio.gather(*steps)

    running = asyncio.create_task(several())
    await until(lambda: len(broker.at_work()) == 5)
    await cancel(runs[0])
    with pytest.raises(StepCancelledError):
        await running
    assert not broker.at_work()
    assert await state_of(runs[0]) == "Cancelled"
    ends = await task_runs(runs[0], 5)
    assert len(ends) == 5
    assert {name.rpartition(": ")[2] for name in ends} == {"CANCELLED"}
    assert set(ends.values()) == {"Cancelled"}


@pytest.mark.usefixtures("prefect_api")
async def test_a_step_of_a_cancelled_run_accepts_no_offer(options: StepOptions) -> None:
    broker, runs = endless(), []

    @flow
    async def one_more() -> None:
        runs.append(flow_run.id)
        with pytest.raises(StepCancelledError):
            await step_async(broker, REQUEST, name="first", options=options)
        with pytest.raises(RunCancelledError):
            await step_async(broker, REQUEST, name="second", options=options)

    running = asyncio.create_task(one_more())
    await until(lambda: bool(broker.at_work()))
    await cancel(runs[0])
    await running
    assert broker.calls["accept"] == 1
    assert await state_of(runs[0]) == "Cancelled"
    assert set((await task_runs(runs[0], 2)).values()) == {"Cancelled"}


@pytest.mark.usefixtures("prefect_api")
async def test_a_step_that_waits_for_a_broker_that_is_away_ends(options: StepOptions) -> None:
    broker, runs = endless(), []

    def away(_: Any) -> Any:
        broker.outages = 10**6
        return broker.look(next(iter(broker._lives)))

    @flow
    async def waits() -> None:
        runs.append(flow_run.id)
        await step_async(broker, REQUEST, name="away", options=options._replace(choose=away, pace=None))

    running = asyncio.create_task(waits())
    await until(lambda: broker.outages > 0)
    broker.outages = 10**6
    asked = broker.calls["accept"]
    await until(lambda: broker.calls["accept"] > asked)
    await cancel(runs[0])
    broker.outages = 0
    with pytest.raises((RunCancelledError, StepCancelledError)):
        await running
    assert not broker.at_work()
    assert await state_of(runs[0]) == "Cancelled"


@pytest.mark.usefixtures("prefect_api")
async def test_a_session_that_does_not_end_is_told_and_given_up(
    options: StepOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_INTEGRATIONS_EB_CANCEL_WITHIN", "1")
    broker, runs = endless(faults=Faults(cancel_does_not_stick=True)), []

    @flow
    async def stubborn() -> None:
        runs.append(flow_run.id)
        await step_async(broker, REQUEST, name="stubborn", options=options)

    running = asyncio.create_task(stubborn())
    await until(lambda: bool(broker.at_work()))
    await cancel(runs[0])
    with pytest.raises(SessionGoesOnError) as told:
        await running
    assert await state_of(runs[0]) == "Cancelled"
    await logged(runs[0], f"eb cancel {told.value.session} --broker scripted")


@pytest.mark.usefixtures("prefect_api")
async def test_a_step_may_leave_its_session_to_itself(options: StepOptions) -> None:
    broker, runs = endless(), []

    @flow
    async def left() -> None:
        runs.append(flow_run.id)
        await step_async(broker, REQUEST, name="left", options=options._replace(on_cancel="leave"))

    running = asyncio.create_task(left())
    await until(lambda: bool(broker.at_work()))
    await cancel(runs[0])
    with pytest.raises(RunCancelledError, match="goes on"):
        await running
    assert len(broker.at_work()) == 1
    assert await state_of(runs[0]) == "Cancelled"


@pytest.mark.usefixtures("prefect_api")
async def test_a_subflow_is_cancelled_with_the_flow_above_it(options: StepOptions) -> None:
    broker, runs = endless(), []

    @flow
    async def below() -> None:
        runs.append(flow_run.id)
        await step_async(broker, REQUEST, name="below", options=options)

    @flow
    async def above() -> None:
        runs.append(flow_run.id)
        await below()

    running = asyncio.create_task(above())
    await until(lambda: bool(broker.at_work()))
    async with get_client() as client:
        await client.set_flow_run_state(UUID(runs[0]), Cancelling())
    with pytest.raises(StepCancelledError):
        await running
    assert not broker.at_work()
    assert await state_of(runs[1]) == "Cancelled"
    assert await state_of(runs[0]) == "Cancelled"


@pytest.mark.usefixtures("prefect_api")
async def test_a_step_that_is_interrupted_leaves_its_session(options: StepOptions) -> None:
    broker = endless()

    @flow
    async def brief() -> None:
        await asyncio.wait_for(step_async(broker, REQUEST, name="long", options=options), timeout=1)

    with pytest.raises(TimeoutError):
        await brief()
    assert len(broker.at_work()) == 1


@pytest.mark.usefixtures("prefect_api")
async def test_a_step_that_wants_it_ends_its_session_when_it_is_interrupted(options: StepOptions) -> None:
    broker = endless()
    options = options._replace(on_crash="cancel")

    @flow
    async def brief() -> None:
        await asyncio.wait_for(step_async(broker, REQUEST, name="long", options=options), timeout=1)

    with pytest.raises(TimeoutError):
        await brief()
    assert not broker.at_work()


@pytest.mark.usefixtures("prefect_api")
async def test_threads_end_with_their_cancelled_run(options: StepOptions) -> None:
    broker, runs = endless(), []

    @flow
    def in_threads() -> None:
        runs.append(flow_run.id)
        futures = [step.submit(broker, REQUEST, name=f"step {n}", options=options) for n in range(3)]
        for future in futures:
            future.result()

    running = asyncio.create_task(asyncio.to_thread(in_threads))
    await until(lambda: len(broker.at_work()) == 3)
    await cancel(runs[0])
    with pytest.raises(StepCancelledError):
        await running
    assert not broker.at_work()
    assert await state_of(runs[0]) == "Cancelled"
    assert set((await task_runs(runs[0], 3)).values()) == {"Cancelled"}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_terminated_process_ends_and_leaves_the_sessions_of_its_threads(
    tmp_path: Path, prefect_environment: dict[str, str], how: signal.Signals
) -> None:
    folder = tmp_path / uuid4().hex
    folder.mkdir()
    environment = {**prefect_environment, "EB_HOME": str(tmp_path / "home"), "TRIAL_FOLDER": str(folder)}
    with subprocess.Popen(
        [sys.executable, str(cancel_trials.PROGRAM), "threads:2:900:never"], env=environment
    ) as process:
        end = time.monotonic() + 60
        while len(list(folder.glob("*.beat"))) < 2:
            assert time.monotonic() < end
            time.sleep(0.1)
        process.send_signal(how)
        process.wait(30)
    broker = EmbeddedBroker(tmp_path / "home")
    phases = {path.name: broker.session(path.name).phase for path in (tmp_path / "home/sessions").iterdir()}
    assert list(phases.values()) == ["RUNNING", "RUNNING"]
    for session in phases:
        broker.cancel(session)


def test_sessions_that_a_killed_run_left_are_cancelled_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from provenance.cli.cancel import cancel as command

    monkeypatch.setenv("EB_HOME", str(tmp_path))
    run, broker = str(uuid4()), EmbeddedBroker()
    with ThreadPoolExecutor() as threads:
        made = threads.submit(run_step, broker, LONG, name="long", options=StepOptions(run=run))
        end = time.monotonic() + 60
        while not any(each.phase == "RUNNING" for each in default_journal().sessions_of(run)):
            assert time.monotonic() < end
            time.sleep(0.05)
        told = CliRunner().invoke(command, ["--flow-run", run])
        assert (told.exit_code, told.output.partition(": ")[2]) == (0, "long: ended\n")
        assert made.result(60).session.phase == "CANCELLED"
    told = CliRunner().invoke(command, ["--flow-run", run])
    assert (told.exit_code, told.output) == (0, f"flow run {run} has no sessions here that go on\n")


@pytest.mark.timeout(400 + TRIALS * 30)
def test_no_session_outlives_its_cancelled_run(tmp_path: Path, prefect_environment: dict[str, str]) -> None:
    if TRIALS:
        assert cancel_trials.main(TRIALS, tmp_path, prefect_environment) == 0
        return
    environment = {**prefect_environment, "EB_HOME": str(tmp_path / "home")}
    wanted = [f"async:2:900:{point}+held" for point in ("offered", "accept", "record")]
    folder = tmp_path / uuid4().hex
    trials = cancel_trials.script(folder, environment, [*wanted, "main:1:900:preparing+held"])
    found = cancel_trials.judge(trials, [folder], tmp_path / "home", tmp_path / "home")
    assert found.wrong == []
