# SPDX-License-Identifier: Apache-2.0
"""Running a request for a person at a terminal: watched, recorded, told."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import click

from eb_prefect.brokers.named import broker_named
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.step import StepOptions, run_step
from provenance.capture import Captured, capture
from provenance.cli.exits import Exit
from provenance.cli.plain import plain
from provenance.cli.progress import progress
from provenance.parts import Link
from provenance.store import Store


class Errand(NamedTuple):
    """What a person asked for beside the request itself."""

    name: str
    broker: str
    into: Path | None
    as_json: bool


def execute(request: ExecutionRequest, errand: Errand, based_on: Link | None = None) -> Captured:
    """Run the request, record it and say what came out.

    A terminal that is closed or interrupted leaves the session running: the
    same command finds it again.
    """
    with progress(errand.name) as show:
        options = StepOptions(scope="eb", on_change=show)
        try:
            run = run_step(broker_named(errand.broker), request, name=errand.name, options=options)
        except KeyboardInterrupt:
            click.echo(
                f"{errand.name} goes on; the same command finds it again, eb cancel SESSION ends it", err=True
            )
            raise
    captured = capture(run, Store(), based_on=based_on, into=errand.into)
    click.echo(json.dumps(_object(captured)) if errand.as_json else "\n".join(_lines(captured)))
    return captured


def ended_well(captured: Captured) -> Exit:
    """Return the exit code that tells how the step ended."""
    return Exit.DONE if captured.record.session.phase == Phase.COMPLETED else Exit.NO


def _object(captured: Captured) -> dict[str, Any]:
    record = captured.record
    return {
        "name": record.name,
        "phase": record.session.phase,
        "session": record.session.uuid,
        "record": record.digest,
        "products": [str(path) for path in captured.products],
        "outcome": record.session.outcome.neutral() if record.session.outcome else None,
        "messages": [message.text for message in record.session.messages],
        "streams": [stream.location for stream in record.session.connectors],
    }


def _lines(captured: Captured) -> list[str]:
    record = captured.record
    lines = [f"{plain(record.name)}: {record.session.phase}"]
    lines += [f"  {plain(message.text)}" for message in record.session.messages if message.text]
    lines += [f"  product  {path}" for path in captured.products]
    if record.session.phase != Phase.COMPLETED:
        lines += [f"  see      {stream.location}" for stream in record.session.connectors]
    return [*lines, f"  record   {record.digest}"]
