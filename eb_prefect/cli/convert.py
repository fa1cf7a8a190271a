# SPDX-License-Identifier: Apache-2.0
"""`eb convert`."""

import re
from typing import BinaryIO, NoReturn

import click

from eb_prefect.cli.source import NOT_EXPRESSIBLE, document_argument, lines, name_of, refuse, text_of
from eb_prefect.errors import Fault, InvalidDocumentError, NotExpressibleError
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.document import Inspected, inspect
from eb_prefect.wire.text import Format, to_text
from eb_prefect.wire.write import Style, Written, write

_TO = click.Choice([Dialect.A, Dialect.B1, Dialect.B2, Dialect.NEUTRAL], case_sensitive=False)
_NUMBER = re.compile(r"\[\d+\]")


@click.command()
@document_argument
@click.option("--to", "dialect", type=_TO, required=True, help="The dialect to write.")
@click.option("--inline-volumes", is_flag=True, help="Write A with its volumes in compute, as the seed did.")
@click.option("--lossy", is_flag=True, help="Allow what changes the form and not what runs.")
@click.option("--drop", multiple=True, metavar="FIELD", help="Leave this field out if the dialect lacks it.")
@click.option("--keep-unknown", is_flag=True, help="Write fields that no dialect is known to have.")
@click.option("--yaml", "form", flag_value="yaml", help="Write YAML; the default is what DOCUMENT is.")
@click.option("--json", "form", flag_value="json", help="Write JSON.")
def convert(  # noqa: PLR0913 -- one argument an option is click's way
    document: BinaryIO,
    *,
    dialect: str,
    inline_volumes: bool,
    lossy: bool,
    drop: tuple[str, ...],
    keep_unknown: bool,
    form: Format | None,
) -> None:
    """Write DOCUMENT in another dialect; - is standard input.

    DOCUMENT is a request, an offer set, a session or an update of any
    dialect, in JSON or YAML. Nothing is lost without a word: what the
    dialect has no place for ends the command with 3 and is named; what
    --lossy or --drop changed is told on standard error. Ends with 1 if
    DOCUMENT has faults, 2 if it can't be read.

    Example: eb convert request.yaml --to B2 --lossy
    """
    text = text_of(document)
    style = Style(inline_volumes, lossy, frozenset(drop), keep_unknown)
    try:
        written = _written(inspect(text), Dialect(dialect), style)
    except InvalidDocumentError as broken:
        refuse(name_of(document), broken)
    except NotExpressibleError as gaps:
        _explain(name_of(document), gaps, lossy=lossy)
    for note in written.notes:
        click.echo(f"note: {note}", err=True)
    form = form or ("json" if text.lstrip()[:1] == b"{" else "yaml")
    click.echo(to_text(written.document, form), nl=False)


def _written(seen: Inspected, dialect: Dialect, style: Style) -> Written:
    what = seen.recognised.document
    if seen.faults:
        raise InvalidDocumentError(f"the {what}", seen.faults)
    if seen.value is None:
        raise InvalidDocumentError(
            "the document", [Fault("", f"is a {what}, which all dialects write alike")]
        )
    return write(seen.value, what, dialect, style)


def _explain(name: str, gaps: NotExpressibleError, *, lossy: bool) -> NoReturn:
    told = [f"{name} can't be written in dialect {gaps.dialect}:", *lines(gaps.fields)]
    if not lossy and gaps.dialect != Dialect.A:
        told.append("--lossy gives a request's name to its executable and mounts a volume's data one by one.")
    fields = [_NUMBER.sub("", gap.path).removeprefix("offers.") for gap in gaps.fields]
    drops = " ".join(
        f"--drop {field}" for field, gap in zip(fields, gaps.fields, strict=True) if gap.path[-1:] != "]"
    )
    if drops:
        told.append(f"{drops} leaves out what is named so.")
    click.echo("\n".join(told), err=True)
    raise SystemExit(NOT_EXPRESSIBLE)
