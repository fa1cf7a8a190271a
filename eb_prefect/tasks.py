# SPDX-License-Identifier: Apache-2.0
"""Prefect tasks that run a step and show its phases as they change.

`step` is for sync flows and `step_async` for async ones, where no thread
waits for a session. The pieces below them are for tasks of other packages
that do more than run: `step_task` and `outcome`.
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Literal, ParamSpec, TypeVar

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.context import TaskRunContext
from prefect.states import Cancelled

from eb_prefect.brokers.protocol import Broker
from eb_prefect.ending import (
    StepCancelledError,
    StepEndedError,
    StepFailedError,
    StepsCancelledError,
    StepsFailedError,
)
from eb_prefect.errors import EBError, RunCancelledError
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.steprun import StepRun
from eb_prefect.runs.board import shown
from eb_prefect.runs.cancellable import cancellable
from eb_prefect.runs.within import many_within_flow_run, within_flow_run
from eb_prefect.step import StepOptions, run_step, run_step_async
from eb_prefect.steps import Made, Many, made, run_steps, run_steps_async

P = ParamSpec("P")
R = TypeVar("R")
K = TypeVar("K")

Failures = Literal["raise", "return"]

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


@step_task
def steps(  # noqa: PLR0913 -- each is one thing that a flow may want otherwise
    broker: Broker,
    requests: Mapping[str, ExecutionRequest],
    *,
    name: str,
    options: StepOptions = _DEFAULT,
    at_once: int | None = None,
    failures: Failures = "raise",
) -> Many[Made]:
    """Run many requests, each as one session, in one task run; return what they made.

    The keys of ``requests`` name the steps, and are unique in the flow run as
    ``name`` is. One that fails stops no other. The task run is called
    ``<name> x<how many>: <ended> of <how many>``, and one table tells all. See
    `eb_prefect.steps.run_steps` for ``at_once`` and for what makes it cheap.

    Raises
    ------
    DuplicateStepError
        A step of one of these names is in the flow run already.
    StepsFailedError
        Some failed, unless ``failures`` is ``"return"``.
    StepsCancelledError
        Some were cancelled, or not begun as the flow run is cancelled, and
        none failed; the task run is Cancelled.
    """
    options, board = many_within_flow_run(name, requests, options)
    with shown(board) as looking:
        many = run_steps(broker, requests, keep=completed, options=options, at_once=at_once, looking=looking)
    return outcome_of_many(name, many, failures)


@step_task
async def steps_async(  # noqa: PLR0913 -- as above
    broker: Broker,
    requests: Mapping[str, ExecutionRequest],
    *,
    name: str,
    options: StepOptions = _DEFAULT,
    at_once: int | None = None,
    failures: Failures = "raise",
) -> Many[Made]:
    """Do what `steps` does, in an async flow."""
    options, board = many_within_flow_run(name, requests, options)
    with shown(board) as looking:
        many = await run_steps_async(
            broker, requests, keep=completed, options=options, at_once=at_once, looking=looking
        )
    return outcome_of_many(name, many, failures)


def completed(run: StepRun) -> Made:
    """Return what a step made that completed.

    Raises
    ------
    StepEndedError
        It did not.
    """
    if run.session.phase != Phase.COMPLETED:
        raise ended_badly(run)
    return made(run)


def ended_badly(run: StepRun) -> StepEndedError:
    """Return the error of a step that did not complete."""
    return StepCancelledError(run) if run.session.phase == Phase.CANCELLED else StepFailedError(run)


def outcome_of_many(name: str, many: Many[K], failures: Failures) -> Many[K]:
    """Return how many steps ended, for a task to return; raises as `steps` says."""
    if failures == "return" or not many.failed:
        return many
    if not all(
        isinstance(reason, (StepCancelledError, RunCancelledError)) for reason in many.failed.values()
    ):
        raise StepsFailedError(name, *many)
    return _cancelled(StepsCancelledError(name, *many))  # type: ignore[no-any-return]  # a state in place of a result


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
    return _cancelled(StepCancelledError(run))  # type: ignore[no-any-return]  # a state in place of a result


def _cancelled(error: StepCancelledError | StepsCancelledError) -> Any:
    if TaskRunContext.get() is None:
        raise error
    return Cancelled(message=str(error), data=error)


def _had(found: Any) -> Any:
    if isinstance(found, State):
        held: Any = found.data
        raise held if isinstance(held, EBError) else held.result
    return found


async def _had_later(coming: Coroutine[Any, Any, Any]) -> Any:
    return _had(await coming)
