# SPDX-License-Identifier: Apache-2.0
"""The phase of a step in its task run: in the name, in the state and in the log."""

from contextvars import copy_context
from functools import partial
from typing import Any

from prefect import get_run_logger
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Running
from prefect.utilities.engine import emit_task_run_state_change_event

from eb_prefect.brokers.protocol import Broker
from eb_prefect.lasting import Lasting
from eb_prefect.model.moment import instant_text
from eb_prefect.model.phase import FINAL
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import PhaseChange
from eb_prefect.onlooking import Onlooker
from eb_prefect.runs.here import Here

# what passes sooner nobody could read; the server works up to 20 ms on each, for all flows that it has
_shown = Lasting(0.3, rate=20.0)


class ShownPhases(Onlooker):
    """Shows each phase of a step in the task run that runs it."""

    def __init__(self, at: Here) -> None:
        self._at = at
        self._logger = get_run_logger()

    def changed(self, broker: Broker, session: Session, change: PhaseChange) -> None:  # noqa: ARG002 -- as in Onlooker
        """Show a phase."""
        task_run = self._at.task_run
        task_run.name = f"{self._at.name}: {change.phase}"
        if change.phase in FINAL:
            _shown.drop(task_run.id)  # the engine itself tells the end, with the same name
        else:
            _shown.put(task_run.id, partial(copy_context().run, _tell, task_run, change))
        self._logger.info(_line(self._at.name, session, change))


def _tell(task_run: TaskRun, change: PhaseChange) -> None:
    """Tell the server the phase, and the name with it, as a change of state.

    It keeps what comes with one, and no request waits for an answer. Dated
    when the phase was seen, it can't come after the end of the run.
    """
    state: State[Any] = Running(name=str(change.phase), timestamp=change.seen)
    emit_task_run_state_change_event(task_run, task_run.state, state)


def _line(name: str, session: Session, change: PhaseChange) -> str:
    line = f"{name}: {change.phase} at {instant_text(change.seen)}"
    if change.after is not None:
        line += f" or at most {(change.seen - change.after).total_seconds():.3f} s before"
    return f"{line}, session {session.uuid}"
