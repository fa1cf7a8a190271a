# SPDX-License-Identifier: Apache-2.0
"""`eb export`."""

import sys
from pathlib import Path

import click

from provenance.cli.options import product_argument
from provenance.errors import UnknownRecordError
from provenance.exports.crate import pack
from provenance.exports.export import FORMATS, exported
from provenance.exports.story import Story
from provenance.exports.write import placed
from provenance.ladder import climb
from provenance.plain import plain
from provenance.products.found import Binding, Found
from provenance.record import StepRecord, read_record
from provenance.store import Store

_FORMATS = "\n".join(f"  {name:<13} {form.about}" for name, form in FORMATS.items())


@click.command(epilog=f"\b\nFormats:\n{_FORMATS}")
@product_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    required=True,
    metavar="NAME",
    help="The format, one of those below.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Where to write to, instead of here.")
@click.option("--lineage", is_flag=True, help="Also the steps before, as far as they are recorded here.")
@click.option("--no-data", is_flag=True, help="Of an RO-Crate only its metadata, without the file.")
@click.option("--force", is_flag=True, help="Replace the file that is at --out.")
def export(file: Path, form: str, out: Path | None, lineage: bool, no_data: bool, force: bool) -> None:
    """Write how FILE was made in a form that others read.

    An RO-Crate with its file needs --out: a directory, or a name that ends
    in .zip. Nothing that is there is overwritten without --force.

    Example: eb export catalogue.fits --format ro-crate --out catalogue.zip
    """
    story = _story(file, lineage=lineage)
    if form == "ro-crate" and not no_data:
        if out is None:
            raise click.UsageError("an RO-Crate with its file needs --out; or give --no-data")
        pack(story, out, force=force)
        return
    text = exported(story, form)
    if out is None:
        _shown(text)
        return
    with placed(out, force=force) as target:
        target.write(text)


def _story(file: Path, *, lineage: bool) -> Story:
    found = climb(file)
    record = read_record(found.text, found.place)
    if found.binding not in (Binding.BOUND, Binding.UNCHECKED):
        click.echo(f"{plain(file)} is {found.binding}: the record is of what it was", err=True)
    carrier = str(found.product["name"]) if found.product and "name" in found.product else None
    at_hand = file if _is_product(found) else None
    return Story(record, _before(record) if lineage else (), carrier, at_hand)


def _is_product(found: Found) -> bool:
    """Whether the file is still the product, so that it may be said to be what the step made."""
    return found.product is not None and found.binding is not Binding.TAMPERED


def _before(record: StepRecord) -> tuple[StepRecord, ...]:
    store = Store()
    try:
        known = store.ancestors(record.digest)
    except UnknownRecordError:
        click.echo("the steps before are not recorded here", err=True)
        return ()
    if known.unknown:
        click.echo(f"{len(known.unknown)} of the steps before are not recorded here", err=True)
    return tuple(store.find(one.digest) for one in known.records if one.digest != record.digest)


def _shown(text: bytes) -> None:
    """Write it to the standard output; where that is a terminal, without what could command it."""
    if sys.stdout.isatty():
        click.echo("\n".join(map(plain, text.decode().split("\n"))), nl=False)
        return
    sys.stdout.buffer.write(text)
