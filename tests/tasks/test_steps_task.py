# SPDX-License-Identifier: Apache-2.0
import json
import time
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterKey,
    FlowRunFilter,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.runtime import flow_run

from eb_prefect.ending import StepFailedError, StepsCancelledError, StepsFailedError
from eb_prefect.errors import DuplicateStepError
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.step import StepOptions
from eb_prefect.tasks import step_async, steps, steps_async
from eb_prefect.testing.script import Script
from eb_prefect.testing.scripted import ScriptedBroker
from provenance.store import Store
from provenance.tasks import Keeping, recorded_steps_async

GOOD = ExecutionRequest(name="good", executable=Program(command=("true",)))
BAD = ExecutionRequest(name="bad", executable=Program(command=("false",)))

pytestmark = pytest.mark.usefixtures("prefect_api")


def script(request: ExecutionRequest) -> Script:
    return ((0.0, "RUNNING"), (0.02, "FAILED" if request.name == "bad" else "COMPLETED"))


@pytest.fixture
def options(tmp_path: Path) -> StepOptions:
    return StepOptions(journal=DirectoryJournal(tmp_path))


async def until(read: Any, is_so: Any) -> Any:
    end = time.monotonic() + 120
    while not is_so(found := await read()):
        assert time.monotonic() < end, found
    return found


async def task_runs(of: str) -> dict[str, str | None]:
    async with get_client() as client:
        ours = FlowRunFilter.model_validate({"id": {"any_": [of]}})
        return {run.name: run.state_name for run in await client.read_task_runs(flow_run_filter=ours)}


async def tables(key: str, of: str) -> list[Any]:
    async with get_client() as client:
        found = await client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
        return [each for each in found if str(each.flow_run_id) == of]


async def logs(of: str) -> list[str]:
    async with get_client() as client:
        found = await client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[of])))
        return [log.message for log in found]


async def test_many_steps_are_one_task_run_with_one_table(options: StepOptions) -> None:
    @flow
    async def many() -> str:
        requests = {f"sort {n}": GOOD for n in range(20)}
        made = await steps_async(ScriptedBroker(script), requests, name="Sort 7", options=options)
        assert [each.name for each in made.made.values()] == list(requests)
        return str(flow_run.id)

    run = await many()
    named = {"Sort 7 x20: 20 of 20": "Completed"}
    assert await until(lambda: task_runs(run), named.__eq__) == named
    (table,) = await until(lambda: tables("eb-steps-sort-7", run), bool)
    rows = json.loads(table.data)
    assert [row["step"] for row in rows] == [f"sort {n}" for n in range(20)]
    assert {row["phase"] for row in rows} == {"COMPLETED"}
    assert all(row["session"] and row["started"] and float(row["seconds"]) >= 0 for row in rows)
    last = "20 of 20: 20 COMPLETED"
    told = await until(lambda: logs(run), lambda lines: any(last in line for line in lines))
    assert len(told) < 20


async def test_failures_are_one_error_with_all_stories(options: StepOptions) -> None:
    @flow
    async def many() -> tuple[str, list[str], list[str]]:
        requests = {"one": GOOD, "two": BAD, "three": BAD}
        told = "2 of 3 steps of 'sort' failed: step 'two' FAILED"
        with pytest.raises(StepsFailedError, match=told) as raised:
            await steps_async(ScriptedBroker(script), requests, name="sort", options=options)
        reasons = raised.value.failed.values()
        stories = [reason.run.name for reason in reasons if isinstance(reason, StepFailedError)]
        return str(flow_run.id), list(raised.value.made), stories

    run, made, stories = await many()
    assert (made, stories) == (["one"], ["two", "three"])
    await until(lambda: task_runs(run), {"sort x3: 3 of 3, 2 failed": "Failed"}.__eq__)
    await until(lambda: logs(run), lambda lines: any("two: step 'two' FAILED" in line for line in lines))


async def test_failures_are_returned_where_that_is_wanted(options: StepOptions) -> None:
    @flow
    async def many() -> tuple[list[str], list[str]]:
        requests = {"one": GOOD, "two": BAD}
        made, failed = await steps_async(
            ScriptedBroker(script), requests, name="sort", options=options, failures="return"
        )
        return list(made), list(failed)

    assert await many() == (["one"], ["two"])


async def test_many_that_were_cancelled_are_a_cancelled_task_run(options: StepOptions) -> None:
    @flow
    async def many() -> str:
        broker = ScriptedBroker(((0.0, "RUNNING"), (0.02, "CANCELLED")))
        with pytest.raises(StepsCancelledError):
            await steps_async(broker, {"one": GOOD, "two": GOOD}, name="sort", options=options)
        return str(flow_run.id)

    run = await many()
    await until(lambda: task_runs(run), {"sort x2: 2 of 2, 2 cancelled": "Cancelled"}.__eq__)


async def test_a_step_has_its_name_in_all_of_a_flow_run(options: StepOptions) -> None:
    @flow
    async def twice() -> None:
        broker = ScriptedBroker(script)
        await step_async(broker, GOOD, name="two", options=options)
        with pytest.raises(DuplicateStepError):
            await steps_async(broker, {"one": GOOD, "two": GOOD}, name="sort", options=options)

    await twice()


def test_many_in_a_sync_flow(options: StepOptions) -> None:
    @flow
    def many() -> int:
        requests = {f"sort {n}": GOOD for n in range(5)}
        return len(steps(ScriptedBroker(script), requests, name="sort", options=options).made)

    assert many() == 5


async def test_each_has_a_record_of_its_own(options: StepOptions, tmp_path: Path) -> None:
    store = Store(tmp_path / "records.db")

    @flow
    async def many() -> list[str]:
        requests = {"one": GOOD, "two": BAD, "three": GOOD}
        ended = await recorded_steps_async(
            ScriptedBroker(script),
            requests,
            name="sort",
            options=options,
            keeping=Keeping(store=store),
            failures="return",
        )
        return [each.record for each in ended.made.values()]

    assert len(set(await many())) == 2
    assert sorted(entry.name for entry in store.history()) == ["one", "three", "two"]
