# SPDX-License-Identifier: Apache-2.0
"""`eb lineage`."""

import json
from collections.abc import Iterator
from pathlib import Path

import click

from provenance.cli.options import json_option, product_argument
from provenance.cli.plain import plain, short_digest
from provenance.entries import Lineage
from provenance.errors import UnknownRecordError
from provenance.products.extract import extract
from provenance.record import StepRecord, read_record
from provenance.store import Store

_NOTHING = Lineage((), (), ())


@click.command()
@product_argument
@json_option
def lineage(file: Path, as_json: bool) -> None:
    """Follow FILE back, step by step, to the data it was made from.

    The file's own record gives the last step; those before it are known
    where they are recorded here.

    Example: eb lineage catalogue.fits
    """
    found = extract(file)
    store = Store()
    try:
        origins = store.ancestors(found.digest)
    except UnknownRecordError:
        origins = _NOTHING
    if as_json:
        click.echo(json.dumps({"path": found.path, "digest": found.digest, **_object(origins)}))
        return
    click.echo(f"{plain(found.path)} ({found.binding})")
    last = read_record(found.text, found.place)
    click.echo("\n".join(_Tree(store).lines(last, "")))


def _object(origins: Lineage) -> dict[str, object]:
    return {
        "records": [entry._asdict() for entry in origins.records],
        "unknown": list(origins.unknown),
        "steps": [step._asdict() for step in origins.steps],
    }


class _Tree:
    """Steps below the products they made, as lines of text; each step is told once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._told: set[str] = set()

    def lines(self, record: StepRecord, indent: str) -> Iterator[str]:
        again = " (see above)" if record.digest in self._told else ""
        phase = plain(record.session.phase)
        yield f"{indent}`- made by {plain(record.name)}, {phase}, record {short_digest(record.digest)}{again}"
        if again:
            return
        self._told.add(record.digest)
        indent += "   "
        for change in record.based_on.patch if record.based_on else ():
            yield f"{indent}|  changed {plain(change.get('path'))}: {plain(change.get('value', 'removed'))}"
        if record.based_on:
            yield f"{indent}|  {record.based_on.verb} of {short_digest(record.based_on.record)}"
        for data in record.inputs:
            digest = short_digest(data.checksum.value) if data.checksum else "no checksum"
            yield f"{indent}|- from {plain(data.name)} {plain(data.location or '')} ({digest})"
            if data.made_by is not None:
                yield from self._maker(data.made_by.record, indent + "|  ")

    def _maker(self, digest: str, indent: str) -> Iterator[str]:
        try:
            yield from self.lines(self._store.find(digest), indent)
        except UnknownRecordError:
            yield f"{indent}`- made by a step that is not recorded here, record {short_digest(digest)}"
