# SPDX-License-Identifier: Apache-2.0
"""All records of this user, findable by digest, content, time and parameter."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select

from eb_prefect.home import records as records_place
from provenance.database import Database, database, shown, told
from provenance.entries import ALL, Entry, Lineage, Wanted
from provenance.errors import UnknownRecordError
from provenance.indexing import insert_rows, interned, kept, time_text
from provenance.lineage import lineage
from provenance.parts import Maker
from provenance.record import StepRecord, read_record
from provenance.schema import links, parameters, products, records, secrets, signatures, things

_NUMBER = select(things.c.id).where(things.c.name == bindparam("name"))
_OF_SESSION = (
    select(records.c.text)
    .where(records.c.session == bindparam("session"), records.c.broker == bindparam("broker"))
    .order_by(records.c.id)
    .limit(1)
)
_SIGNATURES = (
    select(signatures.c.text)
    .join(things, things.c.id == signatures.c.record)
    .where(things.c.name == bindparam("name"))
    .order_by(signatures.c.key)
)
_LOCATED = (
    products.update()
    .where(products.c.record == bindparam("of"), products.c.name == bindparam("called"))
    .values(path=bindparam("path"), file=bindparam("file"))
)
"""What each capture asks is put together once."""

_stores: dict[Path | str, "Store"] = {}


def default_store() -> "Store":
    """Return this user's store; one object, and so one connection, a process."""
    place = records_place()
    return _stores.setdefault(place, Store(place))


class Store:
    """Records in a database that any number of processes may use at once.

    Each method is one transaction: done as a whole, or not at all. Records
    are never changed or removed. Every method raises `StoreError` where the
    database can't be used.

    Parameters
    ----------
    place
        The path of an SQLite database on this machine, or the URL of one on a
        PostgreSQL server (``postgresql://...``), which machines share;
        `eb_prefect.home.records` by default. It is made when it is first used, a file for
        this user's eyes only.
    """

    def __init__(self, place: Path | str | None = None) -> None:
        self.place = place or records_place()
        self._database: Database | None = None

    @property
    def name(self) -> str:
        """Where it is, without a password."""
        return shown(self.place)

    def close(self) -> None:
        """Let go of the database; the store can be used again."""
        if self._database is not None:
            self._database.close()

    def add(self, record: StepRecord, *, taken_out: Mapping[str, str] | None = None) -> bool:
        """Keep a record, and say whether it is new.

        ``taken_out`` are the digests of the secrets that are not in it, by
        path. They stay here. A second call changes nothing.
        """
        with self._db(write=True) as db:
            return kept(db, record, taken_out or {})

    def located(self, digest: str, files: Mapping[str, tuple[Path, str | None]]) -> None:
        """Keep where the files of a record's products are, and the digest of each as a whole.

        A loss of power right afterwards may undo it; a second capture does it again.

        Raises
        ------
        UnknownRecordError
            The store does not have the record.
        """
        with self._db(write=True, durable=False) as db:
            record = _number(db, digest)
            whole = interned(db, [file for _, file in files.values() if file])
            places = [
                {"of": record, "called": name, "path": _as_text(path), "file": whole.get(file or "")}
                for name, (path, file) in files.items()
            ]
            if places:
                db.execute(_LOCATED, places)
            made = [{"child": file, "parent": record, "kind": "made"} for file in whole.values()]
            insert_rows(db, links, made)

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
        return read_record(text, self.name)

    def of_session(self, broker: str, session: str) -> StepRecord | None:
        """Return the record of a broker's session, if it has been captured."""
        with self._db() as db:
            text = db.scalar(_OF_SESSION, {"session": session, "broker": broker})
        return None if text is None else read_record(text, self.name)

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

    def sign(self, digest: str, key: str, text: str) -> None:
        """Keep a signature of a record, by the fingerprint of its key; one a key, the first.

        Raises
        ------
        UnknownRecordError
            The store does not have the record.
        """
        with self._db(write=True) as db:
            insert_rows(db, signatures, [{"record": _number(db, digest), "key": key, "text": text}])

    def signatures(self, digest: str) -> tuple[str, ...]:
        """Return the signatures of a record that are kept here; none of one that is not."""
        with self._db() as db:
            return tuple(db.scalars(_SIGNATURES, {"name": digest}))

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
    def _db(self, *, write: bool = False, durable: bool = True) -> Iterator[Connection]:
        with told(self.place):
            if self._database is None:
                self._database = database(self.place)
            with self._database.transaction(write=write, durable=durable) as db:
                yield db


def _as_text(path: Path) -> str:
    """Return the path as text; bytes that are no UTF-8 are shown as escapes."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _number(db: Connection, digest: str) -> int:
    number: int | None = db.scalar(_NUMBER, {"name": digest})
    if number is None:
        raise UnknownRecordError(digest)
    return number


def _filtered(query: Select[Any], wanted: Wanted) -> Select[Any]:
    if wanted.name is not None:
        query = query.where(records.c.name == wanted.name)
    if wanted.phase is not None:
        query = query.where(records.c.phase == wanted.phase)
    if wanted.since is not None:
        query = query.where(records.c.made >= time_text(wanted.since))
    if wanted.until is not None:
        query = query.where(records.c.made < time_text(wanted.until))
    for path, value in wanted.settings.items():
        having = select(parameters.c.record).where(parameters.c.path == path, parameters.c.value == value)
        query = query.where(records.c.id.in_(having))
    return query
