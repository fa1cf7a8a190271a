# SPDX-License-Identifier: Apache-2.0
"""`eb session`."""

import json
from collections.abc import Iterator

import click

from eb_prefect.brokers.named import broker_named
from eb_prefect.entering import way_in
from eb_prefect.model.moment import instant_text
from eb_prefect.model.session import Session
from provenance.cli.exits import Exit
from provenance.cli.options import json_option, where_option
from provenance.plain import plain, size_text
from provenance.used import used


@click.command()
@click.argument("session")
@where_option
@json_option
@click.option("--link", "only_link", is_flag=True, help="Print the link into an interactive session only.")
def session(session: str, brokers: tuple[str, ...], as_json: bool, only_link: bool) -> None:
    """Tell how SESSION is now: its phase, what the broker says of it, what it made.

    Of an interactive session it tells the link, too, which lets in whoever
    has it; --json does not.

    Example: eb session 3c1b9f5e-6f0e-4a53-9d0e-0a8f4f1c2b11 --broker http://127.0.0.1:8080
    """
    broker = broker_named(*brokers)
    now = broker.session(session)
    if as_json:
        click.echo(json.dumps(now.neutral()))
        return
    link = way_in(broker, now)
    if not only_link:
        click.echo("\n".join(_lines(now, link)))
    elif link is not None:
        click.echo(plain(link))
    else:
        click.echo(f"{plain(session)} is {plain(now.phase)} and lets nobody in", err=True)
        raise SystemExit(Exit.NO)


def _lines(now: Session, link: str | None) -> Iterator[str]:
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
    for each in now.connectors:
        name = plain(each.kind or "").rpartition("/")[2]
        yield f"  link       {name} {plain(each.status or '')} {plain(each.location or '')}".rstrip()
    if link is not None:
        yield f"  enter at   {plain(link)}"
