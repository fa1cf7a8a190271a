# SPDX-License-Identifier: Apache-2.0
"""Prefect tasks that run a step and record it in its products, in one go."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

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
    options, page = _held(within_flow_run(name, options), keeping)
    run = run_step(broker, request, name=name, options=options)
    return outcome(run, _recorded_and_told(run, keeping, page))


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
    options, page = _held(within_flow_run(name, options), keeping)
    run = await run_step_async(broker, request, name=name, options=options)
    return outcome(run, await in_thread(_recorded_and_told, run, keeping, page))


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
    options, board = many_within_flow_run(name, requests, fetching_into(options, keeping.into))
    keep = partial(_kept_of_many, keeping=keeping)
    with shown(board) as looking:
        many = run_steps(broker, requests, keep=keep, options=options, at_once=at_once, looking=looking)
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
    options, board = many_within_flow_run(name, requests, fetching_into(options, keeping.into))
    keep = partial(_kept_of_many, keeping=keeping)
    with shown(board) as looking:
        many = await run_steps_async(
            broker, requests, keep=keep, options=options, at_once=at_once, looking=looking
        )
    return outcome_of_many(name, many, failures)


def _kept_of_many(run: StepRun, keeping: Keeping) -> Recorded:
    into = keeping.into / _folder(run.name) if keeping.into else None
    recorded = _recorded(run, keeping._replace(into=into))
    if run.session.phase != Phase.COMPLETED:
        raise ended_badly(run)
    return recorded


def _folder(name: str) -> str:
    """Return the name of a step as that of a directory, and of none elsewhere."""
    plain = quote(name, safe=" +,=@")
    return f"%2E{plain[1:]}" if plain.startswith(".") else plain


def _held(options: StepOptions, keeping: Keeping) -> tuple[StepOptions, ShownReport | None]:
    """Return the options, and the report of the step, which waits for the record."""
    page = report_of(options)
    if page:
        page.hold()
    return fetching_into(options, keeping.into), page


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
