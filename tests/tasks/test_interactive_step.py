# SPDX-License-Identifier: Apache-2.0
import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, LogFilter, LogFilterFlowRunId
from prefect.runtime import flow_run

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.model.executable import JupyterServer
from eb_prefect.step import StepOptions
from provenance.products.extract import extract
from provenance.record import read_record
from provenance.store import Store
from provenance.tasks import Keeping, recorded_step_async
from tests.brokers.embedded.lab import PATIENCE, Lab, holding
from tests.brokers.embedded.steps import request

pytestmark = pytest.mark.usefixtures("prefect_api")


async def sessions(home: Path) -> str:
    while not (found := [path.name for path in (home / "sessions").glob("[!.]*") if (path / "log").exists()]):
        await asyncio.sleep(0.05)
    return found[0]


async def links(session: str) -> list[Any]:
    async with get_client() as client:
        key = ArtifactFilterKey(any_=[f"eb-link-{session}"])
        return await client.read_artifacts(artifact_filter=ArtifactFilter(key=key))


async def lines(of: str) -> list[str]:
    async with get_client() as client:
        found = await client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[of])))
    return [log.message for log in found]


async def names(of: str) -> set[str]:
    from prefect.client.schemas.filters import FlowRunFilter

    async with get_client() as client:
        ours = FlowRunFilter.model_validate({"id": {"any_": [of]}})
        return {run.name for run in await client.read_task_runs(flow_run_filter=ours)}


async def eventually(found: Any) -> Any:
    end = time.monotonic() + PATIENCE
    while not (value := await found()):
        assert time.monotonic() < end
        await asyncio.sleep(0.2)
    return value


@pytest.mark.timeout(300)  # a server starts in it, on a machine that may be busy
async def test_a_flow_links_what_is_up_and_goes_on_when_it_has_ended(
    tmp_path: Path, prefect_environment: dict[str, str]
) -> None:
    pytest.importorskip("jupyterlab", reason="the extra notebook is not installed")
    home, given = tmp_path / "home", tmp_path / "frames.txt"
    given.write_text("bias\n")
    broker = EmbeddedBroker(home)
    options = StepOptions(journal=DirectoryJournal(tmp_path / "journal"))
    keeping = Keeping(store=Store(tmp_path / "records.db"), into=tmp_path / "made")
    seen: dict[str, Any] = {}

    async def person() -> None:
        session = await sessions(home)
        link = (await eventually(lambda: links(session)))[0]
        run = flow_run.id
        assert "look: AVAILABLE" in await eventually(lambda: _with(names(run), "look: AVAILABLE"))
        inside = await asyncio.to_thread(lambda: Lab(broker.way_in(session)))
        await asyncio.to_thread(inside.save, "made/kept.ipynb")
        seen.update(link=link.data, description=link.description, session=session, inside=inside, run=run)
        await asyncio.to_thread(inside.call, "POST", "shutdown")

    @flow
    async def looking() -> dict[str, str]:
        working = asyncio.create_task(person())
        wanted = request(JupyterServer(), given, lasts="PT1H")
        step = await recorded_step_async(broker, wanted, name="look", options=options, keeping=keeping)
        await working
        return step.products

    made = await looking()
    inside = seen["inside"]
    where = inside.link.partition("?")[0]
    assert where in seen["link"]
    assert f"eb session {seen['session']}" in seen["link"]
    now = await eventually(lambda: _several(links(seen["session"])))
    assert "look was up, and is COMPLETED" in [each.description for each in now]
    assert f"eb release {seen['session']}" in seen["description"]
    assert read_record(extract(Path(made["kept.ipynb"])).text).session.phase == "COMPLETED"
    line = f"look: it is up at {where}; "
    assert any(said.startswith(line) for said in await eventually(lambda: _starting(seen["run"], line)))
    assert inside.token not in str(seen["link"]) + seen["description"]
    assert holding(inside.token, tmp_path, Path(prefect_environment["PREFECT_HOME"])) == []


async def _several(found: Any) -> list[Any]:
    there = await found
    return there if len(there) > 1 else []


async def _with(found: Any, name: str) -> set[str]:
    there = await found
    return there if name in there else set()


async def _starting(run: str, line: str) -> list[str]:
    return [said for said in await lines(run) if said.startswith(line)]
