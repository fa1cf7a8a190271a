# SPDX-License-Identifier: Apache-2.0
"""`eb extract`."""

import json
from pathlib import Path

import click

from provenance.cli.options import product_argument
from provenance.errors import MalformedRecordError
from provenance.ladder import climb


@click.command()
@product_argument
@click.option(
    "--part",
    type=click.Choice(["record", "request", "session"]),
    default="record",
    show_default=True,
    help="The whole record, the request to send again, or the final session.",
)
@click.option("--json", "as_json", is_flag=True, help="Print it with its digest and binding as one object.")
def extract(file: Path, part: str, as_json: bool) -> None:
    """Take the record of the step that made FILE out of it.

    The record comes in its canonical text (RFC 8785), so that its SHA-256 is
    its name; the request can be changed and given to eb run.

    Example: eb extract catalogue.fits --part request > request.json
    """
    found = climb(file)
    taken = found.record if part == "record" else found.record.get(part)
    if taken is None:
        raise MalformedRecordError(found.place, f"it has no {part}")
    if as_json:
        click.echo(json.dumps({"digest": found.digest, "binding": found.binding, part: taken}))
    else:
        click.echo(found.text if part == "record" else json.dumps(taken, indent=2))
