# SPDX-License-Identifier: Apache-2.0
"""Running a request for a person at a terminal: watched, recorded, told."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import click

from eb_prefect.brokers.protocol import Broker
from eb_prefect.entering import Entering, entrances, way_in
from eb_prefect.errors import EBError
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import PhaseChange
from eb_prefect.onlooking import Hearing
from eb_prefect.step import StepOptions, run_step
from provenance.capture import Captured, capture, fetching_into
from provenance.cli.chosen import Wish
from provenance.cli.exits import Exit
from provenance.cli.progress import progress
from provenance.parts import Link, sha256_name
from provenance.plain import plain
from provenance.record import StepRecord
from provenance.store import Store


class Errand(NamedTuple):
    """What a person asked for beside the request itself."""

    name: str
    wish: Wish
    into: Path | None
    as_json: bool


def execute(request: ExecutionRequest, errand: Errand, based_on: Link | None = None) -> Captured:
    """Run the request, record it and say what came out.

    A terminal that is closed or interrupted leaves the session running: the
    same command finds it again.
    """
    broker, choose = errand.wish.for_request(request)
    seen: list[Session] = []
    with progress(errand.name) as show:

        def note(session: Session, change: PhaseChange) -> None:
            seen.append(session)
            show.phase(session, change)

        def open_(at: Broker, session: Session) -> None:
            show.say(_entrance(at, errand, session))
            show.say(_release(errand, session))

        onlookers = (Hearing(note), Entering(open_))
        options = fetching_into(StepOptions(scope="eb", onlookers=onlookers, choose=choose), errand.into)
        try:
            run = run_step(broker, request, name=errand.name, options=options)
        except KeyboardInterrupt:
            click.echo(plain(_left(errand, seen[-1:])), err=True)
            raise
    captured = capture(run, Store(), based_on=based_on, into=errand.into)
    if captured.unsigned:
        click.echo(f"warning: {plain(captured.unsigned)}", err=True)
    click.echo(json.dumps(_object(captured)) if errand.as_json else "\n".join(_lines(captured)))
    return captured


def ended_well(captured: Captured) -> Exit:
    """Return the exit code that tells how the step ended."""
    return Exit.DONE if captured.record.session.phase == Phase.COMPLETED else Exit.NO


def _left(errand: Errand, last: list[Session]) -> str:
    if not last:
        return f"{errand.name}: nothing was started"
    end = (
        _release(errand, last[0]) if entrances(last[0]) else f"{_command('cancel', errand, last[0])} ends it"
    )
    return f"{errand.name} goes on; the same command finds it again, {end}"


def _entrance(broker: Broker, errand: Errand, session: Session) -> str:
    """Say how to get into a session; that its broker does not say so just now ends nothing."""
    try:
        link = way_in(broker, session)
    except EBError:
        return f"{_command('session --link', errand, session)} tells where to enter"
    return f"enter at {link}"


def _release(errand: Errand, session: Session) -> str:
    return f"{_command('release', errand, session)} ends it and keeps what was saved"


def _command(verb: str, errand: Errand, session: Session) -> str:
    brokers = ",".join(place.name or place.address for place in errand.wish.places)
    return f"eb {verb} {session.uuid} --broker {brokers}"


def _object(captured: Captured) -> dict[str, Any]:
    record = captured.record
    return {
        "name": record.name,
        "phase": record.session.phase,
        "session": record.session.uuid,
        "record": record.digest,
        "products": [str(path) for path in captured.products],
        "outcome": record.session.outcome.neutral() if record.session.outcome else None,
        "messages": [*_remarks(record), *(message.text for message in record.session.messages)],
        "streams": [stream.location for stream in record.session.connectors],
    }


def _lines(captured: Captured) -> list[str]:
    record = captured.record
    lines = [f"{plain(record.name)}: {record.session.phase}"]
    lines += [f"  {plain(text)}" for text in _remarks(record)]
    lines += [f"  {plain(message.text)}" for message in record.session.messages if message.text]
    lines += [f"  product  {plain(path)}" for path in captured.products]
    if record.session.phase != Phase.COMPLETED:
        lines += [
            f"  see      {plain(stream.location or stream.status)}" for stream in record.session.connectors
        ]
    return [*lines, f"  record   {record.digest}"]


def _remarks(record: StepRecord) -> list[str]:
    """Return what was not as asked for: what the broker has no place for, and pins that did not hold."""
    said = record.offers.messages if record.offers else ()
    changed = [message.text for message in said if message.level == "WARN"]
    asked = {data.name: data.checksum for data in record.request.data} if record.request else {}
    return changed + [
        f"data[{data.name}]: it was worked on something else than it was pinned to"
        for data in record.inputs
        if (pin := sha256_name(asked.get(data.name))) and data.file and data.file != pin
    ]
