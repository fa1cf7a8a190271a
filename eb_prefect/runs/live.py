# SPDX-License-Identifier: Apache-2.0
"""Flow runs whose steps are in this process: whether they are cancelled, or end."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import Context, copy_context
from time import monotonic
from typing import Protocol, TypeVar

from prefect.client.schemas.objects import FlowRun
from prefect.logging.loggers import flow_run_logger
from prefect.states import Cancelled

from eb_prefect.runs.states import States

R = TypeVar("R")

ANSWER = 8.0
"""Seconds for the server to say whether a run is cancelled, while its process ends."""

_PERIOD = 5.0
_UNHEARD = 30.0
_LONGEST_REST = 3600.0
_log = logging.getLogger("eb_prefect")


class Step(Protocol):
    """A step as its flow run sees it; each method returns at once."""

    @property
    def is_deserted(self) -> bool:
        """Whether the flow run's task runner wants the step's thread to end."""
        ...

    def cancel(self) -> None:
        """Let the session end, and the step with it, as the flow run is cancelled."""
        ...

    def desert(self) -> None:
        """Let the step end, as the flow run crashes."""
        ...


class LiveRun:
    """One flow run, with the steps of it that are going on here, and those that have left a session.

    ``is_cancelled`` is whether it is known to be cancelled; it never becomes
    False again.
    """

    def __init__(self, flow_run: FlowRun) -> None:
        self.flow_run = flow_run
        self.is_cancelled = False
        self.is_concluded = False
        self._first_state = flow_run.state
        self._context = copy_context()
        self._states = States()
        self._steps: set[Step] = set()
        self._left: dict[str, Step] = {}
        self._inside = 0
        self._seen = monotonic()
        self._gathered: list[Future[None]] = []
        self._asked: list[Future[bool]] = []
        self._due = monotonic() + _PERIOD
        self._unheard_until = 0.0
        self._deserts_at: float | None = None
        self._lock = threading.RLock()
        self._talking = threading.Lock()

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is left to do here.

        Its engine keeps the state in its own object of the run. It may be set
        to Cancelling between its last step and its end; a run that is retried
        has another object then, so that it is not waited for for ever.
        """
        if self._inside:
            return False
        is_ended = _is(self.flow_run, "is_final") or monotonic() > self._seen + _LONGEST_REST
        return self.is_concluded or (is_ended and not self.is_doubtful)

    @property
    def is_doubtful(self) -> bool:
        """Whether it may have been cancelled, and its engine may have told another end.

        A run that crashes does so at the server whatever its state there, and
        one that was Cancelled there fails.
        """
        return not self.is_concluded and (
            self.is_cancelled or _is(self.flow_run, "is_cancelling", "is_failed", "is_crashed")
        )

    @property
    def is_begun_cancelled(self) -> bool:
        """Whether it was cancelled as it began: its engine has found it so, and goes on."""
        return _is(self.flow_run, "is_cancelling", "is_cancelled")

    def enter(self, flow_run: FlowRun) -> None:
        """Hear that a task begins that runs steps; ``flow_run`` is the engine's own object."""
        with self._lock:
            self._inside += 1
            if flow_run is not self.flow_run:
                self.flow_run, self._first_state = flow_run, flow_run.state

    def leave(self) -> None:
        """Hear that such a task ends."""
        with self._lock:
            self._inside -= 1
            self._seen = monotonic()
            self._open_gate()

    def join(self, step: Step) -> None:
        """Take in a step; it is cancelled at once if the run is."""
        with self._lock:
            self._steps.add(step)
            is_cancelled = self.is_cancelled
        if is_cancelled:
            step.cancel()

    def part(self, step: Step) -> None:
        """Let go a step that has ended."""
        with self._lock:
            self._steps.discard(step)

    def leave_behind(self, session: str, step: Step) -> None:
        """Hear that a step leaves a session that goes on: it is cancelled with the run all the same."""
        with self._lock:
            self._left[session] = step
            is_cancelled = self.is_cancelled
        if is_cancelled:
            step.cancel()

    def take_back(self, session: str) -> None:
        """Hear that a session is followed again, or has ended, or is to go on."""
        with self._lock:
            self._left.pop(session, None)

    def gathered(self) -> "Future[None]":
        """Return what is done once all tasks inside have asked for it, or have left.

        Where the first task of a flow ends with an error the others are
        interrupted; so all come to their end before one of them ends.
        """
        with self._lock:
            mine: Future[None] = Future()
            self._gathered.append(mine)
            self._open_gate()
            return mine

    def _open_gate(self) -> None:
        if len(self._gathered) >= self._inside:
            for each in self._gathered:
                each.set_result(None)
            self._gathered.clear()

    def cancel(self) -> None:
        """Cancel all its steps, and each that begins later."""
        with self._lock:
            if self.is_cancelled:
                return
            self.is_cancelled = True
            steps = [*self._steps, *self._left.values()]
        _said(self, logging.INFO, f"the flow run is cancelled: {len(steps)} steps end")
        for step in steps:
            step.cancel()

    def desert(self) -> None:
        """Let all its steps end here; their sessions are theirs to judge."""
        with self._lock:
            steps = list(self._steps)
        for step in steps:
            step.desert()

    def ask(self) -> "Future[bool]":
        """Return whether it is cancelled, as the server says from now on; `Watch` asks until it does.

        Where somebody has waited for an answer in vain, all the others do not.
        """
        asked: Future[bool] = Future()
        with self._lock:
            if monotonic() < self._unheard_until:
                asked.set_result(self.is_cancelled)
            else:
                self._asked.append(asked)
        return asked

    def give_up(self, asked: "Future[bool]") -> None:
        """Hear that nobody waits for an answer any more."""
        with self._lock:
            if asked in self._asked:
                self._asked.remove(asked)
                self._unheard_until = monotonic() + _UNHEARD

    def glance(self) -> None:
        """Do what is due."""
        with self._lock:
            is_watched = self._inside and not self.is_cancelled
            is_due = bool(self._asked) or (is_watched and monotonic() >= self._due)
        ends_badly = self._ends_badly()
        answers = (is_due or ends_badly) and self._look()
        if ends_badly and not self.is_cancelled and (answers or monotonic() > (self._deserts_at or 0.0)):
            self._deserts_at = float("inf")
            self.desert()
        if not self._inside and self._has_ended:
            self.end()

    def _ends_badly(self) -> bool:
        """Whether the task runner wants the threads of its steps to end, and the steps do not know."""
        with self._lock:
            is_deserted = any(step.is_deserted for step in self._steps)
        if not is_deserted or self._deserts_at == float("inf") or _is(self.flow_run, "is_final"):
            return False
        self._deserts_at = self._deserts_at or monotonic() + ANSWER
        return True

    def _look(self) -> bool:
        """Ask the server; return whether it has answered."""
        with self._lock:
            before, self._due = set(self._asked), monotonic() + _PERIOD
        is_cancelled = self._said_by_server(lambda: self._states.is_cancelled(self.flow_run.id))
        if is_cancelled is None:
            return False
        if is_cancelled:
            self.cancel()
        with self._lock:
            asked = before.intersection(self._asked)
            self._asked = [each for each in self._asked if each not in before]
            self._unheard_until = 0.0
        for each in asked:
            each.set_result(self.is_cancelled)
        return True

    @property
    def _has_ended(self) -> bool:
        """Whether its engine has had its last word."""
        if _is(self.flow_run, "is_cancelling"):
            return self.flow_run.state is not self._first_state
        return _is(self.flow_run, "is_final")

    def end(self) -> None:
        """Do what is left to do where the engine is done with it: see that it is Cancelled if it was."""
        self.judge()
        if self.is_doubtful and not self._left:
            self.conclude()

    def judge(self) -> None:
        """Find out whether a run that has ended badly was being cancelled; what it has left ends then."""
        if self.is_cancelled or not self.is_doubtful or _is(self.flow_run, "is_cancelling"):
            return
        was_cancelled = self._said_by_server(lambda: self._states.was_cancelled(self.flow_run.id))
        if was_cancelled:
            self.cancel()
        self.is_concluded = was_cancelled is False

    def conclude(self) -> None:
        """Tell the server that it is Cancelled, if that is what it was before its end."""
        if self._said_by_server(lambda: self._states.conclude(self.flow_run.id)):
            self.is_concluded = True
            if _is(self.flow_run, "is_cancelling"):
                # what interrupts its engine from here on would crash a run that has no end
                self.flow_run.state = Cancelled(message="The flow run was cancelled.")

    def close(self) -> None:
        """Let go of the server."""
        with self._talking:
            self.within(self._states.close)

    def within(self, act: Callable[[], R]) -> R:
        """Do something with the settings and the loggers of the run."""
        context: Context = self._context.copy()
        return context.run(act)

    def _said_by_server(self, ask: Callable[[], R]) -> R | None:
        try:
            with self._talking:
                return self.within(ask)
        except Exception as error:  # noqa: BLE001 -- whatever keeps the server away, it is asked again
            _log.debug("flow run %s: the Prefect server does not tell its state: %s", self.flow_run.id, error)
            self._states = States()
            return None


def _is(flow_run: FlowRun, *ways: str) -> bool:
    """Return whether the run, as its engine sees it, is in one of the states."""
    return flow_run.state is not None and any(getattr(flow_run.state, way)() for way in ways)


def _said(run: LiveRun, level: int, text: str) -> None:
    run.within(lambda: flow_run_logger(run.flow_run).log(level, text))


def say(run: LiveRun, text: str) -> None:
    """Write an error into the log of the run."""
    _said(run, logging.ERROR, text)
