# SPDX-License-Identifier: Apache-2.0
"""What slurmctld remembers of a task."""

from typing import Any

from eb_prefect.brokers.batch.scheduler import Account, Seen
from eb_prefect.brokers.slurm import naming
from eb_prefect.brokers.slurm.nodes import node_names
from eb_prefect.brokers.slurm.slurmrestd.tasks import Place, Record
from eb_prefect.brokers.slurm.slurmrestd.values import code, instant, number, reason, state
from eb_prefect.brokers.slurm.states import phase_of


def place(record: Record) -> Place:
    """Return which task it is about; of an array the last one has the number of the whole."""
    array = number(record.get("array_job_id"))
    if not array:
        return Place(str(record.get("job_id")))
    task = number(record.get("array_task_id"))
    return Place(str(array), task, "" if task is not None else str(record.get("array_task_string") or "..."))


def identifier(record: Record) -> str:
    """Return the identifier of ours that came with it, empty for none."""
    return naming.identifier_of(str(record.get("comment") or ""))


def seen(record: Record) -> Seen:
    """Return how it is."""
    word, why = state(record.get("job_state")), reason(record.get("state_reason"))
    nodes = node_names(str(record.get("nodes") or ""))
    return Seen(phase_of(word, why), word, why, nodes, identifier(record))


def account(record: Record) -> Account:
    """Return what is remembered of a task that has ended: not what it used."""
    how, end = seen(record), code(record.get("exit_code"))
    return Account(
        phase=how.phase,
        state=how.state,
        reason=how.reason,
        nodes=how.nodes,
        exit_code=end.exit_code,
        signal=end.signal,
        started=instant(record.get("start_time")),
        ended=instant(record.get("end_time")),
        identifier=how.identifier,
    )


def is_of(record: Record, user: str) -> bool:
    """Return whether it is a user's, as far as the record tells."""
    owner: Any = record.get("user_name")
    return not owner or owner == user


def was_taken(record: Record) -> bool:
    """Return whether Slurm did not refuse it at once; what it refused has failed nowhere."""
    how = seen(record)
    return how.state != "FAILED" or bool(how.nodes)
