# SPDX-License-Identifier: Apache-2.0
"""Options that several commands have."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from eb_prefect.errors import Fault, InvalidDocumentError

Command = Callable[..., Any]

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")

broker_option = click.option(
    "--broker", default="embedded", show_default=True, help="Where to run; embedded is this machine."
)

into_option = click.option(
    "--out",
    "into",
    type=click.Path(file_okay=False, path_type=Path),
    help="A directory to copy the products to; nothing in it is overwritten. "
    "They stay in the session's own directory otherwise.",
)


def edit_options(command: Command) -> Command:
    """Add ``--set`` and ``--input``."""
    setting = click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="PATH=VALUE",
        help="Change the request, e.g. executable.environment.SIGMA=3 or compute.cores.min=2.",
    )
    given = click.option(
        "--input", "inputs", multiple=True, metavar="NAME=FILE", help="Other data, a file or URL, by name."
    )
    return setting(given(command))


def pairs(given: Iterable[str]) -> dict[str, str]:
    """Return the values of ``--input`` by name.

    Raises
    ------
    InvalidDocumentError
        One of them is not NAME=FILE; all such are told.
    """
    return _split(given, "--input", "NAME=FILE")


def settings_of(given: Iterable[str]) -> dict[str, str]:
    """Return the values of ``--where`` by path.

    Raises
    ------
    InvalidDocumentError
        One of them is not PATH=VALUE; all such are told.
    """
    return _split(given, "--where", "PATH=VALUE")


def _split(given: Iterable[str], option: str, form: str) -> dict[str, str]:
    split = [text.partition("=") for text in given]
    wrong = [Fault(name, f"write it as {form}") for name, equals, value in split if not (equals and value)]
    if wrong:
        raise InvalidDocumentError(option, wrong)
    return {name: value for name, _, value in split}
