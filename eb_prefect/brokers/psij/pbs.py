# SPDX-License-Identifier: Apache-2.0
"""PBS Professional and OpenPBS."""

import json
from collections.abc import Mapping
from typing import Any

from eb_prefect.brokers.batch.scheduler import Seen, Submission
from eb_prefect.brokers.psij.system import System, phase, plain
from eb_prefect.model.phase import Phase

_PHASES = {
    "B": Phase.RUNNING,
    "E": Phase.RELEASING,
    "F": Phase.COMPLETED,
    "H": Phase.WAITING,
    "M": Phase.WAITING,
    "Q": Phase.WAITING,
    "R": Phase.RUNNING,
    "S": Phase.RUNNING,
    "T": Phase.WAITING,
    "U": Phase.RUNNING,
    "W": Phase.WAITING,
    "X": Phase.COMPLETED,
}
_DELETED = 91  # the substate of what qdel ended


def _read(text: str) -> Mapping[str, Seen]:
    jobs = json.loads(text).get("Jobs", {})
    return {handle: _seen(job) for handle, job in jobs.items()}


def _seen(job: Mapping[str, Any]) -> Seen:
    word = str(job["job_state"])
    return Seen(_phase(word, job), word, str(job.get("comment", "")), _nodes(str(job.get("exec_host", ""))))


def _phase(word: str, job: Mapping[str, Any]) -> Phase:
    found = phase(word, _PHASES)
    if found != Phase.COMPLETED:
        return found
    if job.get("substate") == _DELETED:
        return Phase.CANCELLED
    return Phase.FAILED if job.get("Exit_status") else Phase.COMPLETED


def _nodes(hosts: str) -> tuple[str, ...]:
    # n1/0*4+n2/0: each with its place and its share
    return tuple(dict.fromkeys(host.partition("/")[0] for host in hosts.split("+") if host))


def _attributes(submission: Submission) -> Mapping[str, str]:
    return {"pbs.N": plain(submission.name), "pbs.v": f"EB_IDENTIFIER={submission.identifier}"}


def _refusal(submission: Submission) -> str:
    return "psij can't ask PBS for GPUs" if submission.gpus else ""


PBS = System(
    name="pbs",
    handle="PBS_JOBID",
    knows_cores=False,
    read=_read,
    attributes=_attributes,
    refusal=_refusal,
    silences=(
        "cannot connect",
        "connection refused",
        "communication failure",
        "timed out",
        "no default server",
    ),
    gone=("unknown job id", "job has finished", "request invalid for state of job"),
)
"""Only where the server keeps a history (`job_history_enable`): psij asks for it."""
