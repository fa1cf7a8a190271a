# SPDX-License-Identifier: Apache-2.0
"""Slurm by its command line."""

import os
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property

from eb_prefect.brokers.batch.here import Here
from eb_prefect.brokers.batch.host import Host, Ran
from eb_prefect.brokers.batch.scheduler import (
    Account,
    Queue,
    Seen,
    Submission,
    SubmissionRefusedError,
    TooManyWaitError,
    Trial,
)
from eb_prefect.brokers.slurm import naming
from eb_prefect.brokers.slurm.accounting import FIELDS, accounts_of
from eb_prefect.brokers.slurm.nodes import node_names
from eb_prefect.brokers.slurm.queues import FORMAT, queues_of
from eb_prefect.brokers.slurm.states import phase_of
from eb_prefect.errors import BrokerUnavailableError, NoBatchSystemError
from eb_prefect.model.phase import Phase

_LOOK = "JobArrayID:|,State:|,Reason:|,Comment:|,NodeList:"
_AT_ONCE = 500
_START = re.compile(r"to start at (\S+)")
_SOON = timedelta(days=366)
"""An estimate beyond it says no more than that Slurm does not know."""

# these say that Slurm can't be asked now, not that it would not
_UNREACHABLE = re.compile(
    r"Unable to contact slurm controller|Socket timed out|Connection refused|Zero Bytes were transmitted"
    r"|slurm_persist_conn_open|Communication connection failure|temporarily unable|try again"
    r"|Problem talking to the database|Unable to establish (controller|configuration)|invalid user id"
    r"|SlurmdbdPort|Protocol authentication error|munge|Unexpected message|Insane message"
    r"|Message (send|receive) failure|Connection reset|Connection timed out|Broken pipe|No route to host",
    re.IGNORECASE,
)
_REFUSES = re.compile(r"sbatch: (error:|fatal:|unrecognized|invalid|option)")
_BY_SIGNAL = 128
_NOT_FOUND = 127
_MISSING = re.compile(r"^env: \W*(\w+)")
_NO_CLUSTER = re.compile(r"establish a configuration source|Unable to process configuration file")
_DESCRIBES = re.compile(
    "PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_.*|TZ|LD_LIBRARY_PATH|SLURM_CONF|SLURM_CONF_SERVER|MUNGE_.*"
)
TOO_MANY = re.compile(
    r"MaxSubmitJob|job submit limit|maximum number of jobs|Maximum job count|Resource temporarily"
)
_NO_BOOKS = re.compile(r"AccountingStorageType\s*=\s*(accounting_storage/none|\(null\))")


class SlurmCommands:
    """Slurm by ``sbatch``, ``squeue``, ``sacct``, ``scancel`` and ``sinfo`` on a host.

    Works with Slurm 20.11 and later. Of the environment of this process a
    submission gets what describes the user and the machine: Slurm keeps it,
    and may show it in its books. To ask for less is dear: without ``ALL``
    Slurm starts a login shell for each task, which costs a tenth of a second.
    """

    def __init__(self, host: Host | None = None) -> None:
        self._host = host or Here()

    @cached_property
    def name(self) -> str:
        """The cluster's own name."""
        found = re.search(r"^ClusterName\s*=\s*(\S+)", self._configuration, re.MULTILINE)
        return f"Slurm cluster {found[1]}" if found else "Slurm"

    @cached_property
    def keeps_accounts(self) -> bool:
        """Whether the cluster has a database of what ended."""
        return _NO_BOOKS.search(self._configuration) is None

    @cached_property
    def most_tasks(self) -> int:
        """How long an array may be here."""
        found = re.search(r"^MaxArraySize\s*=\s*(\d+)", self._configuration, re.MULTILINE)
        return max(int(found[1]), 1) if found else 1000

    @cached_property
    def _configuration(self) -> str:
        return self._asked("scontrol", "show", "config").out

    def queues(self) -> tuple[Queue, ...]:
        """Return the partitions."""
        return queues_of(self._asked("sinfo", "-h", "-a", "-e", "-o", FORMAT).out)

    def trial(self, submission: Submission) -> Trial:
        """Return what ``sbatch --test-only`` says; its estimate is of now and for one task."""
        if foreign := _foreign(submission):
            return Trial(refusal=foreign)
        said = self._said([*self._alone(), "sbatch", "--test-only", *_options(submission)], "#!/bin/sh\n")
        if said.code:
            return Trial(refusal=_words(said))
        found = _START.search(said.complaint)
        return Trial(start=_estimate(found[1]) if found else None)

    def submit(self, submission: Submission) -> tuple[str, ...]:
        """Submit by ``sbatch``; never requeued, so that nothing runs twice.

        Raises
        ------
        SubmissionRefusedError
            Slurm's reason.
        BrokerUnavailableError
            No answer; `find` says whether it is known.
        """
        if foreign := _foreign(submission):
            raise SubmissionRefusedError(foreign)
        argv = [*self._alone(), "sbatch", "--parsable", *_options(submission)]
        said = self._said(argv, naming.script(submission.script))
        if said.code:
            return self._despite(said, submission)
        first = said.out.strip().rpartition("\n")[2].partition(";")[0]
        if not first.isdigit():
            raise self._silent(f"sbatch said {said.out[:200]!r} and no number")
        return tuple(naming.handle(first, n, submission.tasks) for n in range(submission.tasks))

    def _despite(self, said: Ran, submission: Submission) -> tuple[str, ...]:
        """Return what was submitted though the answer was lost on its way, if it was."""
        if TOO_MANY.search(said.complaint):
            raise TooManyWaitError(_words(said))
        if _REFUSES.search(said.complaint):
            raise SubmissionRefusedError(_words(said))
        found = self.find(submission.identifier)
        if len(found) == submission.tasks:
            return tuple(found[number] for number in range(submission.tasks))
        if said.complaint and 0 < said.code < _BY_SIGNAL:
            raise SubmissionRefusedError(_words(said))
        raise BrokerUnavailableError("sbatch", said.complaint or f"it ended with {said.code}")

    def find(self, identifier: str) -> Mapping[int, str]:
        """Look among what is known now, then in the books of the last days."""
        known = self._known()
        found = [handle for handle, words in known.items() if naming.identifier_of(words[3]) == identifier]
        if not found and self.keeps_accounts:
            with suppress(BrokerUnavailableError):  # they tell of what has ended only
                found = self._in_the_books(identifier)
        numbered = ((naming.number_of(handle), handle) for handle in found)
        return {number: handle for number, handle in numbered if number is not None}

    def look(self, handles: Collection[str]) -> Mapping[str, Seen]:
        """Return all of them by one ``squeue`` of this user's.

        Tasks of an array that were cancelled before any of them started have
        one record for all. One that was cancelled while others of its array
        went on waiting has none: the others tell of it.
        """
        known = self._known() if handles else {}
        others = {naming.whole_of(handle): words for handle, words in known.items()}
        found: dict[str, Seen] = {}
        for handle in handles:
            whole = naming.whole_of(handle)
            if words := known.get(handle) or known.get(whole):
                found[handle] = _seen(words)
            elif whole in others:
                found[handle] = _withdrawn(others[whole])
        return found

    def accounts(self, handles: Collection[str]) -> Mapping[str, Account]:
        """Return what ``sacct`` has about them."""
        if not self.keeps_accounts:
            return {}
        found: dict[str, Account] = {}
        wanted = list(dict.fromkeys(handles))
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            found |= accounts_of(self._books("-j", ",".join(some)).out, some)
        return found

    def cancel(self, handles: Sequence[str]) -> None:
        """Cancel by ``scancel``; it does not mind what has ended."""
        for start in range(0, len(handles), _AT_ONCE):
            said = self._host.run(["scancel", *handles[start : start + _AT_ONCE]])
            if said.code:
                self._require_cluster(said)
            if said.code and _UNREACHABLE.search(said.complaint):
                raise self._silent(said.complaint)

    def _known(self) -> dict[str, list[str]]:
        text = self._asked("squeue", "--me", "-h", "-a", "-r", "-t", "all", "-O", _LOOK).out
        rows = (line.split("|") for line in text.splitlines())
        return {row[0].strip(): row for row in rows if len(row) >= 5}

    def _in_the_books(self, identifier: str) -> list[str]:
        since = (datetime.now(UTC) - timedelta(days=7)).strftime("%Y-%m-%d")
        text = self._asked("sacct", "-X", "-n", "-P", "-S", since, "-o", "JobID,JobName").out
        rows = (line.partition("|") for line in text.splitlines())
        return [handle for handle, _, name in rows if name.endswith(f"-{identifier}")]

    def _books(self, *which: str) -> Ran:
        fields = ("-n", "-P", "--noconvert", "-o", ",".join(FIELDS))
        return self._asked("sacct", *which, *fields, environment={"SLURM_TIME_FORMAT": "%s"})

    def _said(self, argv: list[str], text: str) -> Ran:
        said = self._host.run(argv, text=text)
        if said.code:
            self._require_cluster(said)
        if said.code < 0:
            raise self._silent(f"sbatch was ended by signal {-said.code}")
        if said.code and _UNREACHABLE.search(said.complaint):
            raise self._silent(said.complaint)
        return said

    def _alone(self) -> list[str]:
        """Return what starts a command without the affairs of this process, which no host elsewhere has."""
        if not self._host.is_here:
            return []
        kept = (f"{name}={text}" for name, text in os.environ.items() if _DESCRIBES.fullmatch(name))
        return ["env", "-i", *kept]

    def _asked(self, *argv: str, environment: Mapping[str, str] | None = None) -> Ran:
        more = [f"{name}={text}" for name, text in (environment or {}).items()]
        alone = self._alone()
        said = self._host.run([*alone, *(more if alone else ()), *argv], environment=environment)
        if said.code:
            self._require_cluster(said)
            raise self._silent(f"{argv[0]}: {said.complaint or f'it ended with {said.code}'}")
        return said

    def _silent(self, reason: str) -> BrokerUnavailableError:
        return BrokerUnavailableError(f"Slurm on {self._host.name}", reason)

    def _require_cluster(self, said: Ran) -> None:
        """Raise where no later time will help: the host has no Slurm."""
        if said.code == _NOT_FOUND or _NO_CLUSTER.search(said.complaint):
            raise NoBatchSystemError("Slurm", self._host.name, _last_words(said))


def _options(submission: Submission) -> list[str]:
    given = {
        "--partition": submission.queue,
        "--cpus-per-task": str(submission.cores),
        "--mem": f"{submission.memory}M" if submission.memory else "",
        "--time": str(submission.minutes) if submission.minutes else "",
        "--gres": f"gpu:{submission.gpus}" if submission.gpus else "",
        "--chdir": "/",
    }
    always = ["--nodes=1", "--ntasks=1", "--export=ALL"]
    asked = [f"{key}={value}" for key, value in given.items() if value]
    return [*always, *asked, *submission.options, *_fixed(submission)]


def _foreign(submission: Submission) -> str:
    """Return why an option can't be a person's, empty for none that is."""
    array = next((each for each in submission.options if each.startswith(("--array", "-a"))), None)
    return f"option {array} is not a person's to give: the broker makes arrays of sessions" if array else ""


def _fixed(submission: Submission) -> list[str]:
    """Return what no option of a person may change: without it, things would be lost or run twice."""
    last = submission.tasks - 1
    return [
        f"--job-name={naming.name(submission.name, submission.identifier)}",
        f"--comment={naming.comment(submission.identifier)}",
        f"--output={submission.log.replace('%', '%%')}",
        "--open-mode=append",
        "--no-requeue",
        *([f"--array=0-{last}"] if last else []),
    ]


def _seen(words: list[str]) -> Seen:
    _, state, reason, comment, nodes = (word.strip() for word in words[:5])
    why = "" if reason in {"None", "(null)"} else reason
    return Seen(phase_of(state, why), state, why, node_names(nodes), naming.identifier_of(comment))


def _withdrawn(other: list[str]) -> Seen:
    """Return how a task is of which only others of its array are known."""
    identifier = naming.identifier_of(other[3])
    return Seen(Phase.CANCELLED, "CANCELLED", "it was cancelled while it waited", identifier=identifier)


def _estimate(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None
    return found if found - datetime.now(UTC) < _SOON else None


def _last_words(said: Ran) -> str:
    """Return the last of the sentences of a command that gave up; those before it led there."""
    if said.code == _NOT_FOUND and (missing := _MISSING.search(said.complaint)):
        return f"{missing[1]}: command not found"
    return re.split(r"\w+: (?:error|fatal): ", said.complaint)[-1].strip() or f"it ended with {said.code}"


def _words(said: Ran) -> str:
    """Return a refusal without the name of the command before each sentence."""
    return re.sub(r"(?:^|\s)(?:sbatch|allocation failure): (?:error: )?", " ", said.complaint).strip()
