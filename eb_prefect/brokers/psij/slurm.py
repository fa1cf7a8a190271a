# SPDX-License-Identifier: Apache-2.0
"""Slurm, through psij; what speaks to Slurm itself can do more."""

from collections.abc import Mapping

from eb_prefect.brokers.batch.scheduler import Seen, Submission
from eb_prefect.brokers.psij.system import System, phase, plain
from eb_prefect.model.phase import Phase

_PHASES = {
    "BF": Phase.FAILED,
    "CA": Phase.CANCELLED,
    "CD": Phase.COMPLETED,
    "CF": Phase.PREPARING,
    "CG": Phase.RELEASING,
    "DL": Phase.FAILED,
    "F": Phase.FAILED,
    "NF": Phase.FAILED,
    "OOM": Phase.FAILED,
    "PD": Phase.WAITING,
    "PR": Phase.FAILED,
    "R": Phase.RUNNING,
    "RS": Phase.RUNNING,
    "S": Phase.RUNNING,
    "SI": Phase.RUNNING,
    "SO": Phase.RELEASING,
    "ST": Phase.RUNNING,
    "TO": Phase.FAILED,
}


def _read(text: str) -> Mapping[str, Seen]:
    rows = [line.split(maxsplit=2) for line in text.splitlines()[1:]]
    return {row[0]: _seen(*row[1:]) for row in rows if len(row) > 1}


def _seen(word: str, reason: str = "") -> Seen:
    told = reason.strip()
    return Seen(phase(word, _PHASES), word, "" if told == "None" else told)


def _attributes(submission: Submission) -> Mapping[str, str]:
    gpus = {"slurm.gres": f"gpu:{submission.gpus}"} if submission.gpus else {}
    return {"slurm.job-name": plain(submission.name), "slurm.comment": submission.identifier, **gpus}


def _refusal(_submission: Submission) -> str:
    return ""


SLURM = System(
    name="slurm",
    handle="SLURM_JOB_ID",
    knows_cores=True,
    read=_read,
    attributes=_attributes,
    refusal=_refusal,
    silences=("unable to contact", "connect failure", "connection refused", "timed out", "communication"),
    gone=("invalid job id", "already completing or completed"),
)
