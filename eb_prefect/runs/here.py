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

    @property
    def attempt(self) -> tuple[UUID, int] | None:
        """The flow run and how often it was begun."""
        return (self.flow_run.id, self.flow_run.run_count) if self.flow_run else None


def here(name: str, part: Part = "step") -> Here | None:
    """Return where the step ``name`` is; None outside of a task run."""
    context = TaskRunContext.get()
    if context is None:
        return None
    around = FlowRunContext.get()
    if around is None or around.flow_run is None or around.flow is None:
        return Here(name, context.task_run, None, None, part)
    return Here(name, context.task_run, around.flow_run, around.flow.name, part)
