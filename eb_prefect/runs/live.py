# SPDX-License-Identifier: Apache-2.0
"""Flow runs whose steps are in this process: whether they are cancelled, or end."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import Context, copy_context
from time import monotonic
from typing import Any, Protocol, TypeVar

from prefect.client.schemas.objects import FlowRun
from prefect.logging.loggers import flow_run_logger

from eb_prefect.runs.states import States

R = TypeVar("R")

_PERIOD = 5.0
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
    """One flow run, with the steps of it that are going on here.

    ``is_cancelled`` is whether it is known to be cancelled; it never becomes
    False again.
    """

    def __init__(self, flow_run: FlowRun) -> None:
        self.flow_run = flow_run
        self.is_cancelled = False
        self.is_concluded = False
        self._context = copy_context()
        self._states = States()
        self._steps: set[Step] = set()
        self._inside = 0
        self._seen = monotonic()
        self._gathered: list[Future[None]] = []
        self._asked: list[Future[bool]] = []
        self._due = monotonic() + _PERIOD
        self._is_deserted = False
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
        return self.is_concluded or (is_ended and not self.is_cancelled)

    def enter(self, flow_run: FlowRun) -> None:
        """Hear that a task begins that runs steps; ``flow_run`` is the engine's own object."""
        with self._lock:
            self._inside += 1
            self.flow_run = flow_run

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
            steps = list(self._steps)
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
        """Return whether it is cancelled, as the server says from now on; `Watch` asks."""
        asked: Future[bool] = Future()
        with self._lock:
            self._asked.append(asked)
        return asked

    def glance(self) -> None:
        """Do what is due."""
        with self._lock:
            is_watched = self._inside and not self.is_cancelled
            is_due = bool(self._asked) or (is_watched and monotonic() >= self._due)
            is_deserted = not self._is_deserted and any(step.is_deserted for step in self._steps)
            self._is_deserted = self._is_deserted or is_deserted
        ends_badly = is_deserted and not _is(self.flow_run, "is_final")
        if is_due or ends_badly:
            self._look()
        if ends_badly and not self.is_cancelled:
            self.desert()
        if not self._inside and self.is_concludable:
            self.conclude()

    def _look(self) -> None:
        with self._lock:
            asked, self._asked = self._asked, []
            self._due = monotonic() + _PERIOD
        is_cancelled = bool(self._said_by_server(lambda: self._states.is_cancelled(self.flow_run.id)))
        if is_cancelled:
            self.cancel()
        for each in asked:
            each.set_result(self.is_cancelled)

    @property
    def is_concludable(self) -> bool:
        """Whether its engine has had its last word, which was not that it was Cancelled."""
        is_cancelled = self.is_cancelled or _is(self.flow_run, "is_cancelling")
        return is_cancelled and not self.is_concluded and _is(self.flow_run, "is_cancelling", "is_final")

    def conclude(self) -> None:
        """Tell the server that it is Cancelled, if nobody has."""
        if self._said_by_server(lambda: self._states.conclude(self.flow_run.id)):
            self.is_concluded = True

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


class Watch:
    """Looks at all live runs of the process, from one thread that is there while there is one."""

    def __init__(self, *, glance: float = 0.25) -> None:
        self._glance = glance
        self._runs: dict[Any, LiveRun] = {}
        self._wake = threading.Condition()
        self._is_served = False

    def enter(self, flow_run: FlowRun) -> LiveRun:
        """Return the run, entered."""
        with self._wake:
            run = self._kept(flow_run)
            run.enter(flow_run)
        return run

    def know(self, flow_run: FlowRun) -> None:
        """See to the end of a run, even if no step is its own."""
        with self._wake:
            self._kept(flow_run)

    def _kept(self, flow_run: FlowRun) -> LiveRun:
        run = self._runs.get(flow_run.id)
        if run is None:
            run = self._runs[flow_run.id] = LiveRun(flow_run)
        if not self._is_served:
            threading.Thread(target=self._serve, name="eb-runs", daemon=True).start()
            self._is_served = True
        return run

    def known(self, flow_run: FlowRun) -> LiveRun | None:
        """Return a run that was entered."""
        with self._wake:
            return self._runs.get(flow_run.id)

    def is_cancelled(self, run: LiveRun, *, within: float) -> bool:
        """Ask the server now, and wait for its answer for at most so many seconds."""
        asked = run.ask()
        with self._wake:
            self._wake.notify_all()
        wait([asked], within)
        return run.is_cancelled

    def finish(self) -> None:
        """Tell the server the end of all that were cancelled, as the process ends."""
        with self._wake:
            runs = list(self._runs.values())
        for run in runs:
            if run.is_cancelled or run.is_concludable:
                run.conclude()

    def _serve(self) -> None:
        while True:
            for run in self._there():
                run.glance()
            with self._wake:
                for key in [key for key, run in self._runs.items() if run.is_over]:
                    self._runs.pop(key).close()
                if not self._runs:
                    self._is_served = False
                    return
                self._wake.wait(self._glance)

    def _there(self) -> list[LiveRun]:
        with self._wake:
            return list(self._runs.values())
