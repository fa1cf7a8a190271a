# SPDX-License-Identifier: Apache-2.0
"""`eb run`."""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import click

from eb_prefect.check import faults
from eb_prefect.edit import patch_of, patched
from eb_prefect.errors import InvalidRequestError
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.wire.document import read_request
from provenance.cli.chosen import Wish
from provenance.cli.execute import Errand, ended_well, execute
from provenance.cli.options import Name, choice_options, edit_options, into_option, json_option, pairs


@click.command()
@click.argument("request", type=click.File("rb"))
@choice_options
@edit_options
@into_option
@click.option("--name", type=Name(), help="The step's name; the request's own otherwise.")
@json_option
def run(
    request: BinaryIO,
    brokers: tuple[str, ...],
    policy: str,
    where: tuple[str, ...],
    settings: tuple[str, ...],
    inputs: tuple[str, ...],
    into: Path | None,
    name: str | None,
    as_json: bool,
) -> None:
    """Run REQUEST (a file, or - for standard input) and record the step in its products.

    Ends with 0 if the step COMPLETED, 1 if it FAILED or was CANCELLED, 3 if
    the broker makes no offer. Called again after an interruption it goes on
    with the same session.

    Example: eb run smooth.yaml --input frame=m31.fits --set executable.environment.SIGMA=3
    """
    wish = Wish.of(brokers, policy, where)
    wanted = usable(edited(read_request(request.read()), settings, inputs))
    title = name or wanted.name or Path(request.name).stem
    captured = execute(wanted, Errand(title, wish, into, as_json))
    raise SystemExit(ended_well(captured))


def edited(request: ExecutionRequest, settings: Iterable[str], inputs: Iterable[str]) -> ExecutionRequest:
    """Return the request with a person's changes."""
    return patched(request, patch_of(request, settings, pairs(inputs)))


def usable(request: ExecutionRequest) -> ExecutionRequest:
    """Return the request if a broker could run it.

    Raises
    ------
    InvalidRequestError
        It has faults; all of them are told.
    """
    if found := faults(request):
        raise InvalidRequestError("the request", found)
    return request
