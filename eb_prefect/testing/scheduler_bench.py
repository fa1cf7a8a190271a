# SPDX-License-Identifier: Apache-2.0
"""A batch system under test, and what is submitted to it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Protocol
from uuid import uuid4

from eb_prefect.brokers.batch.scheduler import Account, Scheduler, Seen, Submission
from eb_prefect.model.phase import FINAL
from eb_prefect.testing.contract import wait_until


class SchedulerBench(Protocol):
    """A batch system under test; it can be pickled.

    ``directory`` is one of this machine that the nodes see, new for each
    test. ``patience`` is how many seconds a short submission may take to its
    end, or from a cancellation; ``waiting`` are options that make a submission
    wait for ever, ``unknown`` is a handle that could be one and is none,
    ``finds`` is whether it keeps identifiers of ours.
    """

    directory: Path
    patience: float
    waiting: tuple[str, ...]
    unknown: str
    finds: bool

    def scheduler(self) -> Scheduler:
        """Return a new object for the same batch system."""
        ...

    def impossible(self, submission: Submission) -> Submission:
        """Return the same with something that the batch system refuses at once."""
        ...

    def unreachable(self) -> Scheduler | None:
        """Return the scheduler of a batch system that does not answer, None if there is none."""
        ...


def submission(
    bench: SchedulerBench, text: str, *, tasks: int = 1, queue: str = "", options: tuple[str, ...] = ()
) -> Submission:
    """Return what hands a shell script to the batch system."""
    identifier = str(uuid4())
    return Submission(
        identifier=identifier,
        name="contract",
        script=f"#!/bin/sh\n{text}\n",
        log=str(bench.directory / f"{identifier}.log"),
        tasks=tasks,
        queue=queue,
        memory=64,
        minutes=5,
        options=options,
    )


def ended(scheduler: Scheduler, bench: SchedulerBench, handles: Sequence[str]) -> Mapping[str, Seen]:
    """Wait until all have ended, and return how they were seen then."""
    last: dict[str, Seen] = {}

    def all_ended() -> bool:
        last.update(scheduler.look(handles))
        return all(handle in last and last[handle].phase in FINAL for handle in handles)

    wait_until(all_ended, bench.patience)
    return last


def notes(bench: SchedulerBench) -> list[str]:
    """Return the numbers of the tasks that noted themselves, in the order in which they did."""
    return lines(str(bench.directory / "notes"))


def noting(bench: SchedulerBench) -> str:
    """Return a command by which a task notes its number, for `notes`."""
    return f'echo "$EB_TASK" >> {quote(str(bench.directory / "notes"))}'


def waiting(bench: SchedulerBench, *, tasks: int = 1) -> Submission:
    """Return what waits for ever, and would note itself."""
    return submission(bench, noting(bench), tasks=tasks, options=bench.waiting)


def booked(scheduler: Scheduler, bench: SchedulerBench, handles: Sequence[str]) -> Mapping[str, Account]:
    """Wait until all are on the books, and return what is there."""
    wait_until(lambda: len(scheduler.accounts(handles)) == len(handles), bench.patience)
    return scheduler.accounts(handles)


def lines(path: str) -> list[str]:
    """Return the lines of a file, none where there is none."""
    return Path(path).read_text().splitlines() if Path(path).exists() else []
