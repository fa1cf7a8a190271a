# SPDX-License-Identifier: Apache-2.0
"""The automations on a real server, with flows that are served and die."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client

from tests.serving import in_force

SERVED = Path(__file__).with_name("served.py")
pytestmark = pytest.mark.timeout(400)  # four starts of processes that import Prefect, one after the other
RETRIES = 2
EB = [sys.executable, "-c", "from provenance.cli.main import main; main()", "automations"]


def eb(environment: dict[str, str], *words: str) -> Any:
    done = subprocess.run(
        [*EB, *words, "--json"], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def until(found: Callable[[], bool], seconds: float = 150) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture
def served(tmp_path: Path, prefect_environment: dict[str, str]) -> Iterator[Path]:
    """A folder in which flows tell what they do, which are served until the test ends."""
    eb(prefect_environment, "install", "--retries", str(RETRIES))
    environment = {**prefect_environment, "EB_FOLDER": str(tmp_path), "EB_HOME": str(tmp_path / "home")}
    environment |= {"PREFECT_RUNNER_POLL_FREQUENCY": "1"}
    with (
        (tmp_path / "serve.log").open("w") as log,
        subprocess.Popen(
            [sys.executable, str(SERVED)], env=environment, stdout=log, stderr=log, start_new_session=True
        ) as serving,
        in_force(prefect_environment),
    ):
        try:
            yield tmp_path
        finally:
            os.killpg(serving.pid, signal.SIGKILL)
    eb(prefect_environment, "remove")


def begun(name: str) -> str:
    with get_client(sync_client=True) as client:
        until(lambda: name in deployments(client))
        return str(client.create_flow_run_from_deployment(deployments(client)[name]).id)


def deployments(client: SyncPrefectClient) -> dict[str, UUID]:
    return {(each.entrypoint or "").rpartition(":")[2]: each.id for each in client.read_deployments()}


def now(run: str) -> tuple[str, int]:
    with get_client(sync_client=True) as client:
        found = client.read_flow_run(run)
        return found.state_name or "", found.run_count


def test_a_run_that_dies_goes_on_and_one_that_always_dies_ends(served: Path) -> None:
    runs = {name: begun(name) for name in ("waiting", "dying", "broken")}
    until((served / "tally").exists)
    os.kill(int((served / "waiting.runs").read_text()), signal.SIGKILL)
    (served / "go").touch()
    until(lambda: now(runs["waiting"]) == ("Completed", 2))
    assert (served / "tally").read_text() == "begun\n"
    until(lambda: now(runs["dying"]) == ("Crashed", 1 + RETRIES))
    time.sleep(3)  # for a retry too many
    assert now(runs["dying"]) == ("Crashed", 1 + RETRIES)
    assert now(runs["broken"]) == ("Crashed", 1)
    assert (served / "broken.runs").read_text() == "begun\nnot loaded\n"
