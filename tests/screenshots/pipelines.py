# SPDX-License-Identifier: Apache-2.0
"""What is photographed: pipelines on a real server, while they run and when they have ended."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, NamedTuple, Protocol

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

    def reached(self, step: str, phase: str) -> str:
        """Wait until a step is in a phase, and return its flow run."""

        def found() -> str | None:
            if self._process.poll():
                raise RuntimeError(self._log.read_text())
            ours = [each["id"] for each in self._runs() if each["id"] not in self._seen]
            tasks = self._server.all("task_runs", flow_runs={"id": {"any_": ours}}) if ours else []
            return next((each["flow_run_id"] for each in tasks if _is_in(each["name"], step, phase)), None)

        return wait_for(found, f"{step} in {phase}", LIMIT)

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


@contextmanager
def waiting_for_a_person(environment: Mapping[str, str], work: Path) -> Iterator[str]:
    """Run the example in which a person chooses the offer; give its flow run once it is paused."""
    server = Server(environment)

    def paused() -> str | None:
        found = server.all("flow_runs", flow_runs={"state": {"type": {"any_": ["PAUSED"]}}})
        return next((str(each["id"]) for each in found), None)

    with example("person_chooses", environment, work) as alive:
        yield wait_for(lambda: alive() and paused(), "a flow run that asks", LIMIT)


class Interactive(NamedTuple):
    """A flow run with a session that a person can get into, and what lets it go on."""

    flow_run: str
    session: str
    release: Callable[[], None]


@contextmanager
def interactive(environment: Mapping[str, str], work: Path) -> Iterator[Interactive]:
    """Run the example with a real Jupyter server in it; give it once it is up."""
    server = Server(environment)

    def up() -> dict[str, Any] | None:
        found = server.all("artifacts", artifacts={"key": {"like_": "eb-link-"}})
        return next(iter(found), None)

    with example("interactive", environment, work) as alive:
        found = wait_for(lambda: alive() and up(), "a session that is up", LIMIT)
        flow_run, session = str(found["flow_run_id"]), str(found["key"]).removeprefix("eb-link-")

        def release() -> None:
            eb("release", session)
            wait_for(lambda: None if alive(say=False) else True, "the end of the flow", LIMIT)
            await_history(environment, flow_run, seconds=LIMIT)

        try:
            yield Interactive(flow_run, session, release)
        finally:
            eb("cancel", session)


def eb(*words: str) -> str:
    """Return what a command prints."""
    told = subprocess.run(
        [Path(sys.executable).with_name("eb"), *words], stdout=subprocess.PIPE, text=True, check=True
    )
    return told.stdout.strip()


class Alive(Protocol):
    """Returns True while a process goes on; otherwise raises, or returns None."""

    def __call__(self, *, say: bool = True) -> bool | None:
        """Look."""
        ...


@contextmanager
def example(name: str, environment: Mapping[str, str], work: Path) -> Iterator[Alive]:
    """Run an example."""
    script, log = Path(__file__).parents[2] / "examples" / f"{name}.py", work / f"{name}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, str(script), str(work / name)],
            env={**os.environ, **environment, "EB_HOME": str(work / "home")},
            stdout=file,
            stderr=file,
        )

    def alive(*, say: bool = True) -> bool | None:
        if process.poll() is None:
            return True
        if say or process.returncode:
            raise RuntimeError(log.read_text())
        return None

    try:
        yield alive
    finally:
        process.terminate()
        process.wait(60)


def block_type() -> None:
    """Let the server know brokers as blocks, as it does by itself where the package is beside it."""
    from eb_prefect.blocks import ExecutionBroker

    ExecutionBroker.register_type_and_schema(_sync=True)  # type: ignore[call-arg]


def work_pool(name: str) -> None:
    """Make a work pool whose flow runs are sessions."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate

    from eb_prefect.worker.worker import ExecutionBrokerWorker

    template = ExecutionBrokerWorker.get_default_base_job_template()
    with get_client(sync_client=True) as client:
        client.create_work_pool(
            WorkPoolCreate(name=name, type=ExecutionBrokerWorker.type, base_job_template=template)
        )


def _is_in(name: str, step: str, phase: str) -> bool:
    """Whether a task run's name says that the step is in the phase."""
    return name.startswith(step) and name.endswith(phase)


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


def batch() -> str:
    """Run thirty steps in one task run, two of which fail; return the flow run."""
    from prefect import flow
    from prefect.runtime import flow_run

    from eb_prefect.model.executable import Program
    from eb_prefect.model.request import ExecutionRequest
    from eb_prefect.runs.shown import all_shown
    from eb_prefect.tasks import steps_async
    from eb_prefect.testing.script import Script
    from eb_prefect.testing.scripted import ScriptedBroker

    def script(request: ExecutionRequest) -> Script:
        end = "FAILED" if request.name in {"field 12", "field 23"} else "COMPLETED"
        return ((0.1, "RUNNING"), (1.0, end))

    @flow(name="many-fields", flow_run_name="thirty fields")
    async def many() -> str:
        names = [f"field {number}" for number in range(30)]
        wanted = {name: ExecutionRequest(name=name, executable=Program(command=("true",))) for name in names}
        await steps_async(ScriptedBroker(script), wanted, name="calibrate", failures="return")
        return str(flow_run.id)

    made = asyncio.run(many())
    all_shown(LIMIT)
    return made
