# SPDX-License-Identifier: Apache-2.0
"""`eb history`."""

import json
from collections.abc import Iterable

import click

from provenance.cli.options import json_option, settings_of
from provenance.entries import Entry, Wanted
from provenance.plain import plain
from provenance.store import Store


@click.command()
@click.option("--name", help="Only steps of this name.")
@click.option("--phase", help="Only steps that ended so, e.g. FAILED.")
@click.option(
    "--where",
    "settings",
    multiple=True,
    metavar="PATH=VALUE",
    help="Only steps whose request has this, e.g. executable.environment.SIGMA=3.",
)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many at most.")
@json_option
def history(
    name: str | None,
    phase: str | None,
    settings: tuple[str, ...],
    limit: int,
    as_json: bool,
) -> None:
    """List the steps that were recorded here, newest first.

    Example: eb history --phase FAILED
    """
    wanted = Wanted(name=name, phase=phase and phase.upper(), settings=settings_of(settings))
    found = Store().history(wanted, limit=limit)
    click.echo(json.dumps([entry._asdict() for entry in found]) if as_json else "\n".join(_lines(found)))


def _lines(found: Iterable[Entry]) -> list[str]:
    lines = [
        f"{entry.made[:19].replace('T', ' ')}  {entry.phase:<9}  {plain(entry.name)}  {entry.digest}"
        for entry in found
    ]
    return lines or ["no step of that kind is recorded here"]
