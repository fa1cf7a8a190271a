# SPDX-License-Identifier: Apache-2.0
"""Walk over the links between records in the database.

A link leads from what came later to what it came from: a record to a record
(``used``, ``based_on``), a record to the digest of a file that it read
(``read``), and that digest to the record of the step that made it
(``made``).
"""

from sqlalchemy import CTE, Connection, Row, select

from provenance.entries import Entry, Lineage, Step
from provenance.schema import links, records, things

_BETWEEN_RECORDS = frozenset(("used", "based_on"))


def lineage(db: Connection, start: int, *, up: bool) -> Lineage:
    """Return all that is reached from a thing, itself included: upwards its origins, else what came of it."""
    reached = _reached(start, up=up)
    entries = _entries(db, reached)
    known = {number: entry.digest for number, entry in entries}
    found = _links(db, reached)
    names = {row.child: row.child_name for row in found} | {row.parent: row.parent_name for row in found}
    unknown = {row.parent for row in found if row.kind in _BETWEEN_RECORDS and row.parent not in known}
    return Lineage(
        tuple(entry for _, entry in entries),
        tuple(sorted(names[number] for number in unknown)),
        tuple(dict.fromkeys(_steps(found, names, set(known) | unknown))),
    )


def _reached(start: int, *, up: bool) -> CTE:
    """Return the numbers of all that is reached; UNION, so each is visited once."""
    here, there = (links.c.child, links.c.parent) if up else (links.c.parent, links.c.child)
    reached = select(things.c.id).where(things.c.id == start).cte("reached", recursive=True)
    return reached.union(select(there).join(reached, here == reached.c.id))


def _entries(db: Connection, reached: CTE) -> list[tuple[int, Entry]]:
    query = (
        select(
            records.c.id,
            things.c.name,
            records.c.name,
            records.c.phase,
            records.c.broker,
            records.c.session,
            records.c.made,
        )
        .join(things, things.c.id == records.c.id)
        .join(reached, reached.c.id == records.c.id)
        .order_by(records.c.made.desc(), records.c.id.desc())
    )
    return [(number, Entry(*row)) for number, *row in db.execute(query)]


def _links(db: Connection, reached: CTE) -> list[Row[tuple[int, int, str, str, str]]]:
    child, parent = things.alias("a_child"), things.alias("a_parent")
    other = reached.alias("also_reached")
    query = (
        select(
            links.c.child,
            links.c.parent,
            links.c.kind,
            child.c.name.label("child_name"),
            parent.c.name.label("parent_name"),
        )
        .join(reached, reached.c.id == links.c.child)
        .join(other, other.c.id == links.c.parent)
        .join(child, child.c.id == links.c.child)
        .join(parent, parent.c.id == links.c.parent)
    )
    return list(db.execute(query))


def _steps(
    found: list[Row[tuple[int, int, str, str, str]]], names: dict[int, str], steps: set[int]
) -> list[Step]:
    """Return the links between records; what was read and what was made meet in the file between them."""
    direct = [
        Step(names[row.child], names[row.parent], row.kind) for row in found if row.kind in _BETWEEN_RECORDS
    ]
    makers: dict[int, list[int]] = {}
    for row in found:
        if row.kind == "made":
            makers.setdefault(row.child, []).append(row.parent)
    through = [
        Step(names[row.child], names[maker], "used")
        for row in found
        if row.kind == "read"
        for maker in makers.get(row.parent, ())
        if maker in steps and maker != row.child
    ]
    return direct + through
