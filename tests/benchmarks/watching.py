# SPDX-License-Identifier: Apache-2.0
"""What watching N sessions costs, beside a bare httpx loop and beside a thread a session.

    PYTHONPATH=. python -m tests.benchmarks.watching [N ...]

A scripted broker in a process of its own serves N sessions over HTTP, each
some 2 minutes long. They are watched to their settled ends at no more than
500 requests a second. A bare loop of httpx then sends as many requests for
the same sessions, one after another, and reads the phase out of each answer:
as fast as it can, and at the rate of the watching. Last, each session gets a
thread that reads it every 5 s. Each is a process of its own; CPU and memory
are the kernel's figures of it, memory the most it held beyond what it began with.
"""

import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import httpx

from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.model.phase import FINAL
from eb_prefect.model.session import Session
from eb_prefect.pace import REMOTE
from eb_prefect.watching.news import Changed, News
from eb_prefect.watching.poller import Poller
from eb_prefect.wire.dialect import Dialect

SIZES = (100, 1000, 10_000)
MIX = "imaging:120:0.15:1"
PACE = REMOTE._replace(budget=500.0)


@contextmanager
def server(*options: str) -> Iterator[str]:
    """Run a scripted broker as a process of its own and give its address."""
    command = [sys.executable, "-m", "eb_prefect.testing.server", "--until-eof", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdin is not None
        yield json.loads(running.stdout.readline())["url"]
        running.stdin.close()


def begin(url: str, count: int) -> list[str]:
    answer = httpx.post(f"{url}/-/sessions?count={count}", timeout=300.0)
    return list(answer.json()["sessions"])


def requests(url: str) -> int:
    return int(httpx.get(f"{url}/-/calls").json().get("session", 0))


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def memory() -> float:
    """Return what this process holds now, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def most_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1.024e-3


class Measure:
    """CPU and memory of what this process does from now on."""

    def __init__(self) -> None:
        self.cpu, self.memory, self.begun = cpu(), memory(), time.monotonic()

    def told(self, **more: float) -> dict[str, float]:
        return {
            "cpu": cpu() - self.cpu,
            "memory": most_memory() - self.memory,
            "seconds": time.monotonic() - self.begun,
            **more,
        }


def poller(url: str, sessions: list[str]) -> dict[str, float]:
    broker, ended, most = HTTPBroker(url, dialect=Dialect.B2), SimpleQueue[News](), 0
    broker.session(sessions[0])
    measure, watching = Measure(), Poller()
    for uuid in sessions:
        known = Session(uuid=uuid, phase="ACCEPTED")
        watching.watch(
            broker, known, tell=lambda news: isinstance(news, Changed) or ended.put(news), pace=PACE
        )
    for _ in sessions:
        ended.get()
        most = max(most, threading.active_count())
    return measure.told(threads=most)


def bare(url: str, sessions: list[str], count: int, rate: float) -> dict[str, float]:
    with httpx.Client(timeout=60.0) as client:
        client.get(f"{url}/sessions/{sessions[0]}")
        measure = Measure()
        for n in range(count):
            time.sleep(max(0.0, measure.begun + n / rate - time.monotonic()) if rate else 0.0)
            phase = client.get(f"{url}/sessions/{sessions[n % len(sessions)]}").json()["phase"]
            assert phase in FINAL
    return measure.told(threads=1)


def threads(url: str, sessions: list[str]) -> dict[str, float]:
    with httpx.Client(timeout=60.0) as client:
        client.get(f"{url}/sessions/{sessions[0]}")

        def follow(uuid: str) -> None:
            while client.get(f"{url}/sessions/{uuid}").json()["phase"] not in FINAL:
                time.sleep(5.0)

        measure = Measure()
        each = [threading.Thread(target=follow, args=(uuid,)) for uuid in sessions]
        for thread in each:
            thread.start()
        most = threading.active_count()
        for thread in each:
            thread.join()
    return measure.told(threads=most)


def apart(what: str, url: str, sessions: list[str], *more: float) -> dict[str, float]:
    """Measure one of the above in a process of its own, with the requests that reached the server."""
    before = requests(url)
    given = json.dumps([what, url, sessions, *more])
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.watching", "-"],
        input=given,
        capture_output=True,
        text=True,
        check=True,
    )
    return {**json.loads(done.stdout), "requests": requests(url) - before}


def row(what: str, n: int, told: dict[str, float], ours: dict[str, float]) -> str:
    each, of_ours = told["cpu"] / told["requests"], ours["cpu"] / ours["requests"]
    return (
        f"{n:7} {what:22} {told['requests']:8} {told['cpu']:7.1f} {each * 1e3:7.3f} {of_ours / each:7.2f}"
        f" {ours['cpu'] / told['cpu']:7.2f} {told['memory']:7.1f} {told['threads']:8.0f}"
    )


def compare(n: int) -> None:
    with server("--durations", MIX, "--seed", "1") as url:
        sessions = begin(url, n)
        ours = apart("poller", url, sessions)
        count, rate = ours["requests"], ours["requests"] / ours["seconds"]
        print(row("eb-prefect", n, ours, ours))
        print(row("bare loop", n, apart("bare", url, sessions, count, 0.0), ours))
        print(row("bare loop, same rate", n, apart("bare", url, sessions, min(count, 4000), rate), ours))
    with server("--durations", MIX, "--seed", "1") as url:
        print(row("thread a session, 5 s", n, apart("threads", url, begin(url, n)), ours), flush=True)


def main(words: list[str]) -> None:
    if words == ["-"]:
        what, url, sessions, *more = json.load(sys.stdin)
        kinds: dict[str, Any] = {"poller": poller, "bare": bare, "threads": threads}
        print(json.dumps(kinds[what](url, sessions, *more)))
        return
    print(f"{'N':>7} {'':22} requests   CPU s  ms each  ours/it  in all      MB  threads")
    for n in map(int, words or SIZES):
        compare(n)


if __name__ == "__main__":
    main(sys.argv[1:])
