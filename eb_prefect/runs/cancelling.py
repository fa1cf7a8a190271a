# SPDX-License-Identifier: Apache-2.0
"""What becomes of a step's session where its flow run is cancelled, or crashes.

A cancelled run ends its sessions, and each step ends as it does otherwise:
its session is CANCELLED, it is recorded, its task run is Cancelled. A run
that crashes leaves its sessions, for a retry to find.
"""

import asyncio
import atexit
import inspect
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from concurrent import futures
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache, partial, wraps
from threading import Event, RLock
from time import monotonic
from typing import Any, ParamSpec, TypeVar

from prefect.context import FlowRunContext
from prefect.states import Cancelled

from eb_prefect.brokers.protocol import Broker
from eb_prefect.cancelling import Canceller, Target
from eb_prefect.errors import RunCancelledError, SessionGoesOnError
from eb_prefect.model.phase import FINAL, Phase
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import PhaseChange, StepRun
from eb_prefect.onlooking import Onlooker, Usual
from eb_prefect.runs.here import Here
from eb_prefect.runs.live import LiveRun, Watch, say
from eb_prefect.settings import settings
from eb_prefect.step import StepOptions
from eb_prefect.watching.poller import default_poller

P = ParamSpec("P")
R = TypeVar("R")

_ANSWER = 5.0  # seconds for the server to say whether the run is cancelled, while the process ends
_EXIT = 20.0  # seconds for brokers, while the process ends: Prefect kills it after 30
_GATHERING = 20.0

_watch = Watch()


@cache
def _canceller() -> Canceller:
    atexit.register(_finish)
    return Canceller()


def _finish() -> None:
    _canceller().finish(_EXIT)
    _watch.finish()


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
            self._know(broker, session)
            self.offered(broker, OfferSet(result="YES"))
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
        if not (self._run.is_cancelled or _watch.is_cancelled(self._run, within=_ANSWER)):
            self._crash()
            return False
        return True

    def ended(self, run: StepRun) -> None:  # noqa: ARG002 -- as in Onlooker
        """Be done with the step."""
        self._run.part(self)

    def left(self, reason: BaseException) -> None:
        """Be done with the step; where nobody asked before, see whether its run is cancelled."""
        if not (isinstance(reason, Exception) or self._was_interrupted) and self.interrupted(reason):
            _canceller().finish(_EXIT)
        self._run.part(self)

    def cancel(self) -> None:
        """See `eb_prefect.runs.live.Step`."""
        with self._lock:
            target = self._target
        if target is None:
            self._let_go(RunCancelledError(self._name))
        elif self._on_cancel == "leave":
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

    def _crash(self) -> None:
        """End the session of a step whose process ends, if that is wanted, before it does."""
        if self._on_crash == "cancel":
            self._run.desert()
            _canceller().finish(_EXIT)

    def _end(self, target: Target) -> None:
        with self._lock:
            if self._is_ending:
                return
            self._is_ending = True
        _canceller().put(target, self._told, patience=self._patience)
        self._hurry()

    def _told(self, failure: SessionGoesOnError | None) -> None:
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
    run = _watch.known(at.flow_run) if at.flow_run is not None else None
    return () if run is None else (CancelledWithRun(at, run, options),)


def cancellable(function: Callable[P, R]) -> Callable[P, R]:
    """Let what a task does, which runs steps, end Cancelled where its flow run is cancelled.

    All such tasks of the run end together then.
    """
    return _awaited(function) if inspect.iscoroutinefunction(function) else _called(function)


def _called(function: Callable[P, R]) -> Callable[P, R]:
    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> Any:
        with _entered() as run:
            try:
                _begin(run, kwargs)
                return function(*args, **kwargs)
            except RunCancelledError as error:
                return Cancelled(message=str(error), data=error)
            finally:
                if run is not None and run.is_cancelled:
                    futures.wait([run.gathered()], _GATHERING)

    return called


def _awaited(function: Callable[P, Any]) -> Callable[P, Any]:
    @wraps(function)
    async def awaited(*args: P.args, **kwargs: P.kwargs) -> Any:
        with _entered() as run:
            try:
                _begin(run, kwargs)
                return await function(*args, **kwargs)
            except RunCancelledError as error:
                return Cancelled(message=str(error), data=error)
            finally:
                if run is not None and run.is_cancelled:
                    await _undisturbed(asyncio.wrap_future(run.gathered()), _GATHERING)

    return awaited


async def in_thread(function: Callable[..., R], *given: Any) -> R:
    """Call a function in a thread, to its end whatever interrupts it.

    An interruption counts after that, unless it comes from the cancellation
    of the flow run: then the task ends as its session did.
    """
    call = partial(copy_context().run, function, *given)
    running = asyncio.get_running_loop().run_in_executor(None, call)
    reason = await _undisturbed(running)
    if reason is not None and not _is_run_cancelled():
        raise reason
    return running.result()


async def _undisturbed(coming: "asyncio.Future[Any]", seconds: float = float("inf")) -> CancelledError | None:
    """Wait for what is no task of its own, and return what interrupted it: a loop that ends does so twice."""
    until, reason = monotonic() + seconds, None
    while not coming.done() and (left := until - monotonic()) > 0:
        try:
            await asyncio.wait([coming], timeout=None if left == float("inf") else left)
        except CancelledError as error:
            reason = error
    return reason


def _is_run_cancelled() -> bool:
    context = FlowRunContext.get()
    run = _watch.known(context.flow_run) if context is not None and context.flow_run is not None else None
    return run is not None and run.is_cancelled


def _begin(run: LiveRun | None, given: dict[str, Any]) -> None:
    if run is not None and run.is_cancelled:
        raise RunCancelledError(str(given.get("name", "")))


@contextmanager
def _entered() -> Iterator[LiveRun | None]:
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        yield None
        return
    _canceller()
    run = _watch.enter(context.flow_run)
    try:
        yield run
    finally:
        run.leave()
