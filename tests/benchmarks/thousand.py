# SPDX-License-Identifier: Apache-2.0
"""What a thousand sessions cost a flow, beside bare tasks and beside a task a session that polls.

    PYTHONPATH=. python -m tests.benchmarks.thousand [--sessions 1000] [--seconds 60] [KIND ...]

A scripted broker in a process of its own serves sessions over HTTP, all of
them as long, with four changes of phase each. Every kind of flow below is a
process of its own too, on one real Prefect server:

bare      that many async tasks that sleep as long as a session lasts
steps     that many `step_async`, gathered
recorded  the same with a record of each
batch     one `steps_async` of that many sessions
records   one `recorded_steps_async` of that many
large     one `steps_async` of ten times as many
mapped    that many `step.submit` in a sync flow
polling   that many sync tasks, each with an httpx client that asks every 5 s

Time, memory and threads are of the flow's process: from the call of the flow
until it returns, and the most that the kernel saw of it. Requests are those
that reached the broker. The broker is asked at most 500 times a second.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.watching import cpu, most_memory, server

LARGE = 10
SILENT = subprocess.DEVNULL  # a flow says the same to the server


def calls(url: str) -> int:
    import httpx

    return sum(httpx.get(f"{url}/-/calls", trust_env=False).json().values())


class Threads(threading.Thread):
    """Counts the others, the main one with them, until it is told to stop."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most = 0
        self.names: list[str] = []
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.2):
            if (now := threading.active_count() - 1) > self.most:
                self.most, self.names = now, sorted(each.name for each in threading.enumerate())


@contextmanager
def measured() -> Iterator[dict[str, Any]]:
    found: dict[str, Any] = {}
    threads, used, began = Threads(), cpu(), time.monotonic()
    threads.start()
    try:
        yield found
    finally:
        threads.ended.set()
        threads.join()
        found |= {
            "seconds": time.monotonic() - began,
            "cpu": cpu() - used,
            "memory": most_memory(),
            "threads": threads.most,
            "names": threads.names,
        }


def bare(url: str, count: int, seconds: float) -> None:
    from prefect import flow, task

    @task(task_run_name="{name}")
    async def sleep(name: str) -> str:
        await asyncio.sleep(seconds)
        return name

    @flow
    async def many() -> int:
        return len(await asyncio.gather(*(sleep(f"sort {n}") for n in range(count))))

    assert asyncio.run(many()) == count


def broker_at(url: str) -> Any:
    from eb_prefect.brokers.http.broker import HTTPBroker
    from eb_prefect.pace import REMOTE
    from eb_prefect.wire.dialect import Dialect

    return HTTPBroker(url, dialect=Dialect.B2, pace=REMOTE._replace(budget=500.0))


def request() -> Any:
    from eb_prefect.testing.mix import Mix, classes

    return Mix(classes("imaging:60:0:1")).request()


def steps(url: str, count: int, seconds: float, *, recorded: bool = False) -> None:
    from prefect import flow

    from eb_prefect.tasks import step_async
    from provenance.tasks import recorded_step_async

    broker, wanted = broker_at(url), request()
    run = recorded_step_async if recorded else step_async

    @flow
    async def many() -> int:
        return len(await asyncio.gather(*(run(broker, wanted, name=f"sort {n}") for n in range(count))))

    assert asyncio.run(many()) == count


def recorded(url: str, count: int, seconds: float) -> None:
    steps(url, count, seconds, recorded=True)


def batch(url: str, count: int, seconds: float, *, recorded: bool = False) -> None:
    from prefect import flow

    from eb_prefect.tasks import steps_async
    from provenance.tasks import recorded_steps_async

    broker, wanted = broker_at(url), request()
    run = recorded_steps_async if recorded else steps_async

    @flow
    async def many() -> int:
        made = await run(broker, {f"sort {n}": wanted for n in range(count)}, name="sort")
        return len(made.made)

    assert asyncio.run(many()) == count


def records(url: str, count: int, seconds: float) -> None:
    batch(url, count, seconds, recorded=True)


def large(url: str, count: int, seconds: float) -> None:
    batch(url, LARGE * count, seconds)


def mapped(url: str, count: int, seconds: float) -> None:
    from prefect import flow

    from eb_prefect.tasks import step

    broker, wanted = broker_at(url), request()

    @flow
    def many() -> int:
        runs = [step.submit(broker, wanted, name=f"sort {n}") for n in range(count)]
        return len([run.result() for run in runs])

    assert many() == count


def polling(url: str, count: int, seconds: float) -> None:
    import httpx
    from prefect import flow, task

    from eb_prefect.brokers.http.sending import request_text, update_text
    from eb_prefect.model.phase import Phase
    from eb_prefect.wire.dialect import Dialect

    wanted = request_text(request(), Dialect.B2).document
    accepted = update_text(Phase.ACCEPTED, Dialect.B2)
    headers = {"Content-Type": "application/json", "Accept": "application/json"}

    @task(task_run_name="{name}")
    def poll(name: str) -> str:
        with httpx.Client(timeout=60.0, trust_env=False, headers=headers, follow_redirects=True) as client:
            offers = client.post(f"{url}/requests", content=wanted).json()["offers"]
            at = f"{url}/sessions/{offers[0]['meta']['uuid']}"
            client.post(at, content=accepted).raise_for_status()
            while client.get(at).json()["phase"] not in {"COMPLETED", "FAILED"}:
                time.sleep(5.0)
        return name

    @flow
    def many() -> int:
        runs = [poll.submit(f"sort {n}") for n in range(count)]
        return len([run.result() for run in runs])

    assert many() == count


KINDS: dict[str, Callable[[str, int, float], None]] = {
    each.__name__: each for each in (bare, steps, recorded, batch, records, large, mapped, polling)
}


def apart(kind: str, url: str, count: int, seconds: float, environment: dict[str, str]) -> dict[str, Any]:
    """Measure a kind of flow in a process of its own, with the requests that reached the broker."""
    before = calls(url)
    with tempfile.TemporaryDirectory() as home:
        words = [sys.executable, "-m", "tests.benchmarks.thousand", "-", kind, url, str(count), str(seconds)]
        env = {**environment, "EB_HOME": home}
        done = subprocess.run(words, env=env, stdout=subprocess.PIPE, stderr=SILENT, text=True, check=True)
    return {**json.loads(done.stdout.splitlines()[-1]), "requests": calls(url) - before}


def row(kind: str, count: int, seconds: float, told: dict[str, Any], first: dict[str, Any]) -> str:
    return (
        f"{kind:10} {count:7} {told['seconds']:8.1f} {told['seconds'] / first['seconds']:8.2f}"
        f" {told['seconds'] / seconds:8.2f} {told['memory']:8.0f} {told['threads']:8} {told['cpu']:8.1f}"
        f" {told['requests']:9}"
    )


def compare(kinds: list[str], count: int, seconds: float, *, names: bool) -> None:
    from flows.server import prefect_server

    print("              N  seconds  of first  of session     MB  threads    CPU s  requests", flush=True)
    with tempfile.TemporaryDirectory() as folder, prefect_server(Path(folder)) as environment:
        first: dict[str, Any] | None = None
        for kind in kinds:
            with server("--durations", f"imaging:{seconds}:0:1", "--seed", "1") as url:
                told = apart(kind, url, count, seconds, environment)
            first = first or told
            print(row(kind, count * (LARGE if kind == "large" else 1), seconds, told, first), flush=True)
            if names:
                print(told["names"])


def main() -> None:
    if sys.argv[1:2] == ["-"]:
        kind, url, count, seconds = sys.argv[2:]
        with measured() as found:
            KINDS[kind](url, int(count), float(seconds))
        print(json.dumps(found))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}; all where none is named"
    )
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--names", action="store_true", help="of the threads too")
    given = parser.parse_args()
    if unknown := set(given.kinds) - set(KINDS):
        parser.error(f"there is no {', '.join(unknown)}")
    compare(given.kinds or list(KINDS), given.sessions, given.seconds, names=given.names)


if __name__ == "__main__":
    main()
