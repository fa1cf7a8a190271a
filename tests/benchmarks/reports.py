# SPDX-License-Identifier: Apache-2.0
"""What tables, reports and lineage cost a flow and its server: ``python -m tests.benchmarks.reports``.

The same recorded steps run with and without them, each on a server of its own.
Both columns are CPU time in ms a step, which other work on the machine does not change much.
"""

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from flows import server
from flows.server import prefect_server
from tests.serving import in_force

STEPS = 100


def run() -> tuple[float, float]:
    """Run the flow; return its CPU and its duration until its end, in ms a step."""
    from prefect import flow

    from eb_prefect.model.executable import Program
    from eb_prefect.model.request import ExecutionRequest
    from eb_prefect.runs.shown import all_shown
    from eb_prefect.testing.scripted import ScriptedBroker
    from provenance.tasks import recorded_step_async

    broker = ScriptedBroker(((0, "RUNNING"), (0.01, "COMPLETED")))
    request = ExecutionRequest(executable=Program(command=("true",)))

    @flow
    async def many(count: int) -> float:
        started = time.perf_counter()
        for number in range(count):
            await recorded_step_async(broker, request, name=f"step {number}")
        return (time.perf_counter() - started) / count * 1e3

    asyncio.run(many(3))  # what is done once
    used = time.process_time()
    wall = asyncio.run(many(STEPS))
    assert all_shown(120)
    return (time.process_time() - used) / STEPS * 1e3, wall


def with_server(work: Path, reports: int, thing: Callable[[], tuple[float, float]]) -> tuple[float, ...]:
    """Return what the thing does, and the CPU of its server in ms a step, its start included."""
    os.environ["PREFECT_INTEGRATIONS_EB_REPORTS"] = str(reports)
    os.environ["EB_HOME"] = str(work / f"home-{reports}")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with prefect_server(work / f"prefect-{reports}") as environment, in_force(environment):
        found = thing()
        time.sleep(15)  # the server works off what it was told
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return (*found, spent / STEPS * 1e3)


def apart(reports: int) -> tuple[float, ...]:
    """Measure in a process of its own: Prefect goes on telling the first server of a process."""
    words = [sys.executable, "-m", "tests.benchmarks.reports", "-", str(reports)]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return tuple(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Print both, and the difference."""
    server.START_LIMIT = 600.0  # on a machine that does much else
    if sys.argv[1:2] == ["-"]:
        with tempfile.TemporaryDirectory(prefix="eb-benchmark-") as directory:
            print(json.dumps(with_server(Path(directory), int(sys.argv[2]), run)))
        return
    without, having = apart(0), apart(1000)
    for name, numbers in (("without", without), ("with", having)):
        print("{:8} flow {:6.1f} ms CPU, {:6.1f} ms; server {:6.1f} ms CPU".format(name, *numbers))
    print(
        "more     flow {:6.1f} ms CPU, {:6.1f} ms; server {:6.1f} ms CPU a step".format(
            *(b - a for a, b in zip(without, having, strict=True))
        )
    )


if __name__ == "__main__":
    main()
