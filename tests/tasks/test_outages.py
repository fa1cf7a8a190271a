# SPDX-License-Identifier: Apache-2.0
"""The Prefect server or the broker is gone for a while, and a flow goes on through it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

from tests.brokers.http.test_kills import running
from tests.prefecting import killed_server
from tests.serving import in_force

FLOW = Path(__file__).with_name("through.py")
SLOW = os.environ.get("EB_SLOW") == "1"
STEPS = ("first", "second", "third")
LIMIT = 300.0

pytestmark = pytest.mark.timeout(3000 if SLOW else 1200)  # what starts here takes a minute on a busy machine


def wait_for(path: Path) -> None:
    end = time.monotonic() + LIMIT
    while not path.exists():
        assert time.monotonic() < end, f"{path} was not made"
        time.sleep(0.05)


@contextmanager
def flowing(folder: Path, environment: Mapping[str, str], *words: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(FLOW), str(folder), *words]
    with (folder / "flow.log").open("w") as log:
        own = {**environment, "EB_HOME": str(folder / "home")}
        with subprocess.Popen(command, env=own, stdout=log, stderr=log, text=True) as flow:
            try:
                yield flow
            finally:
                flow.kill()


def ran_once(folder: Path) -> bool:
    return [(folder / f"{name}.tally").read_text() for name in STEPS] == ["begun\n"] * len(STEPS)


def recorded(folder: Path) -> tuple[str, list[str]]:
    """The state of the flow run, and those of its task runs once the server has worked off all events."""
    run = (folder / "run").read_text()
    ours = FlowRunFilter(id=FlowRunFilterId(any_=[run]))
    end = time.monotonic() + 30
    with get_client(sync_client=True) as client:
        while True:
            state = client.read_flow_run(run).state_name or ""
            tasks = [each.state_name or "" for each in client.read_task_runs(flow_run_filter=ours)]
            if tasks == ["Completed"] * len(STEPS) or time.monotonic() > end:
                return state, tasks
            time.sleep(0.2)


COMPLETE = ("Completed", ["Completed"] * len(STEPS))


# whether it comes back before the flow ends, and is gone again then: EB_SLOW=1 takes the time for that
@pytest.mark.parametrize(
    ("seconds", "comes_back"), [(5, False), (30, True), (100, True)] if SLOW else [(5, False)]
)
def test_a_flow_goes_on_without_its_prefect_server(tmp_path: Path, seconds: float, comes_back: bool) -> None:
    with killed_server(tmp_path / "prefect") as server:
        # tries after 2, 4, 8, ... s: the default of 5 holds for a minute, and servers may start slowly here
        settings = {"PREFECT_CLIENT_MAX_RETRIES": "8"}
        with flowing(tmp_path, server.environment | settings) as flow:
            (tmp_path / "first.go").touch()
            wait_for(tmp_path / "second.tally")
            server.kill()
            (tmp_path / "second.go").touch()
            wait_for(tmp_path / "third.tally")
            if comes_back:
                time.sleep(seconds)
                server.start()
                time.sleep(3)
                server.kill()
            (tmp_path / "third.go").touch()
            time.sleep(seconds)
            assert flow.poll() is None  # it waits for the server to tell it
            server.start()
            assert flow.wait(LIMIT) == 0
        with in_force(server.environment):
            assert recorded(tmp_path) == COMPLETE
    assert ran_once(tmp_path)


@pytest.mark.parametrize("seconds", [3, 600] if SLOW else [3])
def test_a_flow_goes_on_without_its_broker(
    tmp_path: Path, prefect_environment: dict[str, str], seconds: float
) -> None:
    with running(tmp_path / "broker") as broker:
        broker.kill()
        with flowing(tmp_path, prefect_environment, broker.url) as flow:
            wait_for(tmp_path / "run")
            time.sleep(2)
            broker.start()  # the offers that it asks for
            wait_for(tmp_path / "first.tally")
            broker.kill()
            (tmp_path / "first.go").touch()
            time.sleep(seconds)
            broker.start()
            wait_for(tmp_path / "second.tally")
            for name in ("second", "third"):
                (tmp_path / f"{name}.go").touch()
            assert flow.wait(LIMIT) == 0
        with in_force(prefect_environment):
            assert recorded(tmp_path) == COMPLETE
    assert ran_once(tmp_path)
