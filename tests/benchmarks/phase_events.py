# SPDX-License-Identifier: Apache-2.0
"""What telling each phase as a Prefect event costs, beside the same steps without it, in one run.

    python tests/benchmarks/phase_events.py [--steps 1000]

All steps of an async flow run at once on a scripted broker, with five phases
each. CPU seconds are those of the flow's process and those that the Prefect
server takes until it has worked off all that it was told.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]
SCRIPT = ((0.0, "PREPARING"), (2.0, "AVAILABLE"), (4.0, "RUNNING"), (6.0, "COMPLETED"))


def stepped(steps: int, *, events: bool) -> dict[str, Any]:
    from prefect import flow

    from eb_prefect.journal_directory import DirectoryJournal
    from eb_prefect.model.executable import Program
    from eb_prefect.model.request import ExecutionRequest
    from eb_prefect.runs import within
    from eb_prefect.runs.events import PhaseEvents
    from eb_prefect.step import StepOptions
    from eb_prefect.tasks import step_async
    from eb_prefect.testing.scripted import ScriptedBroker

    if not events:
        within._ONLOOKERS = tuple(each for each in within._ONLOOKERS if each is not PhaseEvents)
    broker = ScriptedBroker(SCRIPT)
    request = ExecutionRequest(name="nothing", executable=Program(command=("true",)))

    @flow
    async def many(folder: str) -> None:
        options = StepOptions(journal=DirectoryJournal(Path(folder)))
        await asyncio.gather(
            *(step_async(broker, request, name=f"step {n}", options=options) for n in range(steps))
        )

    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        asyncio.run(many(folder))
        return {"seconds": time.perf_counter() - began}


def count(url: str) -> int:
    ask = urllib.request.Request(
        f"{url}/events/filter", b'{"filter": {}, "limit": 1}', {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(ask) as answer:
        found: int = json.load(answer)["total"]
        return found


def settled(url: str) -> int:
    """The number of events that the server has, once it has not grown for some seconds."""
    last, since = -1, time.monotonic()
    while time.monotonic() < since + 8:
        if (now := count(url)) != last:
            last, since = now, time.monotonic()
        time.sleep(1)
    return last


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(steps: int, folder: Path, *, events: bool) -> dict[str, Any]:
    from tests.prefecting import killed_server

    with killed_server(folder) as server:
        url = server.environment["PREFECT_API_URL"]
        before = settled(url), cpu(server.pid)
        words = [sys.executable, HERE, "--steps", str(steps), "--inside", "events" if events else "none"]
        own = os.times()
        said = subprocess.run(words, env=server.environment, check=True, stdout=subprocess.PIPE, text=True)
        client = os.times()
        found = json.loads(said.stdout.splitlines()[-1])
        found["client CPU"] = client.children_user - own.children_user
        found["client CPU"] += client.children_system - own.children_system
        found["events"] = settled(url) - before[0]
        found["server CPU"] = cpu(server.pid) - before[1]
        return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--inside", choices=["events", "none"], help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.inside:
        print(json.dumps(stepped(wanted.steps, events=wanted.inside == "events")))
        return
    with tempfile.TemporaryDirectory() as name:
        took = {
            each: measured(wanted.steps, Path(name) / each, events=each == "with")
            for each in ("without", "with")
        }
    for what in ("seconds", "client CPU", "server CPU", "events"):
        without, with_ = took["without"][what], took["with"][what]
        print(f"{what:<12} without {without:9.2f}   with {with_:9.2f}   ratio {with_ / without:5.2f}")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os.environ["PYTHONPATH"] = str(ROOT)
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "ERROR")
    main()
