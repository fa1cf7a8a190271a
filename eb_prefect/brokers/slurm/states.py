# SPDX-License-Identifier: Apache-2.0
"""What the states of Slurm are in our phases."""

from eb_prefect.model.phase import Phase

_PHASES = {
    Phase.WAITING: ("PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"),
    Phase.PREPARING: ("CONFIGURING", "POWER_UP_NODE", "STAGE_IN"),
    Phase.RUNNING: ("RUNNING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING"),
    Phase.RELEASING: ("COMPLETING", "STAGE_OUT"),
    Phase.COMPLETED: ("COMPLETED",),
    Phase.CANCELLED: ("CANCELLED", "REVOKED"),
    Phase.FAILED: (
        "FAILED",
        "TIMEOUT",
        "OUT_OF_MEMORY",
        "NODE_FAIL",
        "BOOT_FAIL",
        "DEADLINE",
        "LAUNCH_FAILED",
        "RECONFIG_FAIL",
        "PREEMPTED",
    ),
}
_OF_STATE = {state: phase for phase, states in _PHASES.items() for state in states}


def phase_of(state: str, reason: str = "") -> Phase:
    """Return the phase of a state as the commands write it, such as ``CANCELLED by 0`` or ``CANCELLED+``.

    A state that is not known here is taken for RUNNING: whoever has it has
    neither ended nor to be submitted again.
    """
    word = plain(state)
    if word == "CANCELLED" and reason == "DependencyNeverSatisfied":
        return Phase.FAILED
    return _OF_STATE.get(word, Phase.RUNNING)


def plain(state: str) -> str:
    """Return a state's word alone."""
    return state.split(maxsplit=1)[0].rstrip("+*") if state.strip() else ""
