# SPDX-License-Identifier: Apache-2.0
"""A batch system that psij-python submits to."""

import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from eb_prefect.brokers.batch.here import Here
from eb_prefect.brokers.batch.host import Ran
from eb_prefect.brokers.batch.scheduler import Account, Queue, Seen, Submission, SubmissionRefusedError, Trial
from eb_prefect.brokers.psij.library import Library
from eb_prefect.brokers.psij.options import attributes
from eb_prefect.brokers.psij.system import System
from eb_prefect.errors import BrokerUnavailableError
from eb_prefect.model.phase import Phase

_AT_ONCE = 500  # handles of one command
ANY = Queue("", cores=sys.maxsize, memory=sys.maxsize, gpus=sys.maxsize, is_default=True)
"""The default queue, of which nothing is known."""


class PsijScheduler:
    """PBS, LSF or Slurm on this machine, through psij-python.

    psij submits and cancels; how things are is asked of the batch system's
    own status command, in one call for all. psij knows no arrays, so an array
    is as many submissions as it has tasks. It has no estimates or accounts,
    and finds nothing by an identifier of ours: these are said to be unknown.
    A submission whose answer was lost may therefore be repeated; what it runs
    has to see to it that it runs once.

    ``queues`` describes those to make offers of, as psij knows none; without
    it there is one, the batch system's own default, with limits that only a
    submission finds. ``directory`` keeps what psij writes, exit codes among
    it, for 30 days; the nodes must see it. By default it is ``~/.psij/eb``.

    Raises
    ------
    InvalidConfigurationError
        psij-python is not installed.
    """

    keeps_accounts = False
    most_tasks = 1000  # each is one of its own

    def __init__(
        self, system: System, *, queues: Sequence[Queue] = (ANY,), directory: Path | None = None
    ) -> None:
        self.name = f"{system.name} through psij"
        self._system = system
        self._queues = tuple(queues)
        self._host = Here()
        self._directory = directory or Path.home() / ".psij" / "eb"
        self._library = Library(system, self._directory)

    def __reduce__(self) -> tuple[partial["PsijScheduler"], tuple[()]]:
        # what psij makes can't cross processes
        return partial(PsijScheduler, self._system, queues=self._queues, directory=self._directory), ()

    def queues(self) -> tuple[Queue, ...]:
        """Return those that were described."""
        return self._queues

    def trial(self, submission: Submission) -> Trial:
        """Return why psij can't submit it, if so; what the batch system thinks is not known."""
        try:
            attributes(self._system.name, submission.options)
        except SubmissionRefusedError as refused:
            return Trial(refusal=str(refused))
        return Trial(refusal=self._system.refusal(submission))

    def submit(self, submission: Submission) -> tuple[str, ...]:
        """Submit each task by itself; the script is written beside the log, and stays there.

        If one is refused, or there is no answer, those before it are cancelled.

        Raises
        ------
        SubmissionRefusedError
            The batch system, or psij, will not run it.
        """
        if reason := self.trial(submission).refusal:
            raise SubmissionRefusedError(reason)
        script = Path(submission.log).with_name(f"{submission.identifier}.sh")
        self._host.write(str(script), submission.script.encode(), mode=0o700)
        self._library.tidy()
        handles: list[str] = []
        for task in range(submission.tasks):
            try:
                handles.append(self._library.submit(submission, script, task))
            except (SubmissionRefusedError, BrokerUnavailableError):
                with suppress(BrokerUnavailableError):
                    self.cancel(handles)
                raise
        return tuple(handles)

    def find(self, identifier: str) -> Mapping[int, str]:  # noqa: ARG002 - the protocol's
        """Return nothing: psij does not find by an identifier of ours."""
        return {}

    def look(self, handles: Collection[str]) -> Mapping[str, Seen]:
        """Return how each is now; one call for 500."""
        found: dict[str, Seen] = {}
        for some in _groups(handles):
            found |= self._asked(some)
        return found

    def accounts(self, handles: Collection[str]) -> Mapping[str, Account]:  # noqa: ARG002 - the protocol's
        """Return nothing: psij keeps no accounts."""
        return {}

    def cancel(self, handles: Sequence[str]) -> None:
        """Ask for their end; what has ended, or is not known, stays as it is."""
        for some in _groups(handles):
            ran = self._host.run(self._library.cancel_command(some))
            if ran.code and not self._is_of_the_gone(ran):
                raise BrokerUnavailableError(self.name, ran.complaint)

    def _asked(self, handles: Sequence[str]) -> Mapping[str, Seen]:
        told = self._understood(self._host.run(self._library.status_command(handles)))
        found = {handle: self._settled(handle, told[handle]) for handle in handles if handle in told}
        if len(found) == 1 < len(handles):  # some versions of PBS tell of the first only
            return {**found, **self._asked([handle for handle in handles if handle not in found])}
        return found

    def _understood(self, ran: Ran) -> Mapping[str, Seen]:
        if ran.code and not ran.out.strip():
            if self._is_of_the_gone(ran):
                return {}
            raise BrokerUnavailableError(self.name, ran.complaint)
        try:
            return self._system.read(ran.out)
        except (ValueError, KeyError) as unreadable:
            raise BrokerUnavailableError(self.name, ran.complaint or "no answer") from unreadable

    def _settled(self, handle: str, seen: Seen) -> Seen:
        """Return it with the exit code: what psij submits ends well in any case."""
        code = self._library.exit_code(handle) if seen.phase == Phase.COMPLETED else None
        return seen._replace(phase=Phase.FAILED, reason=f"exit code {code}") if code else seen

    def _is_of_the_gone(self, ran: Ran) -> bool:
        return any(phrase in ran.complaint.lower() for phrase in self._system.gone)


def _groups(handles: Collection[str]) -> list[list[str]]:
    every = list(handles)
    return [every[first : first + _AT_ONCE] for first in range(0, len(every), _AT_ONCE)]
