# SPDX-License-Identifier: Apache-2.0
"""Prefect tasks that run a step and record it in its products, in one go or apart."""

import asyncio
from pathlib import Path
from typing import NamedTuple

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.context import TaskRunContext
from prefect.logging import get_run_logger

from eb_prefect.brokers.protocol import Broker
from eb_prefect.model.phase import AnyPhase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.steprun import StepRun
from eb_prefect.model.value import Value
from eb_prefect.runs.within import within_flow_run
from eb_prefect.step import StepOptions, run_step, run_step_async
from eb_prefect.tasks import outcome, step_task
from provenance.capture import Captured, capture, fetching_into
from provenance.parts import Link
from provenance.store import Store, default_store


class Recorded(Value):
    """What the next step needs of a step that was recorded; small, and plain JSON when dumped.

    ``record`` is the digest of its record, ``products`` are paths by name.
    """

    name: str
    phase: AnyPhase
    session: str
    record: str
    products: dict[str, str]


class Keeping(NamedTuple):
    """Where a step's record and products go.

    The store is this user's by default, and products stay where the broker
    left them, on whatever machine, unless ``into`` names a directory. ``based_on`` is what a rerun
    says of the record that its request comes from.
    """

    store: Store | None = None
    into: Path | None = None
    based_on: Link | None = None


_DEFAULT = StepOptions()
_HERE = Keeping()


@step_task
def recorded_step(
    broker: Broker,
    request: ExecutionRequest,
    *,
    name: str,
    keeping: Keeping = _HERE,
    options: StepOptions = _DEFAULT,
) -> Recorded:
    """Run a request as one session, and put its record into its products and the store.

    A step that failed or was cancelled is recorded before the error is
    raised. Steps follow each other in Prefect's graph where the call says
    ``wait_for=[earlier]``.

    Raises
    ------
    EBError
        Whatever `eb_prefect.tasks.step` raises.
    ProvenanceError
        The step ended and could not be recorded; a retry records it without
        running it again.
    """
    keeper = _Keeper(keeping, within_flow_run(name, options))
    run = run_step(broker, request, name=name, options=keeper.options)
    return outcome(run, keeper.recorded)


@step_task
async def recorded_step_async(
    broker: Broker,
    request: ExecutionRequest,
    *,
    name: str,
    keeping: Keeping = _HERE,
    options: StepOptions = _DEFAULT,
) -> Recorded:
    """Do what `recorded_step` does, in an async flow; a thread reads and writes the products."""
    keeper = _Keeper(keeping, within_flow_run(name, options))
    run = await run_step_async(broker, request, name=name, options=keeper.options)
    return outcome(run, keeper.recorded)


@task(task_run_name="record {run.name}", cache_policy=NO_CACHE)
def record_step(broker: Broker, run: StepRun, *, keeping: Keeping = _HERE) -> Recorded:
    """Put the record of a step that has ended, however it ended, into its products and the store.

    It is for a step whose parts are tasks of their own, see
    `eb_prefect.part_tasks`. Called again it finds what it did. The story of
    a step that failed is in the error: ``record_step(broker, error.run)``.

    Raises
    ------
    ProvenanceError
        It could not be recorded; a retry does it again.
    """
    if keeping.into:
        run = fetching_into(StepOptions(), keeping.into).finish(broker, run)
    return _recorded(run, keeping)


@task(task_run_name="record {run.name}", cache_policy=NO_CACHE)
async def record_step_async(broker: Broker, run: StepRun, *, keeping: Keeping = _HERE) -> Recorded:
    """Do what `record_step` does, in an async flow."""
    return await asyncio.to_thread(record_step.fn, broker, run, keeping=keeping)


class _Keeper:
    """Records a step before it is delivered, so that a kill between the two loses no record."""

    def __init__(self, keeping: Keeping, options: StepOptions) -> None:
        self._keeping = keeping
        self._before = fetching_into(options, keeping.into).finish
        self._recorded: list[Recorded] = []
        self.options = options._replace(finish=self._finish)

    @property
    def recorded(self) -> Recorded:
        """What the next step needs; there is something once the step has ended."""
        return self._recorded[-1]

    def _finish(self, broker: Broker, run: StepRun) -> StepRun:
        run = self._before(broker, run)
        self._recorded.append(_recorded(run, self._keeping))
        return run


def _recorded(run: StepRun, keeping: Keeping) -> Recorded:
    captured = capture(run, keeping.store or default_store(), based_on=keeping.based_on, into=keeping.into)
    record = captured.record
    found = Recorded(
        name=record.name,
        phase=record.session.phase,
        session=record.session.uuid,
        record=record.digest,
        products=_paths(captured),
    )
    if TaskRunContext.get() is not None:
        get_run_logger().info(
            "%s: recorded as %s, products: %s",
            run.name,
            found.record,
            ", ".join(found.products.values()) or "none",
        )
        if captured.unsigned:
            get_run_logger().warning("%s: %s", run.name, captured.unsigned)
    return found


def _paths(captured: Captured) -> dict[str, str]:
    """Return the paths by name; a product that is not a file here has none."""
    names = sorted((entry.name for entry in captured.record.products), key=len, reverse=True)
    paths = [str(path) for path in captured.products]
    return {next(name for name in names if f"/{path}".endswith(f"/{name}")): path for path in paths}
