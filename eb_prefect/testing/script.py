# SPDX-License-Identifier: Apache-2.0
"""What a session goes through once it is accepted, moment by moment."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from eb_prefect.model.phase import FINAL, ComponentPhase, Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.testing.faults import Faults

Script = Sequence[tuple[float, str]]
"""Seconds after the acceptance, and the phase from then on."""

Scripting = Script | Callable[[ExecutionRequest], Script]
"""One script for all sessions, or what writes one for each request."""

SHORT: Script = ((0.0, "PREPARING"), (0.01, "RUNNING"), (0.02, "COMPLETED"))

_COMPONENTS = {
    "INITIAL": "INITIALIZING",
    "OFFERED": "INITIALIZING",
    "ACCEPTED": "WAITING",
    "REJECTED": "CANCELLED",
    "EXPIRED": "CANCELLED",
}
_UNDER_WAY = frozenset({Phase.WAITING, Phase.PREPARING, Phase.AVAILABLE, Phase.RUNNING, Phase.RELEASING})


class Moment(NamedTuple):
    """From when on a session and its parts are in which phase; the parts in none if it is None."""

    after: float
    phase: str
    parts: str | None = None


Timeline = tuple[Moment, ...]


def script_for(scripting: Scripting, request: ExecutionRequest) -> Script:
    """Return the script of a session."""
    return scripting(request) if callable(scripting) else scripting


def timeline(script: Script, faults: Faults, *, settling: float | None = None) -> Timeline:
    """Return all moments of a script, in their order.

    ``settling`` is how many seconds after the session its parts end. With
    None they have no phases, unless a fault is about those.
    """
    line = [Moment(after, Phase(phase) if phase in set(Phase) else phase) for after, phase in script]
    if faults.accepted_for is not None and line:
        line = [Moment(faults.accepted_for, line[-1].phase)]
    if faults.unknown_phase:
        line = [_renamed(moment, faults.unknown_phase) for moment in line]
    if settling is not None or _is_about_parts(faults):
        line = [moment._replace(parts=part_phase(moment.phase)) for moment in line]
    return tuple(_settled(line, settling or 0.0, faults))


def part_phase(phase: str) -> str:
    """Return the phase that the parts of a session of this phase have."""
    named = _COMPONENTS.get(phase, phase)
    return ComponentPhase(named) if named in set(ComponentPhase) else ComponentPhase.AVAILABLE


def _is_about_parts(faults: Faults) -> bool:
    return faults.components_stay_available or faults.components_change_after_failed is not None


def _renamed(moment: Moment, phase: str) -> Moment:
    return moment._replace(phase=phase) if moment.phase in _UNDER_WAY else moment


def _settled(line: list[Moment], settling: float, faults: Faults) -> list[Moment]:
    """Let the parts of the last moment end as they do: with it, later, or never."""
    if not line or line[-1].parts is None or line[-1].phase not in FINAL:
        return line
    *before, end = line
    later = faults.components_change_after_failed
    if end.phase == Phase.FAILED and later is not None:
        parts = (ComponentPhase.RUNNING, ComponentPhase.RELEASING, end.parts)
        return [*before, *_in_turn(end, parts, later)]
    if end.phase == Phase.COMPLETED and faults.components_stay_available:
        return [*before, end._replace(parts=ComponentPhase.AVAILABLE)]
    if settling > 0:
        return [*before, *_in_turn(end, (ComponentPhase.RELEASING, end.parts), settling)]
    return line


def _in_turn(end: Moment, parts: Sequence[str | None], seconds: float) -> list[Moment]:
    step = seconds / (len(parts) - 1)
    return [end._replace(after=end.after + n * step, parts=part) for n, part in enumerate(parts)]
