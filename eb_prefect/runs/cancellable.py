# SPDX-License-Identifier: Apache-2.0
"""Tasks that run steps: they end Cancelled, and together, where their flow run is cancelled."""

import asyncio
import inspect
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from contextvars import Token, copy_context
from functools import partial, wraps
from time import monotonic
from typing import Any, ParamSpec, TypeVar

from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.states import Cancelled

from eb_prefect.errors import RunCancelledError
from eb_prefect.runs.cancelling import canceller, watch
from eb_prefect.runs.live import LiveRun

P = ParamSpec("P")
R = TypeVar("R")

_GATHERING = 20.0


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
                return _undivided(run, partial(function, *args, **kwargs))
            except RunCancelledError as error:
                return Cancelled(message=str(error), data=error)
            finally:
                if run is not None and run.is_cancelled:
                    futures.wait([run.gathered()], _GATHERING)

    return called


def _undivided(run: LiveRun | None, act: Callable[[], R]) -> R:
    """Do what a task does, again where a signal has torn it and its flow run is cancelled.

    A signal is borne where a step waits. Anywhere else it leaves a session
    that has ended by now, and no record: called again, the step finds it.
    """
    try:
        return act()
    except BaseException as reason:
        if isinstance(reason, Exception) or run is None or not run.is_cancelled:
            raise
        return act()


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
    run = watch.known(context.flow_run) if context is not None and context.flow_run is not None else None
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
    canceller()
    for above in _above(context):
        watch.know(above)
    run = watch.enter(context.flow_run)
    try:
        yield run
    finally:
        run.leave()


def _above(context: FlowRunContext) -> Iterator[FlowRun]:
    """Yield the runs here that the run is a subflow of; how to find them Prefect keeps to itself."""
    while isinstance(token := getattr(context, "_token", None), Token):
        if not isinstance(token.old_value, FlowRunContext):
            return
        context = token.old_value
        if context.flow_run is not None:
            yield context.flow_run
