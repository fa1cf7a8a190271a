# SPDX-License-Identifier: Apache-2.0
"""What a record adds to the report of its step, and the page of all records of a flow run."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from eb_prefect.reports.markdown import code, picture, plain, table, words
from eb_prefect.reports.report import MOST, More
from provenance.capture import Captured
from provenance.parts import Input, ProductEntry
from provenance.picture.graph import graph_of_records, steps_alone
from provenance.picture.svg import drawn
from provenance.plain import short_digest, size_text
from provenance.record import StepRecord

ROOM = 860
"""How wide a picture of a page is before it is turned, to be read."""

_WIDEST = 1.5 * ROOM
_WITH_DATA = "Boxes are steps and ellipses are data; arrows lead from what was used to what was made."
_WITHOUT = "Boxes are steps; arrows lead from each to those that used what it made. The data are left out."


def more(captured: Captured) -> More:
    """Return what a record adds to the report of its step."""
    paths = tuple(map(str, captured.products))
    return More((_record(captured), _inputs(captured.record.inputs)), tuple(_commands(paths)))


def unrecorded(reason: str) -> More:
    """Return what there is to say of a step that could not be recorded."""
    return More((f"### Record\n\nThe step is not recorded; a retry records it: {words(reason, 1000)}",))


def lineage_page(records: Sequence[StepRecord], name: str, left_out: int = 0) -> str:
    """Return the page of a flow run's records, with a picture of how their data hang together.

    Where there are too many data to be read, the picture is of the steps alone.
    """
    note = f"and {left_out} more steps of this flow run that are not shown" if left_out else ""
    graph, told = graph_of_records(records, note), _WITH_DATA
    shown = drawn(graph, f"Lineage of {name}", room=ROOM)
    if shown.width > _WIDEST:
        shown, told = drawn(steps_alone(graph), f"Lineage of {name}", room=ROOM), _WITHOUT
    rows = [_step(record) for record in records]
    steps = table(("step", "phase", "products", "record"), rows)
    parts = (f"## Lineage of {words(name)}", picture(shown.text, "Steps and their data"), told, steps, note)
    return "\n\n".join(filter(None, parts)) + "\n"


def _record(captured: Captured) -> str:
    record = captured.record
    rows = [["digest", code(record.digest)]]
    if link := record.based_on:
        rows.append([f"{words(link.verb)} of", code(link.record)])
    rows.extend(["product", code(path)] for path in captured.products[:MOST])
    if record.missing:
        rows.append(["not known", words(", ".join(record.missing))])
    if captured.unsigned:
        rows.append(["unsigned", words(captured.unsigned)])
    return f"### Record\n\n{table(('record', ''), rows)}"


def _inputs(inputs: Sequence[Input]) -> str:
    rows = [
        [
            words(one.name),
            "" if one.size is None else size_text(one.size),
            code(short_digest(one.file)) if one.file else "",
            code(f"{short_digest(one.made_by.record)} {one.made_by.product}") if one.made_by else "",
        ]
        for one in inputs[:MOST]
    ]
    return f"### Inputs\n\n{table(*_filled(('input', 'size', 'digest', 'made by'), rows))}" if rows else ""


def _filled(head: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """Return a table without the columns that no row has anything in."""
    kept = [place for place in range(len(head)) if any(row[place] for row in rows)]
    return [head[place] for place in kept], [[row[place] for place in kept] for row in rows]


def _commands(paths: Sequence[str]) -> Iterator[str]:
    for path in paths[:1]:
        named = shlex.quote(plain(path, 4096))
        yield f"eb show {named}"
        yield f"eb lineage {named}"
        yield f"eb rerun {named}"


def _step(record: StepRecord) -> list[str]:
    made = [_product(one) for one in record.products[:3]]
    rest = [f"and {len(record.products) - 3} more"] if record.products[3:] else []
    return [
        words(record.name),
        words(record.session.phase),
        ", ".join((*made, *rest)),
        code(short_digest(record.digest)),
    ]


def _product(one: ProductEntry) -> str:
    return words(Path(one.name).name, 60)
