# SPDX-License-Identifier: Apache-2.0
"""Which phase of a session each state of PanDA's is."""

from eb_prefect.model.phase import Phase

_JOBS = {
    Phase.WAITING: "pending defined waiting assigned throttled activated",
    Phase.PREPARING: "sent starting",
    Phase.RUNNING: "running",
    Phase.RELEASING: "holding transferring merging",
    Phase.COMPLETED: "finished",
    Phase.FAILED: "failed closed",
    Phase.CANCELLED: "cancelled",
}
_TASKS = {
    Phase.WAITING: "waiting registered defined assigning ready pending topreprocess preprocessing paused"
    " throttled staging rerefine toretry toincexec toreassign",
    Phase.PREPARING: "scouting scouted prepared",
    Phase.RUNNING: "running",
    Phase.RELEASING: "merging finishing passed aborting toabort tobroken",
    Phase.COMPLETED: "done finished",
    Phase.FAILED: "failed broken exhausted",
    Phase.CANCELLED: "aborted",
}
_ORDER = (Phase.WAITING, Phase.PREPARING, Phase.RUNNING, Phase.RELEASING)


def _by_state(states: dict[Phase, str]) -> dict[str, Phase]:
    return {state: phase for phase, names in states.items() for state in names.split()}


JOB_PHASES = _by_state(_JOBS)
"""The phases of jobs, by PanDA's word."""

TASK_PHASES = _by_state(_TASKS)
"""The phases of tasks, by JEDI's word; ``finished`` is that some of it failed."""


def later(one: Phase, other: Phase) -> Phase:
    """Return that of two phases before the end that comes later: a session never goes back.

    A task that JEDI gives to another site is ``ready`` again after it was
    ``running``, and a job that is sent again is ``activated``.
    """
    return max(one, other, key=_ORDER.index)
