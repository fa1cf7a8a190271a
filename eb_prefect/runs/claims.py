# SPDX-License-Identifier: Apache-2.0
"""Names of steps, each of which one task run of a flow run has."""

import threading
from uuid import UUID

from eb_prefect.errors import DuplicateStepError
from eb_prefect.runs.here import Here, Part

_claims: dict[tuple[UUID, int], dict[str, dict[Part, UUID]]] = {}
_claiming = threading.Lock()


def claim(at: Here) -> None:
    """Hold the name for a task run; retries of a task or of its flow run may have it again.

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
            holders[at.part] = at.task_run.id
            return
    raise DuplicateStepError(at.name)


def _excludes(at: Here, part: Part, holder: UUID) -> bool:
    return holder != at.task_run.id and (part == at.part or "step" in (part, at.part))


def place(at: Here) -> int:
    """Return how many steps of the flow run came before this one, 0 outside of a flow run."""
    if at.attempt is None:
        return 0
    with _claiming:
        return [*_claims.get(at.attempt, {at.name: None})].index(at.name)
