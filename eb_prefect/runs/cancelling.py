# SPDX-License-Identifier: Apache-2.0
"""What becomes of a step's session where its flow run is cancelled, or crashes.

A cancelled run ends its sessions, and each step ends as it does otherwise:
its session is CANCELLED, it is recorded, its task run is Cancelled. A run
that crashes leaves its sessions, for a retry to find.
"""

import atexit
from asyncio import CancelledError
from concurrent.futures import Future
from functools import cache
from threading import Event, RLock

from prefect.context import FlowRunContext

from eb_prefect.brokers.protocol import Broker
from eb_prefect.cancelling import Canceller, Target
from eb_prefect.errors import RunCancelledError, SessionGoesOnError
from eb_prefect.model.phase import FINAL, Phase
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import PhaseChange, StepRun
from eb_prefect.onlooking import Onlooker, Usual
from eb_prefect.runs.here import Here
from eb_prefect.runs.live import ANSWER, LiveRun, say
from eb_prefect.runs.watch import Watch
from eb_prefect.settings import settings
from eb_prefect.step import StepOptions
from eb_prefect.watching.poller import default_poller

_EXIT = 20.0  # seconds for brokers, while the process ends: Prefect kills it after 30
_LAST = 10.0  # seconds for the server to hear of the end

watch = Watch()


@cache
def canceller() -> Canceller:
    """Return this process's, which is given some time when the process ends."""
    atexit.register(_finish)
    return Canceller()


def _finish() -> None:
    watch.judge()
    canceller().finish(_EXIT)
    watch.finish(_LAST)


class CancelledWithRun(Onlooker):
    """Ends a step's session, or leaves it, as its flow run ends."""

    def __init__(self, at: Here, run: LiveRun, options: StepOptions) -> None:
        given = settings()
        self.release: Future[BaseException] = Future()
        self._name = at.name
        self._run = run
        self._on_cancel = options.on_cancel or given.on_cancel
        self._on_crash = options.on_crash or given.on_crash
        self._patience = given.cancel_within
        self._poller = options.poller or default_poller()
        self._deserting = _cancel_event(at)
        self._target: Target | None = None
        self._is_ending = False
        self._was_interrupted = False
        self._lock = RLock()
        run.join(self)

    @property
    def is_deserted(self) -> bool:
        """See `eb_prefect.runs.live.Step`."""
        return self._deserting is not None and self._deserting.is_set()

    def offered(self, broker: Broker, offers: OfferSet) -> None:  # noqa: ARG002 -- as in Onlooker
        """End the call where the run is cancelled: no offer is accepted any more."""
        if self._run.is_cancelled:
            raise RunCancelledError(self._name)

    def changed(self, broker: Broker, session: Session, change: PhaseChange) -> None:
        """Keep which session it is; one that was accepted while the run was cancelled ends at once."""
        if change.phase == Phase.OFFERED:
            self.offered(broker, OfferSet(result="YES"))
            self._know(broker, session)
        elif change.phase not in FINAL:
            self._know(broker, session)
            if self._run.is_cancelled:
                self.cancel()

    def followed(self, broker: Broker, session: Session, usual: Usual) -> None:  # noqa: ARG002 -- as in Onlooker
        """Keep which session it is; see `changed`."""
        self._know(broker, session)
        if self._run.is_cancelled:
            self.cancel()

    def interrupted(self, reason: BaseException) -> bool:
        """Return whether the step is waited for all the same, as its session is being cancelled."""
        with self._lock:
            insists = self._was_interrupted and not isinstance(reason, CancelledError)
            self._was_interrupted = True
        if insists:
            return False
        if not (self._run.is_cancelled or watch.is_cancelled(self._run, within=ANSWER)):
            self._crash()
            return False
        return True

    def ended(self, run: StepRun) -> None:
        """Be done with the step."""
        self._run.take_back(run.session.uuid)
        self._run.part(self)

    def left(self, reason: BaseException) -> None:
        """Be done with the step; where nobody asked before, see whether its run is cancelled."""
        if not (isinstance(reason, Exception) or self._was_interrupted) and self.interrupted(reason):
            canceller().finish(_EXIT)
        with self._lock:
            left = None if self._is_ending else self._target
        if left is not None:
            self._run.leave_behind(left.session, self)
        self._run.part(self)

    def cancel(self) -> None:
        """See `eb_prefect.runs.live.Step`."""
        with self._lock:
            target = self._target
        if target is None:
            self._let_go(RunCancelledError(self._name))
        elif self._on_cancel == "leave":
            self._run.take_back(target.session)
            self._let_go(RunCancelledError(self._name, target.session))
        else:
            self._end(target)

    def desert(self) -> None:
        """See `eb_prefect.runs.live.Step`."""
        with self._lock:
            self._was_interrupted = True  # the server was asked
        if self._on_crash == "cancel" and self._target is not None:
            self._end(self._target)
        else:
            self._let_go(CancelledError("the flow run ends; the session goes on"))

    def _know(self, broker: Broker, session: Session) -> None:
        with self._lock:
            if self._target is None or self._target.session != session.uuid:
                self._is_ending = False
            self._target = Target(broker, session.uuid)
        self._run.take_back(session.uuid)

    def _crash(self) -> None:
        """End the session of a step whose process ends, if that is wanted, before it does."""
        if self._on_crash == "cancel":
            self._run.desert()
            canceller().finish(_EXIT)

    def _end(self, target: Target) -> None:
        with self._lock:
            if self._is_ending:
                return
            self._is_ending = True
        canceller().put(target, self._told, patience=self._patience)
        self._hurry()

    def _told(self, failure: SessionGoesOnError | None) -> None:
        if self._target is not None:
            self._run.take_back(self._target.session)
        if failure is None:
            self._hurry()
            return
        say(self._run, f"{self._name}: {failure}")
        self._let_go(failure)

    def _hurry(self) -> None:
        if self._target is not None:
            self._poller.hurry(*self._target)

    def _let_go(self, reason: BaseException) -> None:
        with self._lock:
            if not self.release.done():
                self.release.set_result(reason)


def _cancel_event(at: Here) -> Event | None:
    """Return what the task runner sets when it wants the thread of a task to end.

    Prefect keeps it to itself. Without it a process that is terminated waits
    in Prefect until the sessions end by themselves.
    """
    context = FlowRunContext.get()
    events = getattr(context.task_runner, "_cancel_events", {}) if context is not None else {}
    event = events.get(at.task_run.id)
    return event if isinstance(event, Event) else None


def cancelled_with_run(at: Here, options: StepOptions) -> tuple[Onlooker, ...]:
    """Return who looks on where the step is in a flow run."""
    run = watch.known(at.flow_run) if at.flow_run is not None else None
    return () if run is None else (CancelledWithRun(at, run, options),)
