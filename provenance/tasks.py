# SPDX-License-Identifier: Apache-2.0
"""Prefect tasks that run a step and record it in its products, in one go or apart."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.context import TaskRunContext
from prefect.logging import get_run_logger

from eb_prefect.brokers.protocol import Broker
from eb_prefect.model.phase import AnyPhase, Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.steprun import StepRun
from eb_prefect.model.value import Value
from eb_prefect.runs.board import shown
from eb_prefect.runs.cancellable import in_thread
from eb_prefect.runs.report import ShownReport, report_of
from eb_prefect.runs.within import many_within_flow_run, within_flow_run
from eb_prefect.step import StepOptions, run_step, run_step_async
from eb_prefect.steps import Many, run_steps, run_steps_async
from eb_prefect.tasks import Failures, ended_badly, outcome, outcome_of_many, step_task
from provenance.capture import Captured, capture, fetching_into
from provenance.errors import ProvenanceError
from provenance.flowruns import show_lineage
from provenance.parts import Link
from provenance.reporting import more, unrecorded
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
    return outcome(run, keeper.of(run))


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
    return outcome(run, keeper.of(run))


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
    return _recorded_and_told(run, keeping, None)


@task(task_run_name="record {run.name}", cache_policy=NO_CACHE)
async def record_step_async(broker: Broker, run: StepRun, *, keeping: Keeping = _HERE) -> Recorded:
    """Do what `record_step` does, in an async flow."""
    return await in_thread(partial(record_step.fn, broker, run, keeping=keeping))


@step_task
def recorded_steps(  # noqa: PLR0913 -- each is one thing that a flow may want otherwise
    broker: Broker,
    requests: Mapping[str, ExecutionRequest],
    *,
    name: str,
    keeping: Keeping = _HERE,
    options: StepOptions = _DEFAULT,
    at_once: int | None = None,
    failures: Failures = "raise",
) -> Many[Recorded]:
    """Do what `eb_prefect.tasks.steps` does, and put the record of each into its products and the store.

    Where ``keeping`` names a directory, each step has one below it, of its
    name. Raises what `eb_prefect.tasks.steps` raises; what could not be
    recorded has failed, and is recorded by the next call.
    """
    options, board = many_within_flow_run(name, requests, options)
    keeper = _Keeper(keeping, options, each_apart=True)
    with shown(board) as looking:
        many = run_steps(
            broker, requests, keep=keeper.good, options=keeper.options, at_once=at_once, looking=looking
        )
    return outcome_of_many(name, many, failures)


@step_task
async def recorded_steps_async(  # noqa: PLR0913 -- as above
    broker: Broker,
    requests: Mapping[str, ExecutionRequest],
    *,
    name: str,
    keeping: Keeping = _HERE,
    options: StepOptions = _DEFAULT,
    at_once: int | None = None,
    failures: Failures = "raise",
) -> Many[Recorded]:
    """Do what `recorded_steps` does, in an async flow."""
    options, board = many_within_flow_run(name, requests, options)
    keeper = _Keeper(keeping, options, each_apart=True)
    with shown(board) as looking:
        many = await run_steps_async(
            broker, requests, keep=keeper.good, options=keeper.options, at_once=at_once, looking=looking
        )
    return outcome_of_many(name, many, failures)


def _folder(name: str) -> str:
    """Return the name of a step as that of a directory, and of none elsewhere."""
    plain = quote(name, safe=" +,=@")
    return f"%2E{plain[1:]}" if plain.startswith(".") else plain


class _Keeper:
    """Records steps before they are delivered, so that a kill between the two loses no record.

    The report of a step in a task of its own waits for the record. Where many
    steps have one task, each has a directory of its own.
    """

    def __init__(self, keeping: Keeping, options: StepOptions, *, each_apart: bool = False) -> None:
        self._keeping = keeping
        self._each_apart = each_apart
        self._page = None if each_apart else report_of(options)
        if self._page:
            self._page.hold()
        self._before = fetching_into(options, keeping.into).finish
        self._recorded: dict[str, Recorded] = {}
        self.options = options._replace(finish=self._finish)

    def of(self, run: StepRun) -> Recorded:
        """Return what the next step needs of a step that was recorded, once."""
        return self._recorded.pop(run.name)

    def good(self, run: StepRun) -> Recorded:
        """Return the same of a step that has ended well, raise how it has ended otherwise."""
        recorded = self.of(run)
        if run.session.phase != Phase.COMPLETED:
            raise ended_badly(run)
        return recorded

    def _finish(self, broker: Broker, run: StepRun) -> StepRun:
        run = self._before(broker, run)
        keeping = self._keeping
        if not self._each_apart:
            self._recorded[run.name] = _recorded_and_told(run, keeping, self._page)
            return run
        into = keeping.into / _folder(run.name) if keeping.into else None
        self._recorded[run.name] = _recorded(run, keeping._replace(into=into))
        return run


def _recorded(run: StepRun, keeping: Keeping, page: ShownReport | None = None) -> Recorded:
    try:
        captured = capture(
            run, keeping.store or default_store(), based_on=keeping.based_on, into=keeping.into
        )
    except ProvenanceError as reason:
        if page:
            page.show(run, partial(unrecorded, str(reason)))
        raise
    if page:
        page.show(run, partial(more, captured))
        show_lineage(page.at, captured.record)
    if captured.unsigned and TaskRunContext.get() is not None:
        get_run_logger().warning("%s: %s", run.name, captured.unsigned)
    record = captured.record
    return Recorded(
        name=record.name,
        phase=record.session.phase,
        session=record.session.uuid,
        record=record.digest,
        products=_paths(captured),
    )


def _recorded_and_told(run: StepRun, keeping: Keeping, page: ShownReport | None) -> Recorded:
    found = _recorded(run, keeping, page)
    if TaskRunContext.get() is not None:
        products = ", ".join(found.products.values()) or "none"
        get_run_logger().info("%s: recorded as %s, products: %s", run.name, found.record, products)
    return found


def _paths(captured: Captured) -> dict[str, str]:
    """Return the paths by name; a product that is not a file here has none."""
    names = sorted((entry.name for entry in captured.record.products), key=len, reverse=True)
    paths = [str(path) for path in captured.products]
    return {next(name for name in names if f"/{path}".endswith(f"/{name}")): path for path in paths}
