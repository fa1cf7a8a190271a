# SPDX-License-Identifier: Apache-2.0
"""A submission in HTCondor's submit language."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from eb_prefect.brokers.batch.scheduler import Submission, SubmissionRefusedError

IDENTIFIER = "EBIdentifier"
"""The attribute of a job that has our identifier."""

_OURS = frozenset({"arguments", "environment", "executable", "queue"})
_RUN = 'exec "$0" >>"$1" 2>&1'
_PATH = "/usr/local/bin:/usr/bin:/bin"
_ONCE = "(MY.NumJobStarts ?: 0) < 1"
# on hold by its user (1) or by its own submission (15) it waits; any other hold is its end, whoever looks
_OVER = (
    "(JobStatus == 5 && HoldReasonCode != 1 && HoldReasonCode != 15)"
    " || (JobStatus == 1 && (NumJobStarts ?: 0) > 0)"
)


def describe(submission: Submission, script: Path) -> Mapping[str, str]:
    """Return the submit description that runs a script on the shared file system, and never again.

    It gets none of the caller's environment.

    Raises
    ------
    SubmissionRefusedError
        One of its options is no line of a submit description.
    """
    limits = {
        "request_memory": str(submission.memory),
        "request_gpus": str(submission.gpus),
        "allowed_job_duration": str(submission.minutes * 60),
    }
    given = dict(_lines(submission.options))
    return {
        "batch_name": _plain(submission.name),
        f"MY.{IDENTIFIER}": f'"{submission.identifier}"',
        "executable": "/bin/sh",
        "transfer_executable": "False",
        "should_transfer_files": "NO",
        "initialdir": "/",
        "arguments": _quoted(["-c", _RUN, str(script), submission.log]),
        "environment": f'"EB_TASK=$(Process) EB_HANDLE=$(Cluster).$(Process) PATH={_PATH}"',
        "request_cpus": str(submission.cores),
        "periodic_remove": _OVER,
        "notification": "never",
        **{key: value for key, value in limits.items() if value != "0"},
        **given,
        "requirements": f"({given['requirements']}) && {_ONCE}" if "requirements" in given else _ONCE,
    }


def _lines(options: Sequence[str]) -> Iterator[tuple[str, str]]:
    for option in options:
        key, equals, value = (part.strip() for part in option.partition("="))
        if not (key and equals and value) or "\n" in option or key.lower() in _OURS:
            raise SubmissionRefusedError(f"{option!r} can't be a line of the submit description")
        yield (f"MY.{key[1:]}" if key.startswith("+") else key.lower()), value


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.:,-]+", "-", name).strip("-")[:60] or "eb"


def _quoted(arguments: Sequence[str]) -> str:
    """Return arguments in the new syntax, with nothing left that is a macro."""
    words = " ".join("'{}'".format(argument.replace("'", "''")) for argument in arguments)
    return '"{}"'.format(words.replace('"', '""').replace("$(", "$(DOLLAR)("))
