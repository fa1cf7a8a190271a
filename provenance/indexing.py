# SPDX-License-Identifier: Apache-2.0
"""Write a record into the tables, with all that it can be found by.

Most of the time of a short write is that of building its SQL, so each
statement is written once; what runs is the driver's own.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect, Table, bindparam
from sqlalchemy.dialects import postgresql, sqlite

from provenance.diff import flat
from provenance.record import StepRecord
from provenance.schema import inputs, links, parameters, products, records, secrets, things

_PARAMETERS = 64
_VALUE_LIMIT = 1000
_NAMES_AT_ONCE = 500

Row = Mapping[str, Any]


def kept(db: Connection, record: StepRecord, taken_out: Mapping[str, str]) -> bool:
    """Write a record and say whether it is new; one that is there is left as it is."""
    at = interned(db, [record.digest, *_digests(record)])
    number = at[record.digest]
    if not insert_rows(db, records, [_row(record, number)]):
        return False
    for table, rows in _index(number, record, at).items():
        insert_rows(db, table, rows)
    insert_rows(db, secrets, [{"record": number, "path": path, "digest": d} for path, d in taken_out.items()])
    return True


def interned(db: Connection, names: Iterable[str]) -> dict[str, int]:
    """Return the number of each name, given now to those that have none."""
    wanted = sorted(set(names))
    insert_rows(db, things, [{"name": name} for name in wanted])
    found: dict[str, int] = {}
    for start in range(0, len(wanted), _NAMES_AT_ONCE):
        some = wanted[start : start + _NAMES_AT_ONCE]
        marks = ",".join([_DIALECTS[db.dialect.name].mark] * len(some))
        query = f"SELECT name, id FROM things WHERE name IN ({marks})"  # noqa: S608 -- marks only
        found.update((name, number) for name, number in db.exec_driver_sql(query, tuple(some)))
    return found


def insert_rows(db: Connection, table: Table, rows: Sequence[Row]) -> int:
    """Write rows that have the same columns, but for those that are there; return how many were written."""
    if not rows:
        return 0
    sql, order = _insert_of(db.dialect.name, table.name, tuple(rows[0]))
    values = [tuple(row[name] for name in order) for row in rows]
    return db.exec_driver_sql(sql, values if len(values) > 1 else values[0]).rowcount


class _SQL(NamedTuple):
    text: str
    order: tuple[str, ...]


class _Speech(NamedTuple):
    """How a kind of database wants rows to be written, and what stands for a value."""

    dialect: Dialect
    insert: Callable[[Table], Any]
    mark: str


_DIALECTS = {
    "sqlite": _Speech(sqlite.dialect(), sqlite.insert, "?"),
    "postgresql": _Speech(postgresql.dialect(paramstyle="format"), postgresql.insert, "%s"),  # type: ignore[no-untyped-call]
}


@cache
def _insert_of(kind: str, name: str, columns: tuple[str, ...]) -> _SQL:
    speech = _DIALECTS[kind]
    statement = speech.insert(things.metadata.tables[name]).on_conflict_do_nothing().inline()
    written = statement.values({column: bindparam(column) for column in columns})
    compiled = written.compile(dialect=speech.dialect)
    return _SQL(str(compiled), tuple(compiled.positiontup or ()))


def time_text(moment: datetime) -> str:
    """Return the moment as text that sorts as moments do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _row(record: StepRecord, number: int) -> Row:
    known = record.ended or record.started or record.session.modified or record.session.created
    return {
        "id": number,
        "text": record.text,
        "name": record.name,
        "phase": str(record.session.phase),
        "broker": record.broker.name,
        "session": record.session.uuid,
        "request": record.request_digest,
        "made": time_text(known or datetime.now(UTC)),
    }


def _digests(record: StepRecord) -> Iterable[str]:
    """Yield the name of whatever the record speaks of."""
    for data in record.inputs:
        if data.file:
            yield data.file
        if data.made_by:
            yield data.made_by.record
    yield from (product.content for product in record.products if product.content)
    if record.based_on:
        yield record.based_on.record


def _index(number: int, record: StepRecord, at: dict[str, int]) -> dict[Table, list[Row]]:
    """Return the rows that a record is found by, for each table."""
    leaves = list(flat(record.request.neutral()).items())[:_PARAMETERS] if record.request else []
    return {
        products: [
            {"record": number, "name": one.name, "content": at.get(one.content or "")}
            for one in record.products
        ],
        inputs: [
            {"record": number, "name": one.name, "file": at.get(one.file or ""), "location": one.location}
            for one in record.inputs
        ],
        parameters: [
            {"record": number, "path": path, "value": str(value)[:_VALUE_LIMIT].replace("\0", "\ufffd")}
            for path, value in leaves
        ],
        links: [
            {"child": child, "parent": parent, "kind": kind}
            for child, parent, kind in _links(number, record, at)
        ],
    }


def _indexed(value: object) -> str:
    """Return a value as text to look for; a server's text has no NUL."""
    return str(value)[:_VALUE_LIMIT].replace("\0", "\N{REPLACEMENT CHARACTER}")


def _links(number: int, record: StepRecord, at: dict[str, int]) -> Iterable[tuple[int, int, str]]:
    for data in record.inputs:
        if data.made_by:
            yield number, at[data.made_by.record], "used"
        elif data.file:
            yield number, at[data.file], "read"
    if record.based_on:
        yield number, at[record.based_on.record], "based_on"
    for product in record.products:
        if product.content:
            yield at[product.content], number, "made"
