# SPDX-License-Identifier: Apache-2.0
"""All records of this user, findable by digest, content, time and parameter."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Select, Table, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DatabaseError

from eb_prefect.home import home
from provenance.database import opened, transaction
from provenance.diff import flat
from provenance.entries import ALL, Entry, Lineage, Wanted
from provenance.errors import StoreError, UnknownRecordError
from provenance.lineage import lineage
from provenance.parts import Maker
from provenance.record import StepRecord, read_record
from provenance.schema import inputs, links, parameters, products, records, secrets, things

_PARAMETERS = 64
_VALUE_LIMIT = 1000


_stores: dict[Path, "Store"] = {}


def default_store() -> "Store":
    """Return this user's store; one object, and so one connection, a process."""
    path = home() / "records.db"
    return _stores.setdefault(path, Store(path))


class Store:
    """Records in an SQLite database that any number of processes may use at once.

    Each method is one transaction: done as a whole, or not at all. Records
    are never changed or removed. Every method raises `StoreError` where the
    database can't be used.

    Parameters
    ----------
    path
        The database; ``records.db`` in this user's home by default. It is
        made, for this user's eyes only, when it is first used.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or home() / "records.db"
        self._engine: Engine | None = None

    def close(self) -> None:
        """Let go of the database; the store can be used again."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def add(self, record: StepRecord, *, taken_out: Mapping[str, str] | None = None) -> bool:
        """Keep a record, and say whether it is new.

        ``taken_out`` are the digests of the secrets that are not in it, by
        path. They stay here. A second call changes nothing.
        """
        with self._db(write=True) as db:
            number = _interned(db, [record.digest])[record.digest]
            kept = db.execute(insert(records).values(_row(record, number)).on_conflict_do_nothing())
            if kept.rowcount == 0:
                return False
            _index(db, number, record)
            _insert(
                db,
                secrets,
                [{"record": number, "path": p, "digest": d} for p, d in (taken_out or {}).items()],
            )
            return True

    def located(self, digest: str, files: Mapping[str, tuple[Path, str | None]]) -> None:
        """Keep where the files of a record's products are, and the digest of each as a whole.

        Raises
        ------
        UnknownRecordError
            The store does not have the record.
        """
        with self._db(write=True) as db:
            record = _number(db, digest)
            whole = _interned(db, [file for _, file in files.values() if file])
            for name, (path, file) in files.items():
                one = products.update().where(products.c.record == record, products.c.name == name)
                db.execute(one.values(path=_as_text(path), file=whole.get(file or "")))
            _insert(db, links, [{"child": file, "parent": record, "kind": "made"} for file in whole.values()])

    def find(self, digest: str) -> StepRecord:
        """Return the record of that digest.

        Raises
        ------
        UnknownRecordError
            The store does not have it.
        """
        with self._db() as db:
            text = db.scalar(select(records.c.text).join(things).where(things.c.name == digest))
        if text is None:
            raise UnknownRecordError(digest)
        return read_record(text, str(self.path))

    def of_session(self, broker: str, session: str) -> StepRecord | None:
        """Return the record of a broker's session, if it has been captured."""
        wanted = select(records.c.text).where(records.c.session == session, records.c.broker == broker)
        with self._db() as db:
            text = db.scalar(wanted.order_by(records.c.id).limit(1))
        return None if text is None else read_record(text, str(self.path))

    def by_content(self, digest: str) -> tuple[Maker, ...]:
        """Return who made a content, or a whole file, of that digest; the latest first."""
        this = select(things.c.id).where(things.c.name == digest).scalar_subquery()
        query = (
            select(things.c.name, products.c.name)
            .join(records, records.c.id == products.c.record)
            .join(things, things.c.id == records.c.id)
            .where((products.c.content == this) | (products.c.file == this))
            .order_by(records.c.made.desc(), records.c.id.desc())
        )
        with self._db() as db:
            return tuple(Maker(record=record, product=name) for record, name in db.execute(query))

    def taken_out(self, digest: str) -> dict[str, str]:
        """Return the digests of the secrets that are not in a record, by path.

        Raises
        ------
        UnknownRecordError
            The store does not have the record.
        """
        with self._db() as db:
            query = select(secrets.c.path, secrets.c.digest).where(secrets.c.record == _number(db, digest))
            return {path: secret for path, secret in db.execute(query)}  # noqa: C416 -- rows are no pairs to mypy

    def history(self, wanted: Wanted = ALL, *, limit: int = 50) -> tuple[Entry, ...]:
        """Return the records that are wanted, newest first."""
        query = select(things.c.name, *(records.c[name] for name in Entry._fields[1:])).join(records)
        query = _filtered(query, wanted).order_by(records.c.made.desc(), records.c.id.desc()).limit(limit)
        with self._db() as db:
            return tuple(Entry(*row) for row in db.execute(query))

    def ancestors(self, digest: str) -> Lineage:
        """Return all that a record, or a content, comes from, itself included.

        Raises
        ------
        UnknownRecordError
            The store knows nothing of that digest.
        """
        with self._db() as db:
            return lineage(db, _number(db, digest), up=True)

    def descendants(self, digest: str) -> Lineage:
        """Return all that came of a record, or a content, itself included.

        Raises
        ------
        UnknownRecordError
            The store knows nothing of that digest.
        """
        with self._db() as db:
            return lineage(db, _number(db, digest), up=False)

    @contextmanager
    def _db(self, *, write: bool = False) -> Iterator[Connection]:
        try:
            if self._engine is None:
                self._engine = opened(self.path)
            with transaction(self._engine, write=write) as db:
                yield db
        except DatabaseError as reason:
            raise StoreError(self.path, str(reason.orig)) from reason
        except OSError as reason:
            raise StoreError(self.path, reason.strerror or str(reason)) from reason


def _interned(db: Connection, names: Iterable[str]) -> dict[str, int]:
    """Return the number of each name, given now to those that have none."""
    wanted = sorted(set(names))
    if not wanted:
        return {}
    _insert(db, things, [{"name": name} for name in wanted])
    found = db.execute(select(things.c.name, things.c.id).where(things.c.name.in_(wanted)))
    return {row.name: row.id for row in found}


def _insert(db: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        db.execute(insert(table).on_conflict_do_nothing(), rows)


def _as_text(path: Path) -> str:
    """Return the path as text; bytes that are no UTF-8 are shown as escapes."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _number(db: Connection, digest: str) -> int:
    number: int | None = db.scalar(select(things.c.id).where(things.c.name == digest))
    if number is None:
        raise UnknownRecordError(digest)
    return number


def _row(record: StepRecord, number: int) -> dict[str, Any]:
    known = record.ended or record.started or record.session.modified or record.session.created
    return {
        "id": number,
        "text": record.text,
        "name": record.name,
        "phase": str(record.session.phase),
        "broker": record.broker.name,
        "session": record.session.uuid,
        "request": record.request_digest,
        "made": _time(known or datetime.now(UTC)),
    }


def _time(moment: datetime) -> str:
    """Return the moment as text that sorts as moments do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _index(db: Connection, number: int, record: StepRecord) -> None:
    """Keep what a record can be found by."""
    files = {data.name: data.file for data in record.inputs}
    made_by = [data.made_by.record for data in record.inputs if data.made_by]
    contents = [product.content for product in record.products if product.content]
    based_on = [record.based_on.record] if record.based_on else []
    at = _interned(db, [*filter(None, files.values()), *made_by, *contents, *based_on])
    told = [
        {"record": number, "name": one.name, "content": at.get(one.content or "")} for one in record.products
    ]
    _insert(db, products, told)
    read = [
        {"record": number, "name": one.name, "file": at.get(files[one.name] or ""), "location": one.location}
        for one in record.inputs
    ]
    _insert(db, inputs, read)
    leaves = list(flat(record.request.neutral()).items())[:_PARAMETERS] if record.request else []
    _insert(
        db,
        parameters,
        [{"record": number, "path": path, "value": str(value)[:_VALUE_LIMIT]} for path, value in leaves],
    )
    unknown = [at[file] for one in record.inputs if not one.made_by and (file := files[one.name])]
    up = [(number, at[one], "used") for one in made_by]
    up += [(number, at[one], "based_on") for one in based_on]
    up += [(number, file, "read") for file in unknown]
    up += [(at[one], number, "made") for one in contents]
    _insert(db, links, [{"child": child, "parent": parent, "kind": kind} for child, parent, kind in up])


def _filtered(query: Select[Any], wanted: Wanted) -> Select[Any]:
    if wanted.name is not None:
        query = query.where(records.c.name == wanted.name)
    if wanted.phase is not None:
        query = query.where(records.c.phase == wanted.phase)
    if wanted.since is not None:
        query = query.where(records.c.made >= _time(wanted.since))
    if wanted.until is not None:
        query = query.where(records.c.made < _time(wanted.until))
    for path, value in wanted.settings.items():
        having = select(parameters.c.record).where(parameters.c.path == path, parameters.c.value == value)
        query = query.where(records.c.id.in_(having))
    return query
