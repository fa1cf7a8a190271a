# SPDX-License-Identifier: Apache-2.0
"""What sessions write, in the logs of their task runs."""

import asyncio
import time
from pathlib import Path

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import Log
from prefect.runtime import flow_run

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.server.run import serving
from eb_prefect.step import StepOptions
from eb_prefect.tasks import step_async

pytestmark = pytest.mark.usefixtures("prefect_api")


def shell(text: str) -> ExecutionRequest:
    return ExecutionRequest(name="shell", executable=Program(command=("/bin/sh", "-c", text)))


def waiting_for(gate: Path) -> ExecutionRequest:
    """A program that writes a line, and a second one once there is a file."""
    return shell(
        f"echo first; echo wrong >&2; while [ ! -e {gate} ]; do sleep 0.05; done; printf 'se\\ncond'"
    )


@pytest.fixture
def options(tmp_path: Path) -> StepOptions:
    return StepOptions(journal=DirectoryJournal(tmp_path / "journal"))


async def logged(of: str) -> list[Log]:
    async with get_client() as client:
        found = await client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[of])), limit=200)
    return [log for log in found if " | " in log.message]


async def lines(of: str, count: int) -> list[str]:
    end = time.monotonic() + 60
    while len(found := await logged(of)) < count:
        assert time.monotonic() < end, [log.message for log in found]
        await asyncio.sleep(0.1)
    assert len({log.task_run_id for log in found}) == len({log.message.split()[0] for log in found})
    return [log.message for log in sorted(found, key=lambda log: log.timestamp)]


async def test_lines_are_logged_while_the_session_runs(tmp_path: Path, options: StepOptions) -> None:
    """Of a broker of this machine, and of one behind HTTP which is asked for what is new only."""
    broker = EmbeddedBroker(tmp_path / "broker")

    @flow
    async def watched() -> str:
        with serving(broker) as url:
            far = HTTPBroker(url, name="far")
            steps = [
                asyncio.create_task(
                    step_async(each, waiting_for(tmp_path / "gate"), name=name, options=options)
                )
                for name, each in (("near", broker), ("far", far))
            ]
            before = await lines(flow_run.id, 4)
            assert sorted(before) == [
                "far stderr | wrong",
                "far | first",
                "near stderr | wrong",
                "near | first",
            ]
            (tmp_path / "gate").touch()
            await asyncio.gather(*steps)
        return flow_run.id

    after = await lines(await watched(), 8)
    assert sorted(after)[2:3] == ["far | first"]
    assert [line for line in after if "stderr" not in line and line.startswith("far")] == [
        "far | first",
        "far | se",
        "far | cond",
    ]
    assert after.count("near | cond") == 1


async def test_a_step_tells_no_more_lines_than_it_may(
    tmp_path: Path, options: StepOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_INTEGRATIONS_EB_LOG_LINES", "3")
    monkeypatch.setenv("PREFECT_INTEGRATIONS_EB_REPORTS", "1")
    broker = EmbeddedBroker(tmp_path / "broker")

    @flow
    async def chatty() -> tuple[str, str]:
        one = await step_async(broker, shell("seq 100000"), name="one", options=options)
        await step_async(broker, shell("echo unheard"), name="two", options=options)
        return flow_run.id, one.session.uuid

    run, session = await chatty()
    rest = f"one | no more lines here; eb logs {session} shows all"
    assert await lines(run, 4) == ["one | 1", "one | 2", "one | 3", rest]


AT, SECRET = "http://127.0.0.1/lab?token=", "0123456789abcdef0123456789abcdef"


async def test_a_retry_does_not_log_the_same_lines_again_and_secrets_never(
    tmp_path: Path, options: StepOptions
) -> None:
    broker = EmbeddedBroker(tmp_path / "broker")
    tries: list[str] = []

    @flow(retries=1)
    async def failing_once() -> str:
        tries.append((await step_async(broker, shell("echo once"), name="one", options=options)).chosen)
        if len(tries) == 1:
            raise ConnectionError("once")
        await step_async(broker, shell(f"echo {AT}{SECRET}"), name="two", options=options)
        return flow_run.id

    assert await lines(await failing_once(), 2) == ["one | once", f"two | {AT}[redacted]"]
    assert tries[0] == tries[1]
