# SPDX-License-Identifier: Apache-2.0
import asyncio
import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from prefect import flow, tags
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.runtime import flow_run

from eb_prefect.automations import MARK, install, telling
from eb_prefect.errors import InvalidConfigurationError
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.model.executable import Program
from eb_prefect.model.parts import Connector
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import Session
from eb_prefect.prefect_server import Server
from eb_prefect.step import StepOptions
from eb_prefect.tasks import step_async
from eb_prefect.testing.scripted import ScriptedBroker

REQUEST = ExecutionRequest(name="nothing", executable=Program(command=("true",)))
LIMIT = 60.0


class Notebook(ScriptedBroker):
    """A broker whose sessions can be gone to while they run."""

    def session(self, session: str) -> Session:
        found = super().session(session)
        links = (
            Connector(kind="urn:ours:stdout", protocol="HTTP", location="http://127.0.0.1:8888/stdout"),
            Connector(
                kind="urn:ours:jupyter", protocol="HTTP", location="http://me:pw@127.0.0.1:8888/lab?token=t0"
            ),
        )
        return found.model_copy(update={"connectors": links if found.phase == "AVAILABLE" else ()})


def notebook() -> Notebook:
    return Notebook(((0.0, "PREPARING"), (0.1, "AVAILABLE"), (1.0, "COMPLETED")))


@pytest.fixture
def options(tmp_path: Path) -> StepOptions:
    return StepOptions(journal=DirectoryJournal(tmp_path))


async def explored(broker: ScriptedBroker, options: StepOptions) -> str:
    @flow
    async def explore() -> str:
        await step_async(broker, REQUEST, name="notebook", options=options)
        return flow_run.id

    with tags("m31"):
        return await explore()


def told(url: str, run: str) -> list[dict[str, Any]]:
    """The events of the sessions of a flow run, once the last is there."""
    related = {"id": [f"prefect.flow-run.{run}"]}
    wanted = {"filter": {"event": {"prefix": ["execution-broker."]}, "related": related, "order": "ASC"}}
    ask = urllib.request.Request(
        f"{url}/events/filter", json.dumps(wanted).encode(), {"Content-Type": "application/json"}
    )
    end = time.monotonic() + LIMIT
    while True:
        with urllib.request.urlopen(ask) as answer:
            found: list[dict[str, Any]] = json.load(answer)["events"]
        if any(each["event"].endswith(".COMPLETED") for each in found) or time.monotonic() > end:
            return found
        time.sleep(0.2)


async def test_each_phase_is_one_event_with_what_it_is_of(prefect_api: str, options: StepOptions) -> None:
    run = await explored(notebook(), options)
    found = told(prefect_api, run)
    phases = [each["event"].removeprefix("execution-broker.session.") for each in found]
    assert phases == ["OFFERED", "PREPARING", "AVAILABLE", "COMPLETED"]
    resources = [each["resource"] for each in found]
    assert len({each["prefect.resource.id"] for each in resources}) == 1
    assert [each["execution-broker.phase"] for each in resources] == phases
    assert {(each["prefect.resource.name"], each["execution-broker.broker"]) for each in resources} == {
        ("notebook", "scripted")
    }
    links = [each.get("execution-broker.link") for each in resources]
    assert links == [None, None, "http://127.0.0.1:8888/lab", None]
    roles = {each["prefect.resource.role"]: each["prefect.resource.id"] for each in found[-1]["related"]}
    assert roles.keys() >= {"flow-run", "task-run", "flow", "tag"}
    assert roles["tag"] == "prefect.tag.m31"
    assert "t0" not in json.dumps(found)
    assert "me:pw" not in json.dumps(found)


@contextmanager
def listening() -> Iterator[tuple[str, list[dict[str, str]]]]:
    heard: list[dict[str, str]] = []

    class Hearing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Hearing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", heard
        server.shutdown()


async def test_a_person_is_told_once_that_a_notebook_is_up(prefect_api: str, options: StepOptions) -> None:
    with listening() as (url, heard):
        message = {"subject": "{{subject}}", "text": "{{body}}"}
        block = CustomWebhookNotificationBlock(name="ours", url=url, json_data=message)
        await block.asave("ours", overwrite=True)
        server = Server()
        try:
            install([telling("custom-webhook/ours", server)], server)
            await explored(notebook(), options)
            end = time.monotonic() + LIMIT
            while not heard and time.monotonic() < end:
                await asyncio.sleep(0.1)
        finally:
            for each in server.automations(tag=MARK):
                server.remove(each.id)
    assert heard == [
        {"subject": "notebook is up", "text": "notebook is AVAILABLE at scripted: http://127.0.0.1:8888/lab"}
    ]


@pytest.mark.usefixtures("prefect_api")
@pytest.mark.parametrize("block", ["custom-webhook/nobody", "nothing/at-all"])
def test_a_block_that_is_not_there_is_a_configuration_to_mend(block: str) -> None:
    with pytest.raises(InvalidConfigurationError, match=block):
        telling(block, Server())


ENDING = """
import atexit
from datetime import UTC, datetime
from prefect import flow
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import PhaseChange
from eb_prefect.runs.events import PhaseEvents
from eb_prefect.runs.here import Here
from eb_prefect.testing.scripted import ScriptedBroker

told = PhaseEvents(Here("one", None, None, None))
def tell():
    change = PhaseChange(phase="CANCELLED", seen=datetime.now(UTC))
    told.changed(ScriptedBroker(), Session(uuid="x", phase="CANCELLED"), change)
atexit.register(tell)
tell()
"""


def test_an_event_at_the_end_of_a_process_is_dropped_in_silence(prefect_environment: dict[str, str]) -> None:
    script = [sys.executable, "-c", ENDING]
    done = subprocess.run(script, env=prefect_environment, capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stderr
    assert "ERROR" not in done.stderr
