# SPDX-License-Identifier: Apache-2.0
"""What a batch system is to its broker: where something can run, and what becomes of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from eb_prefect.model.phase import Phase


class Queue(NamedTuple):
    """Where something can wait for nodes: a partition, a queue.

    ``cores``, ``memory`` (MiB) and ``gpus`` are the most that one node has,
    ``minutes`` the longest that anything may run, 0 for no limit. ``closed``
    is why nothing can be submitted, empty where it can.
    """

    name: str
    cores: int
    memory: int
    minutes: int = 0
    gpus: int = 0
    is_default: bool = False
    closed: str = ""


@dataclass(frozen=True)
class Submission:
    """What is handed to a batch system in one go: one session, or an array of several alike.

    ``identifier`` is ours and travels with it, so that it is found again.
    ``script`` is the whole text of a shell script; each task runs it with its
    number, from 0, in the environment as ``EB_TASK``, and its handle as
    ``EB_HANDLE``.
    ``log`` is the path for what the script itself says, of all tasks.
    ``memory`` is in MiB, ``minutes`` of wall time 0 for the queue's own limit,
    ``cores``, ``memory`` and ``gpus`` are for each task, all on one node.
    ``options`` are the batch system's own, as a user knows them from its command line.
    """

    identifier: str
    name: str
    script: str
    log: str
    tasks: int = 1
    queue: str = ""
    cores: int = 1
    memory: int = 0
    minutes: int = 0
    gpus: int = 0
    options: tuple[str, ...] = ()


class Seen(NamedTuple):
    """How a submission's task was when it was looked at; ``state`` is the batch system's word.

    ``identifier`` is the submission's, empty if it has none of ours, None where
    that can't be told: a batch system that lost what it knew may give a handle again.
    """

    phase: Phase
    state: str
    reason: str = ""
    nodes: tuple[str, ...] = ()
    identifier: str | None = None


class Account(NamedTuple):
    """What a batch system has on its books about a task that ended; None is what it can't tell.

    CPU time in seconds, memory in bytes, energy in joules; ``identifier`` is as `Seen` has it.
    ``is_whole`` is False where more may still come.
    """

    phase: Phase
    state: str
    reason: str = ""
    nodes: tuple[str, ...] = ()
    exit_code: int | None = None
    signal: int | None = None
    started: datetime | None = None
    ended: datetime | None = None
    cpu_seconds: float | None = None
    peak_memory: int | None = None
    energy: float | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None
    identifier: str | None = None
    is_whole: bool = True


class Trial(NamedTuple):
    """What a batch system says of a submission that is not made yet; ``refusal`` is its reason, if any."""

    refusal: str = ""
    start: datetime | None = None


class SubmissionRefusedError(Exception):
    """The batch system will not run it; the text is its reason. Nothing was submitted."""


class TooManyWaitError(SubmissionRefusedError):
    """The batch system takes no more for now, of so many tasks at least; it may when others have ended."""


class Scheduler(Protocol):
    """A batch system, in the words of all of them.

    A task is named by its *handle*, which the batch system gave it. Calls may
    come from several threads. Every verb raises `BrokerUnavailableError` where
    there is no answer; then nothing is known about what it did.
    """

    @property
    def name(self) -> str:
        """What people call it, for records."""
        ...

    @property
    def keeps_accounts(self) -> bool:
        """Whether it has, or may have, books about what ended."""
        ...

    @property
    def most_tasks(self) -> int:
        """How many tasks one submission may have."""
        ...

    def queues(self) -> tuple[Queue, ...]:
        """Return all queues that this user could use, the default one first."""
        ...

    def trial(self, submission: Submission) -> Trial:
        """Return whether it would be taken now, and when it would start by the batch system's own estimate.

        What the batch system can't tell is left empty.
        """
        ...

    def submit(self, submission: Submission) -> tuple[str, ...]:
        """Submit it, and return the handle of each task, in the order of their numbers.

        Not safe to repeat where no answer came: look with `find` first.

        Raises
        ------
        SubmissionRefusedError
            It will not be run.
        TooManyWaitError
            Not now, or not so many at once.
        """
        ...

    def find(self, identifier: str) -> Mapping[int, str]:
        """Return the handles of what was submitted with an identifier of ours, by the tasks' numbers.

        Finds what is waiting or running without fail; what has ended as long
        as the batch system remembers it.
        """
        ...

    def look(self, handles: Collection[str]) -> Mapping[str, Seen]:
        """Return how each is now, with as few calls as the batch system allows.

        One that it does not know (any more) is not in the answer.
        """
        ...

    def accounts(self, handles: Collection[str]) -> Mapping[str, Account]:
        """Return what is on the books about each that has ended; what is not there yet is left out."""
        ...

    def cancel(self, handles: Sequence[str]) -> None:
        """Ask for their end. What has ended, or is not known, stays as it is."""
        ...
