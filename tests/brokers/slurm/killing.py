# SPDX-License-Identifier: Apache-2.0
"""What kill tests on a Slurm cluster do: callers that are killed, and sessions that must come out whole."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import Random

from eb_prefect.errors import BrokerUnavailableError
from eb_prefect.model.phase import FINAL, Phase
from eb_prefect.model.session import Session
from eb_prefect.testing.contract import wait_until
from tests.brokers.slurm.bench import SlurmBench

TRIALS = int(os.environ.get("EB_KILL_TRIALS", "2"))
SEED = os.environ.get("EB_KILL_SEED", "1")
TOGETHER = 6
PATIENCE = 150.0


@contextmanager
def caller(bench: SlurmBench, sessions: Sequence[str], point: str = "") -> Iterator[subprocess.Popen[str]]:
    """Yield a process that has begun to accept the sessions, with all of its children in one group."""
    words = [sys.executable, "-m", "tests.brokers.slurm.accepting", str(bench.root), point, *sessions]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


def life(bench: SlurmBench, sessions: Sequence[str], point: str = "") -> int:
    """Return how such a process ends that nobody ends."""
    with caller(bench, sessions, point) as process:
        return process.wait(PATIENCE)


def kill(process: subprocess.Popen[str], *, children: bool) -> None:
    """Kill -9 a process, and the commands that it runs just now or not."""
    if children:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def trials(root: SlurmBench, trial: Callable[[SlurmBench, Random], None]) -> None:
    """Carry out many trials, some at a time, each with a bench and a chance of its own."""

    def one(number: int) -> None:
        bench = SlurmBench(root.root / str(number), patience=PATIENCE, settings=root.settings)
        bench.root.mkdir()
        trial(bench, Random(f"{SEED} {number}"))

    with ThreadPoolExecutor(TOGETHER) as threads:
        list(threads.map(one, range(TRIALS)))


def ended(bench: SlurmBench, sessions: Sequence[str], seconds: float = PATIENCE) -> list[Session]:
    """Return the sessions when all have ended, whatever does not answer in the meantime."""
    broker, until = bench.broker(), time.monotonic() + seconds
    found: dict[str, Session] = {}
    while left := [session for session in sessions if session not in found]:
        assert time.monotonic() < until, f"{left} have not ended after {seconds} s"
        for session in left:
            try:
                seen = broker.session(session)
            except BrokerUnavailableError:
                continue
            if seen.phase in FINAL:
                found[session] = seen
        time.sleep(0.05)
    return [found[session] for session in sessions]


def is_whole(session: Session) -> None:
    """Claim that a session ran well, and that all is told of it."""
    told = session.outcome
    assert (session.phase, told and told.exit_code) == (Phase.COMPLETED, 0), session.messages
    assert told is not None
    assert all((told.identifier, told.state, told.nodes, told.started, told.ended, told.peak_memory))


def await_idle() -> None:
    """Wait until nothing of this user's is left in Slurm's queue that could still run."""
    command = ["squeue", "--me", "-h", "-o", "%A %r"]

    def is_idle() -> bool:
        lines = subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()
        return all(line.endswith("BeginTime") for line in lines)

    wait_until(is_idle, PATIENCE)
