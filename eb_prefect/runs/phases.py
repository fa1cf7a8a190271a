# SPDX-License-Identifier: Apache-2.0
"""The phase of a step in its task run: in the name, in the state and in the log."""

from contextvars import copy_context
from datetime import UTC, datetime
from functools import partial
from typing import Any

from prefect import get_run_logger
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Running
from prefect.utilities.engine import emit_task_run_state_change_event

from eb_prefect.brokers.protocol import Broker
from eb_prefect.choice.table import span_text
from eb_prefect.lasting import Lasting
from eb_prefect.model.moment import instant_text
from eb_prefect.model.phase import FINAL, Phase
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import PhaseChange
from eb_prefect.onlooking import Onlooker, Usual
from eb_prefect.outputs import owner_of
from eb_prefect.runs.here import Here

_WORTH_TELLING = 10.0
# what passes sooner nobody could read; the server works up to 20 ms on each, for all flows that it has
_shown = Lasting(0.3, rate=20.0)


class ShownPhases(Onlooker):
    """Shows each phase of a step in the task run that runs it."""

    def __init__(self, at: Here) -> None:
        self._at = at
        self._logger = get_run_logger()
        self._usual: Usual = _unknown

    def followed(self, broker: Broker, session: Session, usual: Usual) -> None:
        """Know how long phases last, and show the phase of a session that was taken over."""
        self._usual = usual
        self._show(broker, session, PhaseChange(phase=session.phase, seen=datetime.now(UTC)))

    def changed(self, broker: Broker, session: Session, change: PhaseChange) -> None:
        """Show a phase, and write it into the log."""
        self._show(broker, session, change)
        usual = self._usual(change.phase) if change.phase == Phase.RUNNING else None
        self._logger.info(_line(self._at.name, session, change, usual))

    def _show(self, broker: Broker, session: Session, change: PhaseChange) -> None:
        task_run = self._at.task_run
        title = f"accept {self._at.name}" if self._at.part == "accept" else self._at.name
        task_run.name = f"{title}{_where(broker, session)}: {change.phase}"
        if change.phase in FINAL:
            _shown.drop(task_run.id)  # the engine itself tells the end, with the same name
        else:
            _shown.put(task_run.id, partial(copy_context().run, _tell, task_run, change))


def _tell(task_run: TaskRun, change: PhaseChange) -> None:
    """Tell the server the phase, and the name with it, as a change of state.

    It keeps what comes with one, and no request waits for an answer. Dated
    when the phase was seen, it can't come after the end of the run.
    """
    state: State[Any] = Running(name=str(change.phase), timestamp=change.seen)
    emit_task_run_state_change_event(task_run, task_run.state, state)


def _where(broker: Broker, session: Session) -> str:
    """Return the broker that has the session; this machine's own goes without saying."""
    where = owner_of(broker, session.uuid).identity
    return "" if where.kind == "embedded" else f" @ {where.name}"


def _unknown(_: str) -> float | None:
    return None


def _line(name: str, session: Session, change: PhaseChange, usual: float | None) -> str:
    line = f"{name}: {change.phase} at {instant_text(change.seen)}"
    if change.after is not None:
        line += f" or at most {(change.seen - change.after).total_seconds():.3f} s before"
    if usual is not None and usual >= _WORTH_TELLING:
        line += f", usually for {span_text(usual)}"
    return f"{line}, session {session.uuid}"
