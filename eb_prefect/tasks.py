# SPDX-License-Identifier: Apache-2.0
"""Prefect tasks that run a step and show its phases as they change.

`step` is for sync flows and `step_async` for async ones, where no thread
waits for a session. The pieces below them are for tasks of other packages
that do more than run: `step_task` and `outcome`.
"""

from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.context import TaskRunContext
from prefect.states import Cancelled

from eb_prefect.brokers.protocol import Broker
from eb_prefect.ending import StepCancelledError, StepFailedError
from eb_prefect.errors import EBError
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.steprun import StepRun
from eb_prefect.runs.cancelling import cancellable
from eb_prefect.runs.within import within_flow_run
from eb_prefect.step import StepOptions, run_step, run_step_async

P = ParamSpec("P")
R = TypeVar("R")

_DEFAULT = StepOptions()


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
    a cached step would have no session. A cancelled flow run cancels the
    sessions of such tasks.
    """
    return StepTask(cancellable(function), task_run_name="{name}", cache_policy=NO_CACHE)


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


def _had(found: Any) -> Any:
    if isinstance(found, State):
        held: Any = found.data
        raise held if isinstance(held, EBError) else held.result
    return found


async def _had_later(coming: Coroutine[Any, Any, Any]) -> Any:
    return _had(await coming)
