# SPDX-License-Identifier: Apache-2.0
import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.runtime import flow_run

from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.testing.scripted import ScriptedBroker
from provenance.store import Store
from provenance.tasks import Keeping, recorded_step_async

REQUEST = ExecutionRequest(executable=Program(command=("true",)))
BROKER = ScriptedBroker(((0, "RUNNING"), (0.05, "COMPLETED")))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EB_HOME", str(tmp_path / "home"))


async def pages(run: str, key: str, holding: str) -> list[Any]:
    """Return the artifacts of a key, once one of them holds a text."""
    for _ in range(600):
        async with get_client() as client:
            ours = FlowRunFilter.model_validate({"id": {"any_": [run]}})
            found = [each for each in await client.read_artifacts(flow_run_filter=ours) if each.key == key]
        if any(holding in str(each.data) for each in found):
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(found)


async def test_a_flow_run_has_one_picture_of_its_records(prefect_api: str, tmp_path: Path) -> None:
    keeping = Keeping(store=Store(tmp_path / "records.db"))

    @flow(name="Two steps")
    async def two_steps() -> tuple[str, str]:
        await recorded_step_async(BROKER, REQUEST, name="first", keeping=keeping)
        made = await recorded_step_async(BROKER, REQUEST, name="second", keeping=keeping)
        return str(flow_run.id), made.record

    run, digest = await two_steps()
    (page,) = await pages(run, "eb-lineage-two-steps", "| second |")
    assert page.task_run_id is None
    assert "| first |" in page.data
    (report,) = await pages(run, "eb-report-second", "### Record")
    assert digest in report.data


_SCRIPT = """
import asyncio
from tests.provenance.test_flowruns import BROKER, REQUEST
from prefect import flow
from prefect.runtime import flow_run
from provenance.tasks import recorded_step_async

@flow(name="At the end")
async def at_the_end():
    for name in ("first", "second"):
        await recorded_step_async(BROKER, REQUEST, name=name)
    return str(flow_run.id)

print(asyncio.run(at_the_end()))
"""


async def test_a_program_that_ends_leaves_its_last_picture(
    prefect_api: str, prefect_environment: dict[str, str], tmp_path: Path
) -> None:
    environment = {**prefect_environment, "EB_HOME": str(tmp_path / "home")}
    words = [sys.executable, "-c", _SCRIPT]
    ran = await asyncio.to_thread(
        subprocess.run,
        words,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert ran.returncode == 0, ran.stderr
    assert "eb-showing" not in ran.stderr
    (page,) = await pages(ran.stdout.strip(), "eb-lineage-at-the-end", "| second |")
    assert "| first |" in page.data
