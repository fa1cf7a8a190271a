# SPDX-License-Identifier: Apache-2.0
"""`eb rerun`."""

import sys
from pathlib import Path

import click

from eb_prefect.wire.text import to_text
from provenance.cli.execute import Errand, ended_well, execute
from provenance.cli.exits import Exit
from provenance.cli.options import (
    broker_option,
    edit_options,
    into_option,
    json_option,
    pairs,
    product_argument,
)
from provenance.cli.plain import plain
from provenance.products.extract import extract
from provenance.record import read_record
from provenance.rerun import Plan, plan


@click.command()
@product_argument
@broker_option
@edit_options
@into_option
@click.option("--unpinned", is_flag=True, help="Take inputs as they are now, changed since or not.")
@click.option("--yes", is_flag=True, help="Agree to run what is shown.")
@json_option
def rerun(
    file: Path,
    broker: str,
    settings: tuple[str, ...],
    inputs: tuple[str, ...],
    into: Path | None,
    unpinned: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Run the step that made FILE again: the same, with changes, or on other data.

    What will run, and how it differs, is shown first. It came out of a file,
    so a person has to agree: at the prompt or with --yes. Without consent
    nothing is run and the command ends with 7. Data that are not given anew
    must be what they were, or the step fails before it starts.

    Example: eb rerun catalogue.fits --set executable.environment.THRESHOLD=5 --yes
    """
    found = extract(file)
    record = read_record(found.text, found.place)
    planned = plan(record, settings=settings, inputs=pairs(inputs), pinned=not unpinned)
    click.echo("\n".join(_shown(str(file), planned)), err=True)
    if not (yes or _agrees(as_json=as_json)):
        raise SystemExit(Exit.CONSENT)
    errand = Errand(record.name, broker, into, as_json)
    captured = execute(planned.ready(), errand, based_on=planned.link)
    raise SystemExit(ended_well(captured))


def _agrees(*, as_json: bool) -> bool:
    if as_json or not sys.stdin.isatty():
        click.echo("nothing was run; add --yes to agree to the above", err=True)
        return False
    return click.confirm("Run it?", err=True)


def _shown(file: str, planned: Plan) -> list[str]:
    request = to_text(planned.request.neutral(), "yaml").rstrip()
    lines = [f"{plain(file)} asks to {planned.verb} this:"]
    lines += [f"  {plain(line)}" for line in request.split("\n")]
    lines += [f"differs: {plain(text)}" for text in _told(planned)] or ["differs: in nothing"]
    return [*lines, *(f"warning: {plain(text)}" for text in planned.warnings)]


def _told(planned: Plan) -> list[str]:
    """Return the differences, those of pins in a line each."""
    pins = [
        f"data[{data.name}] is pinned to the content that was recorded"
        for data in planned.request.data
        if data.checksum
    ]
    return [text for text in map(str, planned.differences) if ".checksum." not in text] + pins
