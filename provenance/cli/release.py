# SPDX-License-Identifier: Apache-2.0
"""`eb release`."""

import json
from time import monotonic, sleep

import click

from eb_prefect.brokers.named import broker_named
from eb_prefect.brokers.protocol import Broker, Releasing
from eb_prefect.model.phase import Phase
from eb_prefect.model.session import Session
from eb_prefect.outputs import owner_of
from provenance.cli.exits import Exit
from provenance.cli.options import json_option, where_option
from provenance.plain import plain

_PATIENCE = 15.0


@click.command()
@click.argument("session")
@where_option
@json_option
def release(session: str, brokers: tuple[str, ...], as_json: bool) -> None:
    """End SESSION, which is interactive, as if its time were over: what was saved in it is kept.

    It is COMPLETED then, where eb cancel makes it CANCELLED. Ends with 0 if
    it has ended or ends, 1 if it goes on.

    Example: eb release 3c1b9f5e-6f0e-4a53-9d0e-0a8f4f1c2b11
    """
    broker = owner_of(broker_named(*brokers), session)
    now = _ended(
        broker, broker.release(session) if isinstance(broker, Releasing) else broker.session(session)
    )
    click.echo(json.dumps({"session": session, "phase": now.phase}) if as_json else _line(session, now))
    raise SystemExit(Exit.DONE if _ends(now) else Exit.NO)


def _ended(broker: Broker, now: Session) -> Session:
    """Return the session when it has ended, or as it is after some seconds if it is about to."""
    until = monotonic() + _PATIENCE
    while _ends(now) and not now.is_final and monotonic() < until:
        sleep(0.25)
        now = broker.session(now.uuid)
    return now


def _ends(now: Session) -> bool:
    return now.is_final or now.phase == Phase.RELEASING


def _line(session: str, now: Session) -> str:
    line = f"{plain(session)}: {plain(now.phase)}"
    more = "; it is not interactive, or its broker has no release: eb cancel ends it"
    return line if _ends(now) else line + more
