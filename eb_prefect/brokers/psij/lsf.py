# SPDX-License-Identifier: Apache-2.0
"""IBM Spectrum LSF."""

import json
from collections.abc import Mapping

from eb_prefect.brokers.batch.scheduler import Seen, Submission
from eb_prefect.brokers.psij.system import System, phase, plain
from eb_prefect.model.phase import Phase

_PHASES = {
    "PEND": Phase.WAITING,
    "PSUSP": Phase.WAITING,
    "WAIT": Phase.WAITING,
    "PROV": Phase.PREPARING,
    "RUN": Phase.RUNNING,
    "USUSP": Phase.RUNNING,
    "SSUSP": Phase.RUNNING,
    "UNKWN": Phase.RUNNING,
    "ZOMBI": Phase.RUNNING,
    "DONE": Phase.COMPLETED,
    "EXIT": Phase.FAILED,
}
_KILLED = ("TERM_OWNER", "TERM_FORCE_OWNER", "TERM_ADMIN", "TERM_FORCE_ADMIN")
_REASONS = ("EXIT_REASON", "KILL_REASON", "SUSPEND_REASON")


def _read(text: str) -> Mapping[str, Seen]:
    records = json.loads(text)["RECORDS"]
    return {str(record["JOBID"]): _seen(record) for record in records if "ERROR" not in record}


def _seen(record: Mapping[str, str]) -> Seen:
    word = record["STAT"]
    reason = next((record[key] for key in _REASONS if record.get(key)), "")
    if word == "EXIT" and reason.startswith(_KILLED):
        return Seen(Phase.CANCELLED, word, reason)
    return Seen(phase(word, _PHASES), word, reason)


def _attributes(submission: Submission) -> Mapping[str, str]:
    gpus = {"lsf.gpu": f"num={submission.gpus}"} if submission.gpus else {}
    return {"lsf.J": plain(submission.name), "lsf.Jd": submission.identifier, **gpus}


def _refusal(submission: Submission) -> str:
    return "" if submission.minutes else "psij can't submit to LSF without a duration"


LSF = System(
    name="lsf",
    handle="LSB_JOBID",
    knows_cores=False,
    read=_read,
    attributes=_attributes,
    refusal=_refusal,
    silences=(
        "lsf is down",
        "cannot connect",
        "connection refused",
        "timed out",
        "failed in an lsf library call",
    ),
    gone=("is not found", "no matching job", "already finished"),
)
