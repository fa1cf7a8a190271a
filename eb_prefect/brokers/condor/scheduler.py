# SPDX-License-Identifier: Apache-2.0
"""HTCondor, as a batch system for the batch broker."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from eb_prefect.brokers.batch.here import Here
from eb_prefect.brokers.batch.scheduler import Account, Queue, Seen, Submission, SubmissionRefusedError, Trial
from eb_prefect.brokers.condor.description import IDENTIFIER, describe
from eb_prefect.brokers.condor.library import Ad, Library
from eb_prefect.brokers.condor.reading import ATTRIBUTES, account, handle, order, seen

POOL = "pool"
"""HTCondor has no queues; this is the name of the one that all its machines make up."""


class HTCondorScheduler:
    """The HTCondor pool that the configuration of this machine names.

    It has to share a file system with its machines, as nothing is transferred.
    An array is one cluster; a handle is ``CLUSTER.PROC``. Our identifier is
    the job attribute ``EBIdentifier``, by which it is found in the queue and
    in the history. What HTCondor holds, other than by its user's own wish, is
    FAILED with the reason of the hold, and removed by the pool itself; so is
    what runs longer than it said. Start times are not estimated.

    Raises
    ------
    InvalidConfigurationError
        HTCondor's bindings are not installed.
    """

    name = "HTCondor"
    keeps_accounts = True
    most_tasks = 10_000

    def __init__(self) -> None:
        self._host = Here()
        self._library = Library()

    def __reduce__(self) -> tuple[type["HTCondorScheduler"], tuple[()]]:
        return HTCondorScheduler, ()

    def queues(self) -> tuple[Queue, ...]:
        """Return the pool with the most that any machine has, nothing where there is no machine now."""
        machines = self._library.machines()
        if not machines:
            return ()
        return (
            Queue(
                name=POOL,
                cores=max(_has(machine, "Cpus") for machine in machines),
                memory=max(_has(machine, "Memory") for machine in machines),
                gpus=max(_has(machine, "GPUs") for machine in machines),
                is_default=True,
            ),
        )

    def trial(self, submission: Submission) -> Trial:
        """Return why it would not be taken, or that no machine of the pool has what it needs now."""
        try:
            self._described(submission)
        except SubmissionRefusedError as refused:
            return Trial(refusal=str(refused))
        machines = self._library.machines()
        if not machines or any(_fits(submission, machine) for machine in machines):
            return Trial()
        return Trial(
            refusal=f"no machine of the pool has {submission.cores} cores, {submission.memory} MiB of memory"
            f" and {submission.gpus} GPUs"
        )

    def submit(self, submission: Submission) -> tuple[str, ...]:
        """Submit one cluster; the script is written beside the log, and stays there.

        Raises
        ------
        SubmissionRefusedError
            It was not taken. What no machine can run is taken, and waits.
        """
        description = self._described(submission)
        self._host.write(str(_script(submission)), submission.script.encode(), mode=0o700)
        try:
            cluster, first = self._library.submit(description, submission.tasks)
        except SubmissionRefusedError:
            if handles := self._queued(submission.identifier):  # only the answer was lost
                return handles
            raise
        return tuple(f"{cluster}.{first + task}" for task in range(submission.tasks))

    def find(self, identifier: str) -> Mapping[int, str]:
        """Return what has our identifier, in the queue or in the history."""
        constraint = _named(identifier)
        ads = self._library.history(constraint, ATTRIBUTES) + self._library.queue(constraint, ATTRIBUTES)
        return {ad["ProcId"]: handle(ad) for ad in sorted(ads, key=order)}

    def look(self, handles: Collection[str]) -> Mapping[str, Seen]:
        """Return how each is by the queue, and by the history for what has left it: at most two calls."""
        if not handles:
            return {}
        found = self._in_queue(handles)
        left = [one for one in handles if one not in found]
        past = self._in_history(left)
        return {
            **{one: seen(ad, is_queued=True) for one, ad in found.items()},
            **{one: seen(ad, is_queued=False) for one, ad in past.items()},
        }

    def accounts(self, handles: Collection[str]) -> Mapping[str, Account]:
        """Return what the history has, which is there as soon as something has left the queue."""
        return {one: account(ad) for one, ad in self._in_history(handles).items()}

    def cancel(self, handles: Sequence[str]) -> None:
        """Have them removed; what has ended, or is not known, stays as it is."""
        if handles:
            self._library.remove(handles)

    def _described(self, submission: Submission) -> Mapping[str, str]:
        if submission.queue not in {"", POOL}:
            raise SubmissionRefusedError(f"HTCondor has no queue {submission.queue!r}")
        return describe(submission, _script(submission))

    def _queued(self, identifier: str) -> tuple[str, ...]:
        ads = self._library.queue(_named(identifier), ATTRIBUTES)
        return tuple(handle(ad) for ad in sorted(ads, key=order))

    def _in_queue(self, handles: Collection[str]) -> dict[str, Ad]:
        return {handle(ad): ad for ad in self._library.queue(_any_of(handles), ATTRIBUTES)}

    def _in_history(self, handles: Collection[str]) -> dict[str, Ad]:
        if not handles:
            return {}
        ads = self._library.history(_any_of(handles), ATTRIBUTES, most=len(handles))
        return {handle(ad): ad for ad in ads}


def _script(submission: Submission) -> Path:
    return Path(submission.log).with_name(f"{submission.identifier}.sh")


def _named(identifier: str) -> str:
    return f'{IDENTIFIER} == "{identifier}"'


def _any_of(handles: Collection[str]) -> str:
    clusters: dict[int, list[int]] = defaultdict(list)
    for one in handles:
        cluster, _, process = one.partition(".")
        clusters[int(cluster)].append(int(process))
    return " || ".join(
        f"(ClusterId == {cluster} && member(ProcId, {{{', '.join(map(str, processes))}}}))"
        for cluster, processes in clusters.items()
    )


def _has(machine: Ad, what: str) -> int:
    return int(machine.get(f"TotalSlot{what}") or 0)


def _fits(submission: Submission, machine: Ad) -> bool:
    wanted = {"Cpus": submission.cores, "Memory": submission.memory, "GPUs": submission.gpus}
    return all(_has(machine, what) >= much for what, much in wanted.items())
