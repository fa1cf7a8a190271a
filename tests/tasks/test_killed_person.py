# SPDX-License-Identifier: Apache-2.0
import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter

from tests.tasks.answering import answer, paused

FLOW = Path(__file__).with_name("person_flow.py")
RUNS = {"state": {"type": {"any_": ["PAUSED"]}}}

pytestmark = pytest.mark.usefixtures("prefect_api")


async def forget() -> None:
    """End the flow run whose process was killed while it was paused."""
    async with get_client() as client:
        for run in await client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(RUNS)):
            await client.delete_flow_run(run.id)


async def is_paused() -> None:
    async with get_client() as client:
        await paused(client, RUNS)


def test_a_flow_that_is_killed_asks_no_more_once_it_was_answered(
    tmp_path: Path, prefect_environment: dict[str, str]
) -> None:
    command = [sys.executable, str(FLOW), str(tmp_path)]
    environment = {**prefect_environment, "EB_HOME": str(tmp_path / "home")}
    for _ in range(int(os.environ.get("EB_KILL_TRIALS", "0"))):  # nobody has answered: it asks again
        with subprocess.Popen(command, env=environment) as flow:
            asyncio.run(is_paused())
            flow.kill()
        asyncio.run(forget())
    with subprocess.Popen(command, env=environment) as flow:
        asyncio.run(answer(RUNS, "offer 1"))
        end = time.monotonic() + 60
        while not (tmp_path / "tally").exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        flow.kill()
    (tmp_path / "tally.gate").touch()
    subprocess.run(command, env=environment, check=True, timeout=100)
    assert (tmp_path / "tally").read_text() == "begun\n"
