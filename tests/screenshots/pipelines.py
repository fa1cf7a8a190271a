# SPDX-License-Identifier: Apache-2.0
"""What is photographed: pipelines on a real server, while they run and when they have ended."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from flows.server import await_history
from tests.screenshots.server import Server, wait_for

FRAME = Path(str(distribution("ccdproc").locate_file("ccdproc/tests/data/a8280271.fits")))
LIMIT = 300.0


@contextmanager
def held_back(path: Path) -> Iterator[tuple[str, threading.Event]]:
    """Serve a file that does not come whole before the event: a step that stages it waits as long."""
    release = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = path.read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            sent = 0
            while not release.wait(1) and sent < len(content):  # or the broker gives the server up
                self.wfile.write(content[sent : sent + 1])
                sent += 1
            self.wfile.write(content[sent:])

        def log_message(self, *_: Any) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/{path.name}", release
    finally:
        release.set()
        server.shutdown()
        server.server_close()


class Pipeline:
    """A run of `flows.sources` in a process of its own."""

    def __init__(self, frame: str, environment: Mapping[str, str], work: Path) -> None:
        self._environment = environment
        self._server = Server(environment)
        self._seen = {each["id"] for each in self._runs()}
        words = [sys.executable, "-m", "flows.sources", frame, "--into", str(work / "products")]
        self._log = work / "pipeline.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                words,
                env={**os.environ, **environment, "EB_HOME": str(work / "home")},
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def reached(self, task_run: str) -> str:
        """Wait until a task run has this name, and return its flow run."""

        def found() -> str | None:
            if self._process.poll():
                raise RuntimeError(self._log.read_text())
            ours = [each["id"] for each in self._runs() if each["id"] not in self._seen]
            tasks = self._server.all("task_runs", flow_runs={"id": {"any_": ours}}) if ours else []
            return next((each["flow_run_id"] for each in tasks if each["name"] == task_run), None)

        return wait_for(found, f"a task run {task_run}", LIMIT)

    def ended(self) -> str:
        """Wait until it has ended, and return its flow run."""
        told, _ = self._process.communicate(timeout=LIMIT)
        if self._process.returncode:
            raise RuntimeError(self._log.read_text())
        flow_run = str(json.loads(told)["flow_run"])
        await_history(self._environment, flow_run, seconds=LIMIT)
        return flow_run

    def end(self) -> None:
        """End it, if it has not."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(60)

    def _runs(self) -> list[dict[str, Any]]:
        return self._server.all("flow_runs")


def compared_offers() -> str:
    """Run a step at the cheapest of three scripted brokers; return the flow run."""
    from prefect import flow
    from prefect.runtime import flow_run

    from eb_prefect.brokers.several import SeveralBrokers
    from eb_prefect.choice.policies import cheapest
    from eb_prefect.runs.shown import all_shown
    from eb_prefect.tasks import step_async
    from eb_prefect.testing.scripted import ScriptedBroker
    from eb_prefect.testing.terms import Terms, costs
    from flows.sources import smoothing_request

    prices = {"spsrc": (0.42, 31.0), "chsrc": (0.11, 12.0), "uksrc": (0.27, 55.0)}
    brokers = [
        ScriptedBroker(
            ((0.2, "PREPARING"), (0.6, "RUNNING"), (2.4, "COMPLETED")),
            name=name,
            offers=[Terms(starts_in=0, lasts=600, costs=costs(monetary=price, carbon=carbon))],
        )
        for name, (price, carbon) in prices.items()
    ]
    brokers.append(ScriptedBroker(name="itsrc", refusal=["no queue has 64 cores"]))

    @flow(name="compared-offers", flow_run_name="compared offers")
    async def compared() -> str:
        several = SeveralBrokers(brokers, policy=cheapest)
        await step_async(several, smoothing_request("https://example.org/frame.fits"), name="smooth anywhere")
        return str(flow_run.id)

    made = asyncio.run(compared())
    all_shown(LIMIT)
    return made


def failed_step() -> str:
    """Run a step whose program fails; return the flow run."""
    from prefect import flow
    from prefect.runtime import flow_run

    from eb_prefect.brokers.embedded.broker import EmbeddedBroker
    from eb_prefect.ending import StepFailedError
    from eb_prefect.model.executable import Program
    from eb_prefect.model.request import ExecutionRequest
    from eb_prefect.runs.shown import all_shown
    from eb_prefect.tasks import step_async

    ran: list[str] = []

    @flow(name="failed-step", flow_run_name="a step that fails")
    async def failing() -> None:
        ran.append(str(flow_run.id))
        command = ("python3", "-c", "import sys; sys.exit('the frame has no bias: exit <b>3</b>')")
        request = ExecutionRequest(
            executable=Program(command=command, environment={"API_TOKEN": "swordfish"})
        )
        await step_async(EmbeddedBroker(), request, name="calibrate | *M 31*")

    with suppress(StepFailedError):
        asyncio.run(failing())
    all_shown(LIMIT)
    return ran[0]
