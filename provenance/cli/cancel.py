# SPDX-License-Identifier: Apache-2.0
"""`eb cancel`."""

import json
from collections.abc import Iterator
from time import monotonic, sleep
from uuid import UUID

import click

from eb_prefect.brokers.named import broker_named
from eb_prefect.brokers.protocol import Broker
from eb_prefect.errors import SessionGoesOnError
from eb_prefect.leftover import Left, cancel_left
from eb_prefect.model.session import Session
from provenance.cli.exits import Exit
from provenance.cli.options import json_option, where_option
from provenance.plain import plain

_PATIENCE = 5.0


@click.command()
@click.argument("session", required=False)
@click.option(
    "--flow-run",
    "flow_run",
    type=click.UUID,
    metavar="ID",
    help="All sessions of a flow run, as the journal has them, whose process may be gone.",
)
@where_option
@json_option
def cancel(session: str | None, flow_run: UUID | None, brokers: tuple[str, ...], as_json: bool) -> None:
    """End SESSION, whatever its phase; one that has ended stays as it is.

    Brokers may take a cancel and go on all the same, so the session is
    watched for some seconds. Ends with 0 if it has ended, 1 if it goes on.

    With --flow-run all sessions are cancelled that the flow run has left
    behind, each at its own broker, which is tried for a minute. The flow run
    itself is set to Cancelled by Prefect: prefect flow-run cancel ID.

    Example: eb cancel 3c1b9f5e-6f0e-4a53-9d0e-0a8f4f1c2b11
    """
    if (session is None) == (flow_run is None) or (flow_run is not None and brokers):
        raise click.UsageError("Name a SESSION, and its broker, or a --flow-run.")
    if flow_run is not None:
        raise SystemExit(_cancel_run(flow_run, as_json=as_json))
    assert session is not None
    broker = broker_named(*brokers)
    broker.cancel(session)
    now = _ended(broker, session)
    click.echo(json.dumps({"session": session, "phase": now.phase}) if as_json else _line(session, now))
    raise SystemExit(Exit.DONE if now.is_final else Exit.NO)


def _cancel_run(run: UUID, *, as_json: bool) -> Exit:
    from eb_prefect.runs.leftover import left_by  # noqa: PLC0415 -- Prefect, which is slow to import

    left = left_by(run)
    failures = {failure.session: failure for failure in cancel_left(left)}
    if as_json:
        told = [_told(each, failures.get(each.session)) for each in left]
        click.echo(json.dumps({"flow_run": str(run), "sessions": told}))
    else:
        for line in _lines(run, left, failures):
            click.echo(plain(line))
    return Exit.NO if failures else Exit.DONE


def _told(left: Left, failure: SessionGoesOnError | None) -> dict[str, str | bool | None]:
    return {
        "session": left.session,
        "step": left.step,
        "broker": left.broker.name,
        "ended": failure is None,
        "reason": None if failure is None else failure.reason,
    }


def _lines(run: UUID, left: list[Left], failures: dict[str, SessionGoesOnError]) -> Iterator[str]:
    if not left:
        yield f"flow run {run} has no sessions here that go on"
    for each in left:
        failure = failures.get(each.session)
        yield f"{each.session}: {each.step}: {'ended' if failure is None else failure}"


def _ended(broker: Broker, session: str) -> Session:
    """Return the session when it has ended, or as it is after some seconds.

    It is read in any case: the answer to a cancel may tell of an end that
    the broker does not keep.
    """
    until = monotonic() + _PATIENCE
    while not (now := broker.session(session)).is_final and monotonic() < until:
        sleep(0.25)
    return now


def _line(session: str, now: Session) -> str:
    line = f"{plain(session)}: {plain(now.phase)}"
    more = f"; the broker was asked to end it and has not in {_PATIENCE:g} s, so it may go on"
    return line if now.is_final else line + more
