# SPDX-License-Identifier: Apache-2.0
"""`eb validate`."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
from prov.model import ProvDocument

from provenance.cli.exits import Exit
from provenance.cli.options import json_option, product_argument
from provenance.constraints.check import violations
from provenance.constraints.violation import Violation
from provenance.documents import Syntax, parsed_document, read_document, syntax_of
from provenance.ladder import climb
from provenance.plain import plain
from provenance.products import sidecar
from provenance.products.extract import reading
from provenance.record import read_record
from provenance.w3c import document


class _Read(NamedTuple):
    """A document, and where it was found."""

    document: ProvDocument
    place: str


@click.command()
@product_argument
@json_option
@click.option("--no-clocks", is_flag=True, help="Leave out times that contradict the order of events.")
@click.option("--large", is_flag=True, help="Read a document of any size: FILE is to be trusted.")
def validate(file: Path, as_json: bool, no_clocks: bool, large: bool) -> None:
    """Tell whether what FILE says is valid by W3C PROV-CONSTRAINTS.

    FILE is a document in PROV-JSON, PROV-XML or PROV-N, or a product, of
    which the record is looked at. Ends with 0 if it is valid, 1 if it is not.

    Example: eb validate catalogue.fits
    """
    logging.getLogger("prov").addHandler(logging.NullHandler())  # what it would say of a stranger's text
    read = _read(file, large=large)
    found = violations(read.document, clocks=not no_clocks)
    click.echo(
        json.dumps(_object(file, read, found), indent=2) if as_json else "\n".join(_report(read, found))
    )
    if found:
        raise SystemExit(Exit.NO)


def _read(file: Path, *, large: bool) -> _Read:
    syntax = syntax_of(file)
    if syntax is not None:
        return _Read(read_document(file, syntax, large=large), f"{file}, {syntax.label}")
    embedded = reading(file, check=False).contents.embedded or sidecar.read(file)
    if embedded is None:
        found = climb(file)
        return _Read(document(read_record(found.text, found.place)), found.place)
    where = f"{file}, {embedded.place}"
    return _Read(parsed_document(embedded.document.encode("utf-8", "replace"), Syntax.JSON, where), where)


def _count(read: ProvDocument) -> int:
    return sum(len(list(one.get_records())) for one in (read, *read.bundles))


def _object(file: Path, read: _Read, found: tuple[Violation, ...]) -> dict[str, object]:
    return {
        "path": str(file),
        "place": read.place,
        "valid": not found,
        "records": _count(read.document),
        "violations": [one._asdict() for one in found],
    }


def _report(read: _Read, found: tuple[Violation, ...]) -> Iterator[str]:
    verdict = f"not valid, {len(found)} violations" if found else "valid"
    yield f"{plain(read.place)}: {verdict}, of {_count(read.document)} records"
    for one in found:
        rule = f"constraint {one.constraint}, {one.name}" if one.constraint else one.name
        bundle = f", in the bundle {plain(one.bundle)}" if one.bundle else ""
        clock = ", by the clock" if one.by_clock else ""
        yield f"  {rule}{clock}{bundle}: {plain(one.sentence)}"
        yield from (f"    {plain(record)}" for record in one.records)
