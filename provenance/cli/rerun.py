# SPDX-License-Identifier: Apache-2.0
"""`eb rerun`."""

from pathlib import Path

import click

from provenance.cli.chosen import Wish
from provenance.cli.consent import agrees, shown
from provenance.cli.execute import Errand, ended_well, execute
from provenance.cli.options import (
    choice_options,
    edit_options,
    into_option,
    json_option,
    pairs,
    product_argument,
)
from provenance.ladder import climb
from provenance.policy import policy as own_policy
from provenance.record import read_record
from provenance.rerun import plan
from provenance.trust import judged, released


@click.command()
@product_argument
@choice_options
@edit_options
@into_option
@click.option("--unpinned", is_flag=True, help="Take inputs as they are now, changed since or not.")
@click.option("--yes", is_flag=True, help="Agree to run what is shown, unless the policy forbids it.")
@click.option(
    "--even-tampered", is_flag=True, help="Agree that the record or the file is not what it was, too."
)
@json_option
def rerun(
    file: Path,
    brokers: tuple[str, ...],
    policy: str,
    where: tuple[str, ...],
    settings: tuple[str, ...],
    inputs: tuple[str, ...],
    into: Path | None,
    unpinned: bool,
    yes: bool,
    even_tampered: bool,
    as_json: bool,
) -> None:
    """Run the step that made FILE again: the same, with changes, or on other data.

    What will run, and how it differs, is shown first. It came out of a file,
    so a person has to agree: at the prompt or with --yes, and as policy.toml
    says. Without consent nothing is run and the command ends with 7. Data that are not given anew
    must be what they were, or the step fails before it starts.

    Example: eb rerun catalogue.fits --set executable.environment.THRESHOLD=5 --yes
    """
    wish = Wish.of(brokers, policy, where)
    rules = own_policy()
    found = climb(file)
    record = read_record(found.text, found.place)
    planned = plan(record, settings=settings, inputs=pairs(inputs), pinned=not unpinned)
    verdict = judged(found, planned, rules)
    click.echo("\n".join(shown(found, planned, verdict, wish.places)), err=True)
    request = released(
        verdict, planned, agree=lambda: agrees(yes=yes, as_json=as_json), even_tampered=even_tampered
    )
    errand = Errand(record.name, wish, into, as_json)
    captured = execute(request, errand, based_on=planned.link)
    raise SystemExit(ended_well(captured))
