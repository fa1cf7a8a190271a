# SPDX-License-Identifier: Apache-2.0
"""Flow runs that are cancelled at the moments at which it is easily missed."""

import asyncio
import signal
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import Flow, flow
from prefect.client.orchestration import get_client
from prefect.exceptions import TerminationSignal
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelled, Cancelling, Running, State
from prefect.task_runners import ThreadPoolTaskRunner

from eb_prefect.ending import StepCancelledError
from eb_prefect.errors import EBError, RunCancelledError
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.steprun import PhaseChange, StepRun
from eb_prefect.onlooking import Onlooker
from eb_prefect.part_tasks import accept_offer_async, request_offers_async, wait_session_async
from eb_prefect.runs import cancelling
from eb_prefect.runs.watch import Watch
from eb_prefect.step import StepOptions
from eb_prefect.tasks import step, step_async
from eb_prefect.testing.scripted import ScriptedBroker
from tests.tasks.cut import Line

REQUEST = ExecutionRequest(name="nothing", executable=Program(command=("true",)))

pytestmark = pytest.mark.usefixtures("prefect_api")


@pytest.fixture
def options(tmp_path: Path) -> StepOptions:
    return StepOptions(journal=DirectoryJournal(tmp_path))


def endless() -> ScriptedBroker:
    return ScriptedBroker(((0.0, "RUNNING"),))


def brief() -> ScriptedBroker:
    return ScriptedBroker(((0.0, "COMPLETED"),))


def put(run: str, state: State[Any]) -> None:
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(UUID(run), state, force=True)


def states_of(run: str) -> list[str]:
    with get_client(sync_client=True) as client:
        found = client.read_flow_run_states(UUID(run))
    return [str(state.name) for state in sorted(found, key=lambda state: state.timestamp)]


async def ended(run: str) -> str:
    """Return the last state once nothing here has to do with the run."""
    end = time.monotonic() + 30
    while UUID(run) in cancelling.watch._runs and time.monotonic() < end:
        await asyncio.sleep(0.1)
    return (await asyncio.to_thread(states_of, run))[-1]


async def test_one_that_crashes_before_anybody_looks_is_cancelled(options: StepOptions) -> None:
    runs = []

    @flow
    async def crashes() -> None:
        runs.append(flow_run.id)
        await step_async(brief(), REQUEST, name="brief", options=options)
        await asyncio.to_thread(put, runs[0], Cancelling())
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await crashes()
    assert await ended(runs[0]) == "Cancelled"


async def test_sessions_that_one_left_as_it_crashed_end_with_it(options: StepOptions) -> None:
    broker, runs = endless(), []

    @flow
    async def crashes() -> None:
        runs.append(flow_run.id)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(step_async(broker, REQUEST, name="long", options=options), timeout=1)
        await asyncio.to_thread(put, runs[0], Cancelling())
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await crashes()
    assert await ended(runs[0]) == "Cancelled"
    assert not broker.at_work()


async def test_one_that_crashes_is_crashed(options: StepOptions) -> None:
    broker, runs = endless(), []

    @flow
    async def crashes() -> None:
        runs.append(flow_run.id)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(step_async(broker, REQUEST, name="long", options=options), timeout=1)
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await crashes()
    assert await ended(runs[0]) == "Crashed"
    assert len(broker.at_work()) == 1


async def test_one_that_is_cancelled_as_it_begins_begins_nothing(options: StepOptions) -> None:
    broker, runs = endless(), []

    def cancels(flow: Any, run: Any, state: Any) -> None:
        put(str(run.id), Cancelling())

    @flow(on_running=[cancels])
    async def begins() -> None:
        runs.append(flow_run.id)
        for n in range(2):
            with pytest.raises(RunCancelledError):
                await step_async(broker, REQUEST, name=f"step {n}", options=options)
            await asyncio.sleep(1)
        assert (await asyncio.to_thread(states_of, runs[0]))[-1] == "Cancelling"

    await begins()
    assert broker.calls["accept"] == 0
    assert await ended(runs[0]) == "Cancelled"


@pytest.mark.parametrize("is_borne", [False, True])
async def test_one_that_is_cancelled_without_a_stage_between_stays_so(
    options: StepOptions, *, is_borne: bool
) -> None:
    """The engine may tell any end after that."""
    broker, runs = endless(), []

    @flow
    async def overwrites() -> None:
        runs.append(flow_run.id)
        try:
            await step_async(broker, REQUEST, name="long", options=options)
        except EBError:
            if not is_borne:
                raise

    running = asyncio.create_task(overwrites())
    while not broker.at_work():
        await asyncio.sleep(0.05)
    await asyncio.to_thread(put, runs[0], Cancelled())
    await asyncio.gather(running, return_exceptions=True)
    assert await ended(runs[0]) == "Cancelled"
    assert not broker.at_work()


class Interrupted(ThreadPoolTaskRunner):
    """A task runner that is interrupted as it ends, a second after its flow has."""

    def __exit__(self, *given: object) -> None:
        super().__exit__(*given)
        time.sleep(1)
        raise KeyboardInterrupt


async def test_one_that_is_interrupted_after_its_end_stays_cancelled(options: StepOptions) -> None:
    broker, runs = endless(), []

    @flow(task_runner=Interrupted())
    def interrupted() -> None:
        runs.append(flow_run.id)
        step(broker, REQUEST, name="long", options=options)

    def run() -> None:
        with pytest.raises((KeyboardInterrupt, StepCancelledError)):  # it tells the latter of one with an end
            interrupted()

    running = asyncio.create_task(asyncio.to_thread(run))
    while not broker.at_work():
        await asyncio.sleep(0.05)
    await asyncio.to_thread(put, runs[0], Cancelling())
    await running
    assert await ended(runs[0]) == "Cancelled"


async def test_a_session_between_its_tasks_ends_with_the_run(options: StepOptions) -> None:
    broker, runs = endless(), []

    @flow
    async def in_parts() -> None:
        runs.append(flow_run.id)
        offered = await request_offers_async(broker, REQUEST, name="parts", options=options)
        accepted = await accept_offer_async(broker, offered, options=options)
        await asyncio.to_thread(put, runs[0], Cancelling())
        known = cancelling.watch._runs[UUID(runs[0])]
        assert await asyncio.to_thread(cancelling.watch.is_cancelled, known, within=30)
        await wait_session_async(broker, accepted, options=options)

    with pytest.raises(RunCancelledError):
        await in_parts()
    assert await ended(runs[0]) == "Cancelled"
    assert not broker.at_work()


class Signalled(Onlooker):
    """Is where a signal comes that its run is cancelled: not while the step waits."""

    def __init__(self, at: str) -> None:
        self.at = at

    def changed(self, broker: Any, session: Any, change: PhaseChange) -> None:
        if change.phase == self.at:
            self.at = ""
            put(flow_run.id, Cancelling())
            raise TerminationSignal(signal.SIGTERM)


@pytest.mark.parametrize(("at", "count"), [("OFFERED", 0), ("RUNNING", 1)])
async def test_a_step_that_a_signal_tears_is_told_to_its_end(
    options: StepOptions, at: str, count: int
) -> None:
    broker, runs, told = endless(), [], []

    def finish(_: Any, run: StepRun) -> StepRun:
        told.append(str(run.session.phase))
        return run

    torn = options._replace(onlookers=(Signalled(at),), finish=finish)

    @flow
    def signalled() -> None:
        runs.append(flow_run.id)
        step(broker, REQUEST, name="torn", options=torn)

    with pytest.raises((StepCancelledError, RunCancelledError)):
        await asyncio.to_thread(signalled)
    assert told[:count] == ["CANCELLED"] * count
    assert not broker.at_work()
    assert await ended(runs[0]) == "Cancelled"


async def test_an_answer_is_waited_for_while_the_server_is_away(prefect_api: str) -> None:
    line, watch = Line(prefect_api), Watch()
    with temporary_settings({PREFECT_API_URL: line.url}), get_client(sync_client=True) as client:
        made = client.create_flow_run(Flow(lambda: None, name="none"), state=Running())
        run = watch.enter(client.read_flow_run(made.id))
    put(str(made.id), Cancelling())
    line.cut()
    began = time.monotonic()
    assert not await asyncio.to_thread(watch.is_cancelled, run, within=2)
    assert not await asyncio.to_thread(watch.is_cancelled, run, within=60)
    assert 2 <= time.monotonic() - began < 30
    run._unheard_until = 0.0
    asking = asyncio.create_task(asyncio.to_thread(watch.is_cancelled, run, within=30))
    await asyncio.sleep(1)
    line.mend()
    assert await asking
