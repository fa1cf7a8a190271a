# SPDX-License-Identifier: Apache-2.0
"""Flows whose programs beat until they end; run as ``cancelled_flow.py PLAN...``.

A plan is ``SHAPE:COUNT:SECONDS:POINT``. All plans are run at the same time, each
in a flow run of its own that is set to Cancelling at its point, and that is
named by its place among the plans. With ``serve`` as the only plan, they come
as parameters of a deployment.
"""

import asyncio
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run
from prefect.states import Cancelling

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.errors import EBError
from eb_prefect.hooks import cancel_sessions
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import PhaseChange, StepRun
from eb_prefect.onlooking import Onlooker
from eb_prefect.runs import cancelling
from eb_prefect.step import StepOptions
from provenance.tasks import recorded_step, recorded_step_async

FOLDER = Path(os.environ["TRIAL_FOLDER"])
BEAT = 'end=$(($(date +%s) + $2)); while [ $(date +%s) -lt $end ]; do date > "$1"; sleep 0.2; done; rm "$1"'


class Point:
    """Sets a flow run to Cancelling once, when a point is reached; then waits until the run knows, or not."""

    def __init__(self, wanted: str) -> None:
        self.run = flow_run.id
        self.name, _, self.holds = wanted.partition("+")
        self.lock = threading.Lock()

    def reach(self, name: str) -> None:
        with self.lock:
            if name != self.name:
                return
            self.name = ""
        self.cancel()

    def cancel_after(self, seconds: float) -> None:
        time.sleep(seconds)
        with self.lock:
            is_due, self.name = bool(self.name), ""
        if is_due:
            self.cancel()

    def cancel(self) -> None:
        for _ in range(5):  # the server is slow when many ask it
            with (
                suppress(Exception),
                get_client(httpx_settings={"timeout": 60.0}, sync_client=True) as client,
            ):
                if not client.read_flow_run(self.run).state.is_final():
                    client.set_flow_run_state(self.run, Cancelling())
                break
        known = next((run for key, run in list(cancelling.watch._runs.items()) if str(key) == self.run), None)
        end = time.monotonic() + 10
        while self.holds and known and not known.is_cancelled and time.monotonic() < end:
            time.sleep(0.01)


class Looking(Onlooker):
    def __init__(self, point: Point) -> None:
        self.point = point

    def changed(self, broker: Any, session: Session, change: PhaseChange) -> None:
        self.point.reach(str(change.phase).lower())

    def ended(self, run: StepRun) -> None:
        self.point.reach("end")


def pointed(made: Any, point: Point) -> Any:
    """Let a broker reach the points before offers are asked, and after an accept."""
    offers, accept = made.request_offers, made.accept

    def request_offers(request: ExecutionRequest) -> OfferSet:
        point.reach("offers")
        return offers(request)

    def accepted(session: str) -> Session:
        now = accept(session)
        (FOLDER / f"{session}.accepted").touch()
        point.reach("accept")
        return now

    made.request_offers, made.accept = request_offers, accepted
    return made


def broker(point: Point) -> Any:
    url = os.environ.get("TRIAL_BROKER")
    return pointed(HTTPBroker(url) if url else EmbeddedBroker(), point)


def steps(plan: str) -> tuple[Point, list[tuple[tuple[Any, ...], dict[str, Any]]]]:
    _, count, seconds, wanted = plan.split(":")
    point = Point(wanted)

    def finish(_: Any, run: StepRun) -> StepRun:
        point.reach("record")
        return run

    made, options = broker(point), StepOptions(onlookers=(Looking(point),), finish=finish)
    # a phase may pass unseen, so that its point is never reached
    seconds_on = float(wanted[5:]) if point.name.startswith("after") else 15.0
    if point.name != "never":
        threading.Thread(target=point.cancel_after, args=(seconds_on,), daemon=True).start()
    calls = []
    for n in range(int(count)):
        beat = FOLDER / f"{point.run}-{n}.beat"
        request = ExecutionRequest(executable=Program(command=("sh", "-c", BEAT, "beat", str(beat), seconds)))
        calls.append(((made, request), {"name": f"step {n}", "options": options}))
    return point, calls


@flow(flow_run_name="{name}", on_cancellation=[cancel_sessions])
def in_main(plan: str, name: str) -> None:
    for args, kwargs in steps(plan)[1]:
        recorded_step(*args, **kwargs)


@flow(flow_run_name="{name}", on_cancellation=[cancel_sessions])
def in_threads(plan: str, name: str) -> None:
    for future in [recorded_step.submit(*args, **kwargs) for args, kwargs in steps(plan)[1]]:
        future.result()


@flow(flow_run_name="{name}", on_cancellation=[cancel_sessions])
async def in_async(plan: str, name: str) -> None:
    calls = (await asyncio.to_thread(steps, plan))[1]
    await asyncio.gather(*(recorded_step_async(*args, **kwargs) for args, kwargs in calls))


SHAPES: dict[str, Callable[..., Any]] = {"main": in_main, "threads": in_threads, "async": in_async}


def begin(plan: str, name: str) -> None:
    shape = SHAPES[plan.partition(":")[0]]
    time.sleep(random.random())
    with suppress(EBError, asyncio.CancelledError):
        if shape is in_async:
            asyncio.run(shape(plan, name))
        else:
            shape(plan, name)


def main(plans: list[str]) -> None:
    if plans == ["serve"]:
        from prefect import serve

        serve(*(shape.to_deployment(name=key) for key, shape in SHAPES.items()), limit=20)
        return
    names = [f"{FOLDER.name}-{n}" for n in range(len(plans))]
    if len(plans) == 1:
        begin(plans[0], names[0])
        return
    threads = [threading.Thread(target=begin, args=each) for each in zip(plans, names, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(sys.argv[1:])
