# SPDX-License-Identifier: Apache-2.0
"""Names of steps, each of which one task run of a flow run has."""

import threading
from uuid import UUID

from eb_prefect.errors import DuplicateStepError
from eb_prefect.runs.here import Here

_claims: dict[tuple[UUID, int], dict[str, UUID]] = {}
_claiming = threading.Lock()


def claim(at: Here) -> None:
    """Hold the name for a task run; retries of a task or of its flow run may have it again.

    Raises
    ------
    DuplicateStepError
        Another task run of the flow run has it.
    """
    if at.attempt is None:
        return
    with _claiming:
        holder = _claims.setdefault(at.attempt, {}).setdefault(at.name, at.task_run.id)
    if holder != at.task_run.id:
        raise DuplicateStepError(at.name)


def place(at: Here) -> int:
    """Return how many steps of the flow run came before this one, 0 outside of a flow run."""
    if at.attempt is None:
        return 0
    with _claiming:
        return [*_claims.get(at.attempt, {at.name: None})].index(at.name)
