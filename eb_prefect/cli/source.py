# SPDX-License-Identifier: Apache-2.0
"""The document that a command is given: a file, or standard input."""

from typing import BinaryIO, NoReturn

import click

from eb_prefect.errors import Fault, InvalidDocumentError, UnreadableDocumentError
from eb_prefect.wire.limits import MAX_BYTES

FAULTS = 1
UNREADABLE = 2
NOT_EXPRESSIBLE = 3

document_argument = click.argument("document", type=click.File("rb"))


def name_of(document: BinaryIO) -> str:
    """Return what to call the document."""
    name = getattr(document, "name", None)
    return name if isinstance(name, str) and name != "<stdin>" else "standard input"


def text_of(document: BinaryIO) -> bytes:
    """Return the bytes of the document, and not more than tell that it is too large."""
    return document.read(MAX_BYTES + 1)


def exit_code(error: InvalidDocumentError) -> int:
    """Return what a command ends with that was given such a document."""
    return UNREADABLE if isinstance(error, UnreadableDocumentError) else FAULTS


def refuse(name: str, error: InvalidDocumentError) -> NoReturn:
    """Say on standard error why the document can't be used, and end the command."""
    click.echo("\n".join([f"{name} can't be used:", *lines(error.faults)]), err=True)
    raise SystemExit(exit_code(error))


def lines(faults: tuple[Fault, ...], level: str = "") -> list[str]:
    """Return a line for each fault."""
    return [f"  {level}{fault}" for fault in faults]
