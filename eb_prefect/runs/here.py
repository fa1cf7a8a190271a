# SPDX-License-Identifier: Apache-2.0
"""The Prefect run that a step is in."""

from typing import Literal, NamedTuple
from uuid import UUID

from prefect.client.schemas.objects import FlowRun, TaskRun
from prefect.context import FlowRunContext, TaskRunContext

Part = Literal["step", "offers", "accept", "wait"]
"""What of a step a task run does: all of it, or one part."""


class Here(NamedTuple):
    """A task run that runs a step or a part of it, and its flow run if it is in one."""

    name: str
    task_run: TaskRun
    flow_run: FlowRun | None
    flow: str | None
    part: Part = "step"
    around: tuple[UUID, int] | None = None
    """The task run that this one is nested in, and how often it was begun."""

    @property
    def attempt(self) -> tuple[UUID, int] | None:
        """The flow run and how often it was begun."""
        return (self.flow_run.id, self.flow_run.run_count) if self.flow_run else None


def here(name: str, part: Part = "step") -> Here | None:
    """Return where the step ``name`` is; None outside of a task run."""
    context = TaskRunContext.get()
    if context is None:
        return None
    above, outer = FlowRunContext.get(), _around(context)
    if above is None or above.flow_run is None or above.flow is None:
        return Here(name, context.task_run, None, None, part, outer)
    return Here(name, context.task_run, above.flow_run, above.flow.name, part, outer)


def _around(context: TaskRunContext) -> tuple[UUID, int] | None:
    """Return the task run around a nested one.

    Prefect tells its identifier and not its attempt; its contexts know what
    they took the place of, though not in public. Where that is changed, a
    retry of a task around a step is taken for a second step.
    """
    outer: object = context
    while isinstance(outer, TaskRunContext) and outer.task_run.id == context.task_run.id:
        outer = getattr(getattr(outer, "_token", None), "old_value", None)  # a task run may enter several
    return (outer.task_run.id, outer.task_run.run_count) if isinstance(outer, TaskRunContext) else None
