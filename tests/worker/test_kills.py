# SPDX-License-Identifier: Apache-2.0
"""Workers and flow runs that are killed: nothing is lost, and nothing runs twice."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from uuid import UUID

import pytest
from prefect.states import AwaitingRetry, Cancelling

from tests.worker.dying import POINTS
from tests.worker.pools import Pool

TRIALS = int(os.environ.get("EB_KILL_TRIALS", "4"))
AT_ONCE = int(os.environ.get("EB_KILL_AT_ONCE", "3"))


@pytest.fixture(scope="module")
def nursery(
    prefect_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[subprocess.Popen[str]]:
    environment = {
        **prefect_environment,
        "EB_HOME": str(tmp_path_factory.mktemp("workers")),
        "PREFECT_WORKER_QUERY_SECONDS": "0.5",
        "PREFECT_LOGGING_LEVEL": "ERROR",
    }
    environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.worker.dying"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process


@pytest.fixture
def worker(nursery: subprocess.Popen[str], work_pool: Pool) -> Iterator[Callable[[str], int]]:
    """Return what starts a worker that dies at a point, of the one name that they all have."""
    started = []

    def start(point: str = "never") -> int:
        assert nursery.stdin
        assert nursery.stdout
        nursery.stdin.write(f"{work_pool.name} ours {point}\n")
        nursery.stdin.flush()
        started.append(int(nursery.stdout.readline()))
        return started[-1]

    yield start
    for pid in started:
        kill(pid)


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


async def dead_or_done(pid: int, pool: Pool, runs: list[UUID]) -> None:
    """Wait until a worker has died, or has nothing left to die of."""
    while is_alive(pid):
        states = [(await pool.client.read_flow_run(run)).state for run in runs]
        if all(state and state.is_final() for state in states):
            return
        await asyncio.sleep(0.1)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.timeout(60 + 60 * TRIALS)
async def test_each_flow_run_is_run_once(work_pool: Pool, worker: Callable[[str], int]) -> None:
    dice = random.Random(20261129)
    for trial in range(TRIALS):
        point = [*POINTS, "random"][trial % (len(POINTS) + 1)]
        runs = [await work_pool.schedule(dice.choice([0.0, 0.5, 2.0])) for _ in range(AT_ONCE)]
        for _ in range(dice.choice([1, 1, 2])):
            pid = worker(point)
            if point == "random":
                await asyncio.sleep(dice.uniform(0.0, 4.0))
                kill(pid)
            await dead_or_done(pid, work_pool, runs)
            kill(pid)
        last = worker("never")
        states = [await work_pool.ended(run) for run in runs]
        counts = [work_pool.count(run) for run in runs]
        assert (states, counts) == (["Completed"] * AT_ONCE, [1] * AT_ONCE), (trial, point)
        kill(last)


async def test_a_killed_flow_run_is_run_again_when_it_is_retried(
    work_pool: Pool, worker: Callable[[str], int]
) -> None:
    """Its worker is killed too, so it is the next one that finds the session ended."""
    pid = worker("never")
    run = await work_pool.schedule(3600, grace=0)
    await work_pool.until(run, lambda now: now.state and now.state.is_running())
    kill(pid)
    kill(int((work_pool.counts / str(run)).read_text()))
    worker("never")
    assert await work_pool.ended(run) == "Crashed"
    assert work_pool.count(run) == 1
    await work_pool.client.set_flow_run_state(run, AwaitingRetry(), force=True)
    await work_pool.until(run, lambda now: now.state and now.state.is_running())
    await work_pool.client.set_flow_run_state(run, Cancelling())
    assert await work_pool.ended(run) == "Cancelled"
    assert (work_pool.count(run), (await work_pool.names(run)).count("With broker")) == (2, 2)
