# SPDX-License-Identifier: Apache-2.0
"""A process that accepts sessions, says when it begins, and may end itself at a named point."""

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from eb_prefect.brokers.batch.broker import BatchBroker
from eb_prefect.brokers.batch.here import Here
from eb_prefect.brokers.batch.scheduler import Submission
from eb_prefect.brokers.slurm.command_line import SlurmCommands
from tests.brokers.slurm.bench import SlurmBench

POINTS = ("before-attempt", "before-sbatch", "before-handle")


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a killed process goes on")


class DoomedHost(Here):
    """A machine that dies as soon as something is written for the nodes."""

    def write(self, path: str, content: bytes, *, mode: int = 0o600) -> None:
        die()


class DoomedCommands(SlurmCommands):
    """A Slurm whose caller dies before or after a submission."""

    def __init__(self, point: str) -> None:
        super().__init__()
        self._point = point

    def submit(self, submission: Submission) -> tuple[str, ...]:
        if self._point == "before-sbatch":
            die()
        super().submit(submission)
        die()


def doomed(bench: SlurmBench, point: str) -> BatchBroker:
    host = DoomedHost() if point == "before-attempt" else Here()
    return BatchBroker("slurm", DoomedCommands(point), host, settings=bench.settings, home=bench.home)


def main(root: str, point: str, *sessions: str) -> None:
    bench = SlurmBench(Path(root))
    broker = doomed(bench, point) if point else bench.broker()
    print("ready", flush=True)
    broker.accept_all(sessions)


if __name__ == "__main__":
    main(*sys.argv[1:])
