# SPDX-License-Identifier: Apache-2.0
"""`eb cancel`."""

import json

import click

from eb_prefect.brokers.named import broker_named


@click.command()
@click.argument("session")
@click.option("--broker", default="embedded", show_default=True, help="The broker that runs it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def cancel(session: str, broker: str, as_json: bool) -> None:
    """End SESSION, whatever its phase; one that has ended stays as it is.

    Example: eb cancel 3c1b9f5e-6f0e-4a53-9d0e-0a8f4f1c2b11
    """
    now = broker_named(broker).cancel(session)
    click.echo(json.dumps({"session": session, "phase": now.phase}) if as_json else f"{session}: {now.phase}")
