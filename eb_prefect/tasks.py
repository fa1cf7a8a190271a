# SPDX-License-Identifier: Apache-2.0
"""Prefect tasks that run a step and show its phases as they change.

`step` is for sync flows and `step_async` for async ones, where no thread
waits for a session. The pieces below them are for tasks of other packages
that do more than run: `step_task`, `within_flow_run` and `outcome`.
"""

import threading
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from functools import partial
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from prefect import Task, get_run_logger
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import FlowRunContext, TaskRunContext
from prefect.states import Cancelled, Running
from prefect.utilities.engine import emit_task_run_state_change_event

from eb_prefect.brokers.protocol import Broker
from eb_prefect.ending import StepCancelledError, StepFailedError
from eb_prefect.errors import DuplicateStepError
from eb_prefect.lasting import Lasting
from eb_prefect.model.moment import instant_text
from eb_prefect.model.phase import FINAL, Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import PhaseChange, StepRun
from eb_prefect.step import OnChange, StepOptions, run_step, run_step_async

P = ParamSpec("P")
R = TypeVar("R")

_DEFAULT = StepOptions()
_shown = Lasting(0.3)  # what passes sooner nobody could read, and the server works 5 ms on each


class StepTask(Task[P, R]):
    """A task whose cancelled session raises where its result is asked for.

    Prefect hands a Cancelled state back from a call as if it were a result,
    and the next step would be given that.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task; see `prefect.Task`."""
        found = super().__call__(*args, **kwargs)
        if kwargs.get("return_state"):
            return found
        return _had_later(found) if self.isasync else _had(found)

    def with_options(self, **options: Any) -> "StepTask[P, R]":
        """Return the task with other options; see `prefect.Task`."""
        changed = super().with_options(**options)
        changed.__class__ = type(self)  # Prefect makes a plain one
        return changed  # type: ignore[return-value]  # its class was changed in the line above


def step_task(function: Callable[P, R]) -> Task[P, R]:
    """Make a function with an argument ``name`` a task that is named by it.

    Prefect's caches are off: what finds a session again is the journal, and
    a cached step would have no session.
    """
    return StepTask(function, task_run_name="{name}", cache_policy=NO_CACHE)


@step_task
def step(broker: Broker, request: ExecutionRequest, *, name: str, options: StepOptions = _DEFAULT) -> StepRun:
    """Run a request as one session and return its story when it has ended well.

    The task run is called ``<name>: <phase>``. A flow run that is retried, or
    a flow that was killed and is run again, goes on with the same session.

    Raises
    ------
    DuplicateStepError
        A step of this name is in the flow run already.
    StepFailedError
        The session failed; its story is in the error. So for the next.
    StepCancelledError
        The session was cancelled; the task run is Cancelled.
    EBError
        Whatever `eb_prefect.step.run_step` raises.
    """
    run = run_step(broker, request, name=name, options=within_flow_run(name, options))
    return outcome(run, run)


@step_task
async def step_async(
    broker: Broker, request: ExecutionRequest, *, name: str, options: StepOptions = _DEFAULT
) -> StepRun:
    """Do what `step` does, in an async flow."""
    run = await run_step_async(broker, request, name=name, options=within_flow_run(name, options))
    return outcome(run, run)


def within_flow_run(name: str, options: StepOptions) -> StepOptions:
    """Return the options with what the current task run adds to them.

    Its flow is the scope of the step unless the user gave a key, and its name,
    its state and its log follow the phases. Outside of a run nothing is added.

    Raises
    ------
    DuplicateStepError
        Another task run of the flow run has a step of this name.
    """
    context = TaskRunContext.get()
    if context is None:
        return options
    flow_run = FlowRunContext.get()
    if flow_run is not None and flow_run.flow_run is not None and flow_run.flow is not None:
        _claim(name, (flow_run.flow_run.id, flow_run.flow_run.run_count), context.task_run.id)
        options = options._replace(run=str(flow_run.flow_run.id))
        if options.scope == _DEFAULT.scope:
            options = options._replace(scope=f"flow {flow_run.flow.name}")
    return options._replace(on_change=_showing(name, context.task_run, options.on_change))


def outcome(run: StepRun, result: R) -> R:
    """Return the result of a step that completed, for a task to return.

    Raises
    ------
    StepFailedError
        The step did not complete.
    StepCancelledError
        It was cancelled. In a task run the caller of the task gets this
        error: what is returned here makes the task run Cancelled.
    """
    if run.session.phase == Phase.COMPLETED:
        return result
    if run.session.phase != Phase.CANCELLED:
        raise StepFailedError(run)
    error = StepCancelledError(run)
    if TaskRunContext.get() is None:
        raise error
    return Cancelled(message=str(error), data=error)  # type: ignore[return-value]  # a state in place of a result


_claims: dict[tuple[UUID, int], dict[str, UUID]] = {}
_claiming = threading.Lock()


def _claim(name: str, attempt: tuple[UUID, int], task_run: UUID) -> None:
    """Hold the name for a task run; retries of a task or of its flow run may have it again."""
    with _claiming:
        holder = _claims.setdefault(attempt, {}).setdefault(name, task_run)
    if holder != task_run:
        raise DuplicateStepError(name)


def _showing(name: str, task_run: TaskRun, also: OnChange) -> OnChange:
    logger = get_run_logger()

    def show(session: Session, change: PhaseChange) -> None:
        task_run.name = f"{name}: {change.phase}"
        if change.phase in FINAL:
            _shown.drop(task_run.id)  # the engine itself tells the end, with the same name
        else:
            _shown.put(task_run.id, partial(copy_context().run, _tell, task_run, change))
        logger.info(_line(name, session, change))
        also(session, change)

    return show


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


def _had(found: Any) -> Any:
    if isinstance(found, State):
        held: Any = found.data
        raise held if isinstance(held, StepCancelledError) else held.result
    return found


async def _had_later(coming: Coroutine[Any, Any, Any]) -> Any:
    return _had(await coming)
