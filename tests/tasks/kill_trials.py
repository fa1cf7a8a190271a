# SPDX-License-Identifier: Apache-2.0
"""Flows killed at any moment and run again until they complete; programs count themselves.

Run as ``kill_trials.py SHAPES COUNT SEED FOLDER`` with a Prefect server in
the environment. It prints a line a trial, and ends with 1 if a program ran
twice or not at all, or if a record is missing or not bound to its product.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow
from prefect.states import AwaitingRetry

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.brokers.protocol import Broker
from eb_prefect.journal import Call, Handle
from eb_prefect.journal_file import FileEntry
from eb_prefect.model.compute import SimpleCompute, VolumeMount
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import PhaseChange, StepRun
from eb_prefect.model.storage import SimpleStorage
from eb_prefect.onlooking import Onlooker
from eb_prefect.part_tasks import (
    accept_offer,
    accept_offer_async,
    request_offers,
    request_offers_async,
    wait_session,
    wait_session_async,
)
from eb_prefect.runs.notes import Notes  # noqa: F401 -- loaded once, and not in each life
from eb_prefect.step import StepOptions
from provenance.products.extract import extract
from provenance.products.found import Binding
from provenance.record import StepRecord
from provenance.store import Store
from provenance.tasks import Keeping, record_step, record_step_async, recorded_step, recorded_step_async

POINTS = (
    "random",
    "offers",
    "written",
    "accepted",
    "running",
    "recording",
    "recorded",
    "ended",
    "delivered",
    "between 1",
    "between 2",
    "between 3",
)
FLOWS = ("sync", "threads", "async", "parts", "parts async")
NAMES = ("first", "second")
LIVES = 5  # a server that is busy may end one
SCRIPT = 'echo begun >> "$1"; sleep 0.3; echo made > "$2"'

for _model in (ExecutionRequest, OfferSet, Session, StepRun, StepRecord, Handle, Call):
    _model.model_rebuild()  # once, and not in each life


class Shape(NamedTuple):
    """Where the sessions are, and what a flow finds them by when it is run again."""

    broker: str  # embedded, served
    again: (
        str  # anew: killed scripts run again; key: on another machine; retry: the same, of the same flow run
    )


SHAPES = {
    "embedded": (Shape("embedded", "anew"),),
    "served": (Shape("served", "anew"), Shape("served", "key"), Shape("served", "retry")),
}


class Trial(NamedTuple):
    """One flow, from its first life to its last."""

    shape: Shape
    flow: str
    point: str
    count: int  # the how-manieth time that the point is come to is the last
    after: float  # seconds until the kill, where the point is random
    folder: Path
    url: str


# -- what a life does


class Life(Onlooker):
    """Kills itself where it is to be killed."""

    def __init__(self, trial: Trial, number: int) -> None:
        self._left = trial.count if number == 0 else -1
        self._point = trial.point
        self._lock = threading.Lock()

    def at(self, point: str) -> None:
        if point != self._point:
            return
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def offered(self, broker: Broker, offers: OfferSet) -> None:
        self.at("offers")

    def changed(self, broker: Broker, session: Session, change: PhaseChange) -> None:
        if change.phase == "OFFERED":
            self.at("written")
        if change.phase == "RUNNING":
            self.at("running")

    def ended(self, run: StepRun) -> None:
        self.at("ended")


def broker_of(trial: Trial, life: Life) -> Broker:
    """The broker of a trial, whose answer to an accept may come too late."""

    class Embedded(EmbeddedBroker):
        def accept(self, session: str) -> Session:
            told = super().accept(session)
            life.at("accepted")
            return told

    class Served(HTTPBroker):
        def accept(self, session: str) -> Session:
            told = super().accept(session)
            life.at("accepted")
            return told

    return Served(trial.url) if trial.url else Embedded(trial.folder / "broker")


class KillingStore(Store):
    """Ends the process before or after a record is kept, where that is wanted."""

    life: Life

    def add(self, *given: Any, **named: Any) -> Any:
        self.life.at("recording")
        found = super().add(*given, **named)
        self.life.at("recorded")
        return found


def request_of(trial: Trial, name: str) -> ExecutionRequest:
    command = ("sh", "-c", SCRIPT, name, str(trial.folder / f"{name}.tally"), f"/output/{name}.txt")
    output = VolumeMount(name="output", path="/output", mode="READWRITE", resources=("products",))
    return ExecutionRequest(
        executable=Program(command=command),
        compute=SimpleCompute(volumes=(output,)),
        storage=(SimpleStorage(name="products"),),
    )


def flow_of(trial: Trial, life: Life, home: Path) -> Any:  # noqa: C901 -- a flow of each kind
    broker = broker_of(trial, life)
    store = KillingStore(home / "records.db")
    store.life = life
    keeping = Keeping(store=store, into=home / "products")
    key = trial.folder.name if trial.shape.again == "key" else None
    options = StepOptions(onlookers=(life,), key=key)
    requests = {name: request_of(trial, name) for name in NAMES}

    def whole(name: str) -> None:
        recorded_step(broker, requests[name], name=name, keeping=keeping, options=options)

    def parts(name: str) -> None:
        offered = request_offers(broker, requests[name], name=name, options=options)
        life.at("between 1")
        accepted = accept_offer(broker, offered, options=options)
        life.at("between 2")
        run = wait_session(broker, accepted, options=options)
        life.at("between 3")
        record_step(broker, run, keeping=keeping)

    async def whole_async(name: str) -> None:
        await recorded_step_async(broker, requests[name], name=name, keeping=keeping, options=options)

    async def parts_async(name: str) -> None:
        offered = await request_offers_async(broker, requests[name], name=name, options=options)
        life.at("between 1")
        accepted = await accept_offer_async(broker, offered, options=options)
        life.at("between 2")
        run = await wait_session_async(broker, accepted, options=options)
        life.at("between 3")
        await record_step_async(broker, run, keeping=keeping)

    if trial.flow in ("async", "parts async"):
        one = whole_async if trial.flow == "async" else parts_async

        @flow(name="killed async")
        async def side_by_side() -> None:
            await asyncio.gather(*map(one, NAMES))

        return side_by_side
    if trial.flow == "threads":

        @flow(name="killed threads")
        def in_threads() -> None:
            for running in [
                recorded_step.submit(broker, requests[n], name=n, keeping=keeping, options=options)
                for n in NAMES
            ]:
                running.result()

        return in_threads

    @flow(name="killed sync")
    def one_by_one() -> None:
        for name in NAMES:
            (whole if trial.flow == "sync" else parts)(name)

    return one_by_one


def live(trial: Trial, number: int) -> None:
    """Be the process of a life."""
    life = Life(trial, number)
    home = home_of(trial, number)
    os.environ["EB_HOME"] = str(home)
    if trial.shape.again != "anew":
        os.environ["PREFECT_INTEGRATIONS_EB_JOURNAL"] = "server"
    if trial.point == "delivered":
        deliver = FileEntry.deliver

        def deliver_and_die(entry: FileEntry) -> None:
            deliver(entry)
            life.at("delivered")

        FileEntry.deliver = deliver_and_die  # type: ignore[method-assign]
    wanted = flow_of(trial, life, home)
    if trial.shape.again != "retry":
        found = wanted()
    else:
        found = run_flow(wanted, flow_run=flow_run_of(trial, wanted))
    if asyncio.iscoroutine(found):
        asyncio.run(found)
    done_mark(trial).touch()  # to run it again from here on is another run


def done_mark(trial: Trial) -> Path:
    return trial.folder / "done"


def home_of(trial: Trial, number: int) -> Path:
    """A machine has a home; where another machine goes on, each life has one."""
    return trial.folder / ("home" if trial.shape.again == "anew" else f"home {number}")


def flow_run_of(trial: Trial, wanted: Any) -> Any:
    kept = trial.folder / "flow run"
    with get_client(sync_client=True) as client:
        if not kept.exists():
            kept.write_text(str(client.create_flow_run(wanted).id))
        which = UUID(kept.read_text())
        if client.read_flow_run(which).run_count:
            client.set_flow_run_state(which, AwaitingRetry(), force=True)
        return client.read_flow_run(which)


# -- what watches over it


def begin(trial: Trial, number: int) -> int:
    """Fork a life: what it imports is loaded already."""
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    log = os.open(trial.folder / "log", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    os.dup2(log, 1)
    os.dup2(log, 2)
    live(trial, number)
    raise SystemExit(0)


def lived(trial: Trial, number: int) -> int:
    """Have one life, and return how it ended."""
    pid = begin(trial, number)
    if trial.point == "random" and number == 0:
        time.sleep(trial.after)
        os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 240
    while not (done := os.waitpid(pid, os.WNOHANG))[0]:
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) or 1
        time.sleep(0.02)
    return 0 if done_mark(trial).exists() else os.waitstatus_to_exitcode(done[1])


def faults(trial: Trial) -> tuple[list[str], int]:
    """What went wrong in a trial, and how often its flow was killed."""
    trial.folder.mkdir(parents=True)
    ends = [lived(trial, 0)]
    while ends[-1] != 0 and len(ends) < LIVES:
        ends.append(lived(trial, len(ends)))
    kills = ends.count(-signal.SIGKILL)
    if ends[-1] != 0:
        return [f"it did not complete: {ends}"], kills
    found = []
    home = home_of(trial, len(ends) - 1)
    for name in NAMES:
        begun = (trial.folder / f"{name}.tally").read_text().count("\n")
        if begun != 1:
            found.append(f"{name} ran {begun} times")
        if extract(home / "products" / f"{name}.txt").binding is not Binding.BOUND:
            found.append(f"the product of {name} is not bound")
    told = sorted((entry.name, entry.phase) for entry in Store(home / "records.db").history())
    if told != [(name, "COMPLETED") for name in sorted(NAMES)]:
        found.append(f"the records are {told}")
    return found, kills


def trials(shapes: tuple[Shape, ...], count: int, seed: int, folder: Path, url: str) -> list[Trial]:
    """So many trials, in which each point comes as often as the others."""
    chance = random.Random(seed)
    found: list[Trial] = []
    while len(found) < count:
        n = len(found) + seed
        point = POINTS[n % len(POINTS)]
        which = [each for each in FLOWS if not point.startswith("between") or each.startswith("parts")]
        shape = shapes[(n // len(POINTS)) % len(shapes)] if count > len(POINTS) else chance.choice(shapes)
        after = chance.uniform(0.2, 4.0)
        at = url if shape.broker == "served" else ""
        found.append(
            Trial(shape, chance.choice(which), point, chance.choice((1, 2)), after, folder / f"t{n}", at)
        )
    return found


SERVE = """
import sys, time
from pathlib import Path
from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.server.run import serving
home = Path(sys.argv[1])
with serving(EmbeddedBroker(home), home=home) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


def main(kinds: str, count: int, seed: int, folder: Path) -> int:
    shapes = tuple(shape for kind in kinds.split(",") for shape in SHAPES[kind])
    command = [sys.executable, "-c", SERVE, str(folder / "served")]
    log = folder / "server.log"
    bad, killed, points = 0, 0, Counter[str]()
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as server,
    ):
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        for trial in trials(shapes, count, seed, folder, url):
            assert threading.active_count() == 1, "a life is forked, so nothing else may run here"
            started = time.monotonic()
            wrong, kills = faults(trial)
            killed += kills
            points[trial.point] += kills
            bad += bool(wrong)
            name = (
                f"{trial.folder.name} {trial.shape.broker} {trial.shape.again} {trial.flow} at {trial.point}"
            )
            said = "; ".join(wrong) or "ok"
            print(
                f"{name} x{trial.count}: killed {kills}, {time.monotonic() - started:.1f} s: {said}",
                flush=True,
            )
        server.stdin.close()  # type: ignore[union-attr]
    print(f"{count} flows, {killed} killed, {bad} with faults; kills by point: {dict(points)}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])))
