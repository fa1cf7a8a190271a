# SPDX-License-Identifier: Apache-2.0
"""What the embedded broker costs: ``python -m tests.benchmarks.embedded``."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from eb_prefect.brokers.embedded.supervisor import spawn
from eb_prefect.brokers.embedded.supervisor.queue import head
from eb_prefect.model.phase import Phase
from eb_prefect.testing.contract import offered, wait_until
from tests.brokers.embedded.bench import EmbeddedBench, program

SESSIONS = 50


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def one_session(bench: EmbeddedBench) -> tuple[float, float, float]:
    """Return the seconds that offers, acceptance and the rest of a session of ``true`` take."""
    broker, request = bench.broker(), program("true")
    began = time.perf_counter()
    offer = broker.request_offers(request).offers[0]
    made = time.perf_counter()
    broker.accept(offer.uuid)
    taken = time.perf_counter()
    while not broker.session(offer.uuid).is_final:
        time.sleep(0.0005)
    return made - began, taken - made, time.perf_counter() - taken


def start_up() -> float:
    """Return the seconds until a supervisor has imported all that it needs, in a process of its own."""
    package = str(Path(spawn.__file__).parent.parent)
    text = "import sys; sys.path.append(sys.argv[1]); import supervisor.main"
    return seconds(lambda: subprocess.run([sys.executable, "-I", "-S", "-c", text, package], check=True))


def bare_python() -> float:
    return seconds(lambda: subprocess.run([sys.executable, "-I", "-S", "-c", ""], check=True))


def memory_of_head(bench: EmbeddedBench) -> dict[str, int]:
    """Return the memory in KiB of the supervisor that waits as head of the queue."""
    broker = bench.broker()
    everything = {"cores": {"min": len(os.sched_getaffinity(0))}}
    sessions = [
        broker.accept(offered(broker, program("sleep", "60", compute=everything)).uuid).uuid for _ in range(2)
    ]
    wait_until(lambda: broker.session(sessions[1]).phase == Phase.WAITING, 10)
    time.sleep(0.2)
    text = Path(f"/proc/{head(str(bench.home / 'queue'))}/smaps_rollup").read_text()
    for session in sessions:
        broker.cancel(session)
    wait_until(lambda: all(broker.session(session).is_final for session in sessions), 20)
    wanted = ("Rss", "Pss", "Private_Dirty")
    return {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines() if line.startswith(wanted)}


def median_ms(values: list[float]) -> str:
    low, middle, high = (1e3 * f(values) for f in (min, statistics.median, max))
    return f"{middle:6.2f} ms (min {low:.2f}, max {high:.2f})"


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        bench = EmbeddedBench(Path(place))
        one_session(bench)
        runs = [one_session(bench) for _ in range(SESSIONS)]
        print(f"request_offers          {median_ms([run[0] for run in runs])}")
        print(f"accept                  {median_ms([run[1] for run in runs])}")
        print(
            f"offers to COMPLETED     {median_ms([sum(run) for run in runs])}   ({SESSIONS} sessions of true)"
        )
        print(f"supervisor's start      {median_ms([start_up() for _ in range(20)])}")
        print(f"bare python -I -S       {median_ms([bare_python() for _ in range(20)])}")
        broker = bench.broker()
        offer = broker.accept(offered(broker, program("sleep", "5")).uuid)
        wait_until(lambda: broker.session(offer.uuid).phase == Phase.RUNNING, 10)
        calls = [seconds(lambda: broker.session(offer.uuid)) for _ in range(1000)]
        print(f"session() while it runs {median_ms(calls)}")
        broker.cancel(offer.uuid)
        wait_until(lambda: broker.session(offer.uuid).is_final, 10)
        calls = [seconds(lambda: broker.session(offer.uuid)) for _ in range(1000)]
        print(f"session() once final    {median_ms(calls)}")
        print(f"waiting supervisor      {memory_of_head(bench)} KiB")


if __name__ == "__main__":
    main()
