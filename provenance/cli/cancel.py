# SPDX-License-Identifier: Apache-2.0
"""`eb cancel`."""

import json
from time import monotonic, sleep

import click

from eb_prefect.brokers.named import broker_named
from eb_prefect.brokers.protocol import Broker
from eb_prefect.model.session import Session
from provenance.cli.exits import Exit
from provenance.cli.options import json_option, where_option
from provenance.plain import plain

_PATIENCE = 5.0


@click.command()
@click.argument("session")
@where_option
@json_option
def cancel(session: str, brokers: tuple[str, ...], as_json: bool) -> None:
    """End SESSION, whatever its phase; one that has ended stays as it is.

    Brokers may take a cancel and go on all the same, so the session is
    watched for some seconds. Ends with 0 if it has ended, 1 if it goes on.

    Example: eb cancel 3c1b9f5e-6f0e-4a53-9d0e-0a8f4f1c2b11
    """
    broker = broker_named(*brokers)
    broker.cancel(session)
    now = _ended(broker, session)
    click.echo(json.dumps({"session": session, "phase": now.phase}) if as_json else _line(session, now))
    raise SystemExit(Exit.DONE if now.is_final else Exit.NO)


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
