# SPDX-License-Identifier: Apache-2.0
"""Names of steps, each of which one task run of a flow run has."""

import threading
from uuid import UUID

from eb_prefect.errors import DuplicateStepError
from eb_prefect.runs.here import Here, Part

_claims: dict[tuple[UUID, int], dict[str, dict[Part, Here]]] = {}
_claiming = threading.Lock()


def claim(at: Here) -> None:
    """Hold the name for a task run; retries of it, or of a task or flow run around it, may have it again.

    A step that is in tasks of its own parts has one of each part.

    Raises
    ------
    DuplicateStepError
        Another task run of the flow run has it.
    """
    if at.attempt is None:
        return
    with _claiming:
        holders = _claims.setdefault(at.attempt, {}).setdefault(at.name, {})
        if not any(_excludes(at, part, holder) for part, holder in holders.items()):
            holders[at.part] = at
            return
    raise DuplicateStepError(at.name)


def _excludes(at: Here, part: Part, holder: Here) -> bool:
    if holder.task_run.id == at.task_run.id or _is_later(at.around, holder.around):
        return False
    return part == at.part or "step" in (part, at.part)


def _is_later(around: tuple[UUID, int] | None, before: tuple[UUID, int] | None) -> bool:
    """Return whether one attempt of a task is a retry of the other."""
    return around is not None and before is not None and around[0] == before[0] and around[1] > before[1]


def place(at: Here) -> int:
    """Return how many steps of the flow run came before this one, 0 outside of a flow run."""
    if at.attempt is None:
        return 0
    with _claiming:
        return [*_claims.get(at.attempt, {at.name: None})].index(at.name)
