# SPDX-License-Identifier: Apache-2.0
"""`eb lineage`."""

import json
from collections.abc import Iterator
from pathlib import Path

import click

from provenance.cli.options import json_option, product_argument
from provenance.entries import Lineage
from provenance.errors import CanNotExportError, UnknownRecordError
from provenance.exports.write import placed
from provenance.ladder import climb
from provenance.picture.graph import graph_of_product
from provenance.picture.mermaid import mermaid
from provenance.picture.svg import svg
from provenance.plain import plain, short_digest
from provenance.record import StepRecord, read_record
from provenance.store import Store

_NOTHING = Lineage((), (), ())


@click.command()
@product_argument
@json_option
@click.option("--mermaid", "as_mermaid", is_flag=True, help="Print a flowchart as text of Mermaid.")
@click.option(
    "--svg", "picture", type=click.Path(dir_okay=False, path_type=Path), help="Draw it into a file."
)
@click.option("--force", is_flag=True, help="Replace the file of the picture, if it is there.")
def lineage(file: Path, as_json: bool, as_mermaid: bool, picture: Path | None, force: bool) -> None:
    """Follow FILE back, step by step, to the data it was made from.

    The file's own record gives the last step; those before it are known
    where they are recorded here.

    Example: eb lineage catalogue.fits --svg catalogue.svg
    """
    found = climb(file)
    store = Store()
    if picture is not None or as_mermaid:
        graph = graph_of_product(found, store)
        if picture is not None:
            _drawn(svg(graph, f"Lineage of {file.name}"), picture, force=force)
        if as_mermaid:
            click.echo(mermaid(graph), nl=False)
        return
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


def _drawn(text: str, path: Path, *, force: bool) -> None:
    """Write a picture; what is there is replaced, as a whole, only with ``force``.

    Raises
    ------
    click.BadParameter
        There is something, or nothing can be written there.
    """
    try:
        with placed(path, force=force) as file:
            file.write(text.encode())
    except CanNotExportError as reason:
        raise click.BadParameter(str(reason), param_hint="--svg") from reason


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
