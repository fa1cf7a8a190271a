# SPDX-License-Identifier: Apache-2.0
"""What slurmdbd has on its books about a task."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from eb_prefect.brokers.batch.scheduler import Account
from eb_prefect.brokers.slurm import naming
from eb_prefect.brokers.slurm.nodes import node_names
from eb_prefect.brokers.slurm.slurmrestd.tasks import Place, Record
from eb_prefect.brokers.slurm.slurmrestd.values import Code, code, instant, number, reason, state
from eb_prefect.brokers.slurm.states import phase_of


def place(row: Record) -> Place:
    """Return which task it is about; tasks of an array that never started may have one row in common."""
    array: Mapping[str, Any] = row.get("array") or {}
    whole = number(array.get("job_id"))
    if not whole:
        return Place(str(row.get("job_id")))
    task = number(array.get("task_id"))
    # the list of them is not always there, and never needed: a task that started has its own row
    return Place(str(whole), task, "" if task is not None else str(array.get("task") or "..."))


def is_named(row: Record, identifier: str) -> bool:
    """Return whether an identifier of ours came with it: many sites keep names, but no comments."""
    comment: Mapping[str, Any] = row.get("comment") or {}
    found = naming.identifier_of(str(comment.get("job") or ""))
    return found == identifier or str(row.get("name") or "").endswith(f"-{identifier}")


def account(row: Record, end: Code | None = None) -> Account:
    """Return what is told; ``end`` is how it ended where that is known better."""
    times: Mapping[str, Any] = row.get("time") or {}
    states: Mapping[str, Any] = row.get("state") or {}
    steps = [step for step in row.get("steps") or () if isinstance(step, Mapping)]
    how = end or code(row.get("exit_code"))
    word, why = state(states.get("current")), reason(states.get("reason"))
    return Account(
        phase=phase_of(word, why),
        state=word,
        reason=why,
        nodes=node_names(str(row.get("nodes") or "")),
        exit_code=how.exit_code,
        signal=how.signal,
        started=instant(times.get("start")),
        ended=instant(times.get("end")),
        cpu_seconds=_cpu(steps),
        peak_memory=_most(_used(steps, "requested", "mem", "")),
        energy=_energy(steps),
        read_bytes=_most(_used(steps, "requested", "fs", "disk")),
        written_bytes=_most(_used(steps, "consumed", "fs", "disk")),
        identifier=naming.identifier_in(str(row.get("name") or "")),
    )


def was_taken(row: Record) -> bool:
    """Return whether Slurm did not refuse it at once; what it refused has failed nowhere."""
    told = account(row)
    return told.state != "FAILED" or bool(told.nodes)


def _cpu(steps: list[Mapping[str, Any]]) -> float | None:
    totals = [(step.get("time") or {}).get("total") or {} for step in steps]
    seconds = [float(part.get("seconds") or 0) + (part.get("microseconds") or 0) / 1e6 for part in totals]
    return math.fsum(seconds) if seconds else None


def _energy(steps: list[Mapping[str, Any]]) -> float | None:
    """Return the joules of all steps; Slurm has 0 for what no plugin measures."""
    used = [((step.get("statistics") or {}).get("energy") or {}).get("consumed") for step in steps]
    return float(sum(joules for joules in map(number, used) if joules and joules > 0)) or None


def _used(steps: list[Mapping[str, Any]], way: str, kind: str, name: str) -> Iterable[int | None]:
    """Yield the most that one task of each step used; ``requested`` came in, ``consumed`` went out."""
    for step in steps:
        for used in ((step.get("tres") or {}).get(way) or {}).get("max") or ():
            if used.get("type") == kind and (used.get("name") or "") == name:
                yield number(used.get("count"))


def _most(counts: Iterable[int | None]) -> int | None:
    return max((count for count in counts if count is not None and count >= 0), default=None)
