# SPDX-License-Identifier: Apache-2.0
"""`eb session`."""

import json
from collections.abc import Iterator

import click

from eb_prefect.brokers.named import broker_named
from eb_prefect.model.moment import instant_text
from eb_prefect.model.session import Session
from provenance.cli.options import json_option, where_option
from provenance.plain import plain, size_text
from provenance.used import used


@click.command()
@click.argument("session")
@where_option
@json_option
def session(session: str, brokers: tuple[str, ...], as_json: bool) -> None:
    """Tell how SESSION is now: its phase, what the broker says of it, what it made.

    Example: eb session 3c1b9f5e-6f0e-4a53-9d0e-0a8f4f1c2b11 --broker http://127.0.0.1:8080
    """
    now = broker_named(*brokers).session(session)
    click.echo(json.dumps(now.neutral()) if as_json else "\n".join(_lines(now)))


def _lines(now: Session) -> Iterator[str]:
    yield f"{plain(now.uuid)}: {plain(now.phase)}"
    if now.expires is not None and now.phase == "OFFERED":
        yield f"  expires    {instant_text(now.expires)}"
    for part in (now.executable, now.compute, *now.storage, *now.data):
        if part is not None and part.phase is not None:
            family = plain(part.kind or "").partition("/")[0]
            yield f"  {family:10} {plain(part.phase):12} {plain(part.name or '')}".rstrip()
    outcome = now.outcome.neutral() if now.outcome else {}
    yield from (f"  {label:10} {text}" for label, text in used(outcome))
    yield from (f"  message    {plain(message.text)}" for message in now.messages if message.text)
    for product in now.products:
        yield f"  product    {plain(product.name)}, {size_text(product.size)}"
    for link in now.connectors:
        name = plain(link.kind or "").rpartition("/")[2]
        yield f"  link       {name} {plain(link.status or '')} {plain(link.location or '')}".rstrip()
