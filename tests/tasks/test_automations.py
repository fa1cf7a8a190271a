# SPDX-License-Identifier: Apache-2.0
"""The automations on a real server, with flows that are served and die."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events import emit_event
from prefect.events.schemas.automations import AutomationCore

from eb_prefect.automations import Healing, healing
from eb_prefect.cli.automations import automations
from tests.serving import in_force

SERVED = Path(__file__).with_name("served.py")
pytestmark = pytest.mark.timeout(900)  # four starts of processes that import Prefect, one after the other
RETRIES = 2
SLOW = os.environ.get("EB_SLOW") == "1"
EB = [sys.executable, "-c", "from provenance.cli.main import main; main()", "automations"]


def eb(*words: str) -> Any:
    done = CliRunner().invoke(automations, [*words, "--json"], catch_exceptions=False)
    assert done.exit_code == 0
    return json.loads(done.stdout)


def until(found: Callable[[], bool], seconds: float = 150) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end
        time.sleep(0.1)


@contextmanager
def serving(folder: Path, environment: dict[str, str]) -> Iterator[int]:
    """Serve the flows until the block ends, which kills all that it started; give its process group."""
    own = {"EB_FOLDER": str(folder), "EB_HOME": str(folder / "home"), "PREFECT_RUNNER_POLL_FREQUENCY": "1"}
    command = [sys.executable, str(SERVED)]
    with (
        (folder / "serve.log").open("a") as log,
        subprocess.Popen(
            command, env=environment | own, stdout=log, stderr=log, start_new_session=True
        ) as served,
    ):
        try:
            yield served.pid
        finally:
            with suppress(ProcessLookupError):
                os.killpg(served.pid, signal.SIGKILL)


@pytest.fixture
def installed(prefect_environment: dict[str, str]) -> Iterator[dict[str, str]]:
    with in_force(prefect_environment):
        eb("install", "--retries", str(RETRIES), "--heartbeat", "30")
        yield {**prefect_environment, "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}
        eb("remove")


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


def kill(pids: str) -> None:
    os.kill(int(pids.rsplit(maxsplit=1)[-1]), signal.SIGKILL)


def test_a_run_that_dies_goes_on_and_one_that_always_dies_ends(
    tmp_path: Path, installed: dict[str, str]
) -> None:
    with serving(tmp_path, installed):
        runs = {name: begun(name) for name in ("waiting", "dying", "broken")}
        until((tmp_path / "tally").exists)
        kill((tmp_path / "waiting.runs").read_text())
        (tmp_path / "go").touch()
        until(lambda: now(runs["waiting"]) == ("Completed", 2))
        until(lambda: now(runs["dying"]) == ("Crashed", 1 + RETRIES))
        time.sleep(3)  # for a retry too many
    assert (tmp_path / "tally").read_text() == "begun\n"
    assert now(runs["dying"]) == ("Crashed", 1 + RETRIES)
    assert now(runs["broken"]) == ("Crashed", 1)
    assert "not loaded" in (tmp_path / "broken.runs").read_text()


@pytest.mark.skipif(
    not SLOW, reason="three heartbeats that do not come are 90 s at least: EB_SLOW=1 waits for them"
)
def test_a_run_that_died_with_all_that_served_it_goes_on(tmp_path: Path, installed: dict[str, str]) -> None:
    with serving(tmp_path, installed) as group:
        run = begun("waiting")
        until((tmp_path / "tally").exists)
        os.killpg(group, signal.SIGKILL)  # before it can tell that the flow's process is gone
        kill((tmp_path / "waiting.runs").read_text())
    assert now(run) == ("Running", 1)
    until(lambda: now(run) == ("AwaitingRetry", 1), 240)
    (tmp_path / "go").touch()
    with serving(tmp_path, installed):
        until(lambda: now(run) == ("Completed", 2))
    assert (tmp_path / "tally").read_text() == "begun\n"
    late = {"prefect.resource.id": "prefect.tag.eb-heal", "prefect.resource.role": "tag"}
    emit_event(
        "prefect.flow-run.heartbeat", {"prefect.resource.id": f"prefect.flow-run.{run}"}, related=[late]
    )
    time.sleep(120)  # for a death that was none: https://github.com/PrefectHQ/prefect/issues/18653
    assert now(run) == ("Completed", 2)


@pytest.mark.usefixtures("prefect_api")
def test_install_makes_keeps_changes_and_remove_removes() -> None:
    names = ["eb-heal: crash runs without heartbeats", "eb-heal: retry crashed runs"]
    assert eb("install") == dict.fromkeys(names, "made")
    assert eb("install") == dict.fromkeys(names, "kept")
    assert eb("install", "--retries", "5") == dict(zip(names, ("kept", "changed"), strict=True))
    listed = eb("list")
    assert sorted(listed) == names
    assert "5 times at most" in listed[names[1]]["description"]
    assert eb("remove") == dict.fromkeys(names, "removed")
    assert eb("list") == {}


def test_a_server_that_is_not_there_is_said() -> None:
    gone = {**os.environ, "PREFECT_API_URL": "http://127.0.0.1:1/api"}
    done = subprocess.run([*EB, "install"], env=gone, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (4, "")
    assert "the Prefect server http://127.0.0.1:1/api can't be reached" in done.stderr


def test_what_would_be_made_is_what_prefect_reads() -> None:
    told = eb("install", "--print", "--tag", "ours")
    assert [AutomationCore.model_validate(each).name for each in told] == [
        "ours: crash runs without heartbeats",
        "ours: retry crashed runs",
    ]
    assert told[0]["trigger"]["within"] == 540


@pytest.mark.parametrize("heartbeat", [1, 30, 200])
def test_a_death_is_three_heartbeats_that_do_not_come(heartbeat: int) -> None:
    crashing, _ = healing(Healing(heartbeat=timedelta(seconds=heartbeat)))
    assert crashing.trigger.within == 3 * timedelta(seconds=max(30, heartbeat))
