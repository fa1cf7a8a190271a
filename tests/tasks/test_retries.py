# SPDX-License-Identifier: Apache-2.0
"""Attempts after a step that did not end well, and runs within runs."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import Flow, flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.flow_engine import run_flow
from prefect.states import AwaitingRetry
from prefect.transactions import transaction

from eb_prefect.ending import StepFailedError
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import Session
from eb_prefect.step import StepOptions
from eb_prefect.tasks import step, step_async
from eb_prefect.testing.scripted import ScriptedBroker

REQUEST = ExecutionRequest(name="nothing", executable=Program(command=("true",)))

pytestmark = pytest.mark.usefixtures("prefect_api")


class FailsOnce(ScriptedBroker):
    """Its first session fails, the others complete."""

    def __init__(self) -> None:
        super().__init__(((0.0, "FAILED"),))

    def accept(self, session: str) -> Session:
        if self.runs:
            self.script = ((0.0, "COMPLETED"),)
        return super().accept(session)


@pytest.fixture
def options(tmp_path: Path) -> StepOptions:
    return StepOptions(journal=DirectoryJournal(tmp_path))


async def begun(of: Flow[..., Any]) -> FlowRun:
    async with get_client() as client:
        return await client.create_flow_run(of)


async def retried(run: UUID) -> FlowRun:
    """Do what the Retry of the UI does."""
    async with get_client() as client:
        await client.set_flow_run_state(run, AwaitingRetry(), force=True)
        return await client.read_flow_run(run)


async def test_a_retry_of_the_task_runs_a_failed_step_again(options: StepOptions) -> None:
    broker = FailsOnce()

    @flow
    async def once() -> str:
        return str(
            (
                await step_async.with_options(retries=1)(broker, REQUEST, name="one", options=options)
            ).session.phase
        )

    assert await once() == "COMPLETED"
    assert broker.runs == 2


def test_a_retry_of_a_task_in_a_thread_runs_a_failed_step_again(options: StepOptions) -> None:
    broker = FailsOnce()

    @flow
    def once() -> str:
        running = step.with_options(retries=1).submit(broker, REQUEST, name="one", options=options)
        return str(running.result().session.phase)

    assert once() == "COMPLETED"
    assert broker.runs == 2


async def test_retries_of_a_flow_run_failed_steps_alone_again(options: StepOptions) -> None:
    good, bad = ScriptedBroker(((0.0, "COMPLETED"),)), FailsOnce()

    @flow(retries=1)
    async def both() -> None:
        await step_async(good, REQUEST, name="good", options=options)
        await step_async(bad, REQUEST, name="bad", options=options)

    await both()
    assert (good.runs, bad.runs) == (1, 2)


async def test_a_flow_run_that_a_person_retries_runs_failed_steps_alone_again(options: StepOptions) -> None:
    good, bad = ScriptedBroker(((0.0, "COMPLETED"),)), FailsOnce()

    @flow
    async def both() -> None:
        await step_async(good, REQUEST, name="good", options=options)
        await step_async(bad, REQUEST, name="bad", options=options)

    run = await begun(both)
    with pytest.raises(StepFailedError):
        await run_flow(both, flow_run=run)
    await run_flow(both, flow_run=await retried(run.id))
    async with get_client() as client:
        assert (await client.read_flow_run(run.id)).run_count == 2
    assert (good.runs, bad.runs) == (1, 2)


async def test_a_retried_parent_finds_the_sessions_of_its_subflows(options: StepOptions) -> None:
    broker = ScriptedBroker(((0.0, "COMPLETED"),))
    attempts: list[int] = []

    @flow
    async def child(name: str) -> None:
        await step_async(broker, REQUEST, name=name, options=options)
        if not attempts and name == "two":
            attempts.append(1)
            raise ConnectionError("once")

    @flow
    async def parent() -> None:
        await step_async(broker, REQUEST, name="one", options=options)
        await child("one")
        await child("two")

    run = await begun(parent)
    with pytest.raises(ConnectionError):
        await run_flow(parent, flow_run=run)
    await run_flow(parent, flow_run=await retried(run.id))
    assert broker.runs == 3


async def test_a_step_of_a_nested_task_is_found_again(options: StepOptions) -> None:
    broker = ScriptedBroker(((0.0, "COMPLETED"),))
    attempts: list[int] = []

    @task(retries=1)
    async def around() -> None:
        await step_async(broker, REQUEST, name="one", options=options)
        attempts.append(1)
        if len(attempts) == 1:
            raise ConnectionError("once")

    @flow
    async def nested() -> None:
        await around()

    await nested()
    assert (broker.runs, len(attempts)) == (1, 2)


@pytest.mark.parametrize("setting", ["REFRESH_CACHE", "DISABLE_CACHING"])
async def test_settings_of_prefects_caches_change_nothing(
    options: StepOptions, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"PREFECT_TASKS_{setting}", "true")
    await test_retries_of_a_flow_run_failed_steps_alone_again(options)


async def test_a_transaction_around_steps_changes_nothing(options: StepOptions) -> None:
    broker, attempts = ScriptedBroker(((0.0, "COMPLETED"),)), []

    @flow(retries=1, persist_result=True)
    async def transacted() -> None:
        with transaction():
            await step_async(broker, REQUEST, name="one", options=options)
            attempts.append(1)
            if len(attempts) == 1:
                raise ConnectionError("once")

    await transacted()
    assert (broker.runs, len(attempts)) == (1, 2)


async def test_a_key_finds_the_session_in_another_flow(options: StepOptions) -> None:
    broker = ScriptedBroker(((0.0, "COMPLETED"),))

    @flow
    async def first() -> str:
        return (await step_async(broker, REQUEST, name="one", options=options._replace(key="mine"))).chosen

    @flow
    async def second() -> str:
        return (await step_async(broker, REQUEST, name="one", options=options._replace(key="mine"))).chosen

    assert await first() == await second()
    assert broker.runs == 1
