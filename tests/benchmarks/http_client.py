# SPDX-License-Identifier: Apache-2.0
"""What a look at a session over HTTP costs, beside the same request by httpx alone.

    PYTHONPATH=. .venv/bin/python -m tests.benchmarks.http_client

The server is a process of its own; the ratios are of this process's CPU time,
one thread and eight.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx

from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.wire.dialect import Dialect
from tests.brokers.embedded.bench import program

LOOKS = 2000
ROUNDS = 3
SERVER = [sys.executable, "-m", "eb_prefect.testing.server", "--until-eof"]


def cpu(look: Callable[[], object], threads: int) -> float:
    """Return the CPU time of one look, in milliseconds."""
    with ThreadPoolExecutor(threads) as pool:
        began = time.process_time()
        list(pool.map(lambda _: look(), range(LOOKS)))
        return (time.process_time() - began) * 1000 / LOOKS


def main() -> None:
    with subprocess.Popen(SERVER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin
        assert server.stdout
        url = json.loads(server.stdout.readline())["url"]
        with HTTPBroker(url, dialect=Dialect.B2) as broker, httpx.Client(trust_env=False) as bare:
            compare(broker, bare, url)
        server.stdin.close()


def compare(broker: HTTPBroker, bare: httpx.Client, url: str) -> None:
    session = broker.request_offers(program("true")).offers[0].uuid
    first = broker.changed(session, None)
    assert first
    looks = {
        "httpx get": lambda: bare.get(f"{url}/sessions/{session}").content,
        "changed, and it has not": lambda: broker.changed(session, first.mark),
        "session": lambda: broker.session(session),
    }
    for threads in (1, 8):
        costs = {name: min(cpu(look, threads) for _ in range(ROUNDS)) for name, look in looks.items()}
        for name, cost in costs.items():
            print(f"{threads} threads  {name:24} {cost:6.3f} ms  {cost / costs['httpx get']:5.2f}")


if __name__ == "__main__":
    main()
