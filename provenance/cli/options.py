# SPDX-License-Identifier: Apache-2.0
"""Arguments and options that several commands have."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from eb_prefect.errors import Fault, InvalidDocumentError
from provenance.plain import plain

Command = Callable[..., Any]


class ProductFile(click.Path):
    """A file or a directory that is there, or a URL; to open a pipe would be to wait for its writer."""

    def __init__(self) -> None:
        super().__init__(exists=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; what a URL leads to is as a path to those who read it."""
        there = _of_url(os.fsdecode(value))
        if there is not None and not isinstance(there, Path):
            return there
        path = Path(os.fsdecode(super().convert(there or value, param, ctx)))
        if not (path.is_file() or path.is_dir()):
            self.fail(f"{click.format_filename(value)!r} is no regular file or directory.", param, ctx)
        return path if path.name not in {"", ".."} else path.resolve()


def _of_url(given: str) -> Path | None:
    if "://" not in given:
        return None
    from provenance.products.remote import product  # noqa: PLC0415 -- only what is elsewhere pays for it

    return product(given)


class OutDirectory(click.Path):
    """A directory that is there or can be made, known before anything is run."""

    def __init__(self) -> None:
        super().__init__(file_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        there = next(each for each in (path.absolute(), *path.absolute().parents) if os.path.lexists(each))
        if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
            self.fail(f"nothing can be written to {click.format_filename(there)!r}.", param, ctx)
        return path


class Name(click.ParamType[str]):
    """A name that can be told in one line of text."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name."""
        if not str(value).isprintable():
            self.fail(f"{plain(value)!r} has characters that can't be printed.", param, ctx)
        return str(value)


product_argument = click.argument("file", type=ProductFile())

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")

broker_option = click.option(
    "--broker",
    "brokers",
    multiple=True,
    metavar="NAME",
    help="Where to run: embedded (this machine), slurm (its cluster), the URL of a broker, a name in the "
    "configuration, or execution-broker/NAME for a Prefect block; of several, the best offer is taken.  "
    "[default: the configuration's, else embedded]",
)

where_option = click.option(
    "--broker",
    "brokers",
    multiple=True,
    metavar="NAME",
    help="The broker that has the session, as in eb run; of several, each is asked.  "
    "[default: the configuration's, else embedded]",
)

into_option = click.option(
    "--out",
    "into",
    type=OutDirectory(),
    help="A directory to copy the products to; nothing in it is overwritten. "
    "They stay in the session's own directory otherwise.",
)


def choice_options(command: Command) -> Command:
    """Add ``--broker``, ``--policy`` and ``--where`` for offers."""
    policy = click.option(
        "--policy",
        default="first",
        show_default=True,
        help="Which offer is the best: first, cheapest, greenest, fastest, soonest, nearest, "
        "or weights such as monetary:1,carbon:0.02.",
    )
    where = click.option(
        "--where",
        "where",
        multiple=True,
        metavar="CONSTRAINT",
        help="Only offers that meet this, e.g. 'monetary <= 0.5' or 'start <= PT1H'.",
    )
    return broker_option(policy(where(command)))


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
