# SPDX-License-Identifier: Apache-2.0
"""A file as the database of the store: made whole, opened by many, locked only to write."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool

from provenance import schema
from provenance.errors import StoreError

_PATIENCE = 60  # seconds that a writer waits for the others


class SQLite:
    """A database in one file of this machine; see `provenance.database.Database`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine: Engine | None = None

    @contextmanager
    def transaction(self, *, write: bool, durable: bool = True) -> Iterator[Connection]:
        """Yield a connection for one transaction; one that writes has the lock from its start."""
        if self._engine is None:
            self._engine = _opened(self._path)
        with _transaction(self._engine, write=write, durable=durable) as db:
            yield db

    def close(self) -> None:
        """Let go of the file."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None


def _opened(path: Path) -> Engine:
    """Open the database, and make it first where it is not there; an older one is brought up to date."""
    if not path.exists():
        _made(path)
    engine = _engine(path)
    version = _version(engine)
    if version in schema.NEW:
        version = _renewed(engine)
    if version != schema.VERSION:
        engine.dispose()
        raise StoreError(str(path), f"its version is {version}, and this program's {schema.VERSION}")
    return engine


def _version(engine: Engine) -> int:
    with engine.connect() as db:
        version: int = db.exec_driver_sql("PRAGMA user_version").scalar_one()
    return version


def _renewed(engine: Engine) -> int:
    """Add what a version has not, all of it or nothing; of processes that race, one does it."""
    with _transaction(engine, write=True) as db:
        version: int = db.exec_driver_sql("PRAGMA user_version").scalar_one()
        for table in schema.NEW.get(version, ()):
            table.create(db)
        if version in schema.NEW:
            db.exec_driver_sql(f"PRAGMA user_version = {schema.VERSION}")
    return schema.VERSION if version in schema.NEW else version


def _made(path: Path) -> None:
    """Make an empty database elsewhere and put it into place whole, so that processes can race."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f".{path.name}.{uuid4().hex}")
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    engine = _engine(new, poolclass=NullPool)
    with engine.connect() as db:
        db.exec_driver_sql("PRAGMA journal_mode = WAL")
        db.exec_driver_sql(f"PRAGMA user_version = {schema.VERSION}")
        schema.metadata.create_all(db)
    engine.dispose()
    with suppress(FileExistsError):  # another process was faster
        path.hardlink_to(new)
    new.unlink()


def _engine(path: Path, **options: Any) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": _PATIENCE}, **options)

    def connect(connection: Any, _: object) -> None:
        # the driver must not begin transactions by itself: they start in begin(), and lock at once to write
        connection.isolation_level = None

    def begin(db: Connection) -> None:
        if begins := db.get_execution_options().get("eb_begins"):
            db.exec_driver_sql(begins)

    event.listen(engine, "connect", connect)
    event.listen(engine, "begin", begin)
    return engine


@contextmanager
def _transaction(engine: Engine, *, write: bool, durable: bool = True) -> Iterator[Connection]:
    begins = "BEGIN IMMEDIATE" if write else "BEGIN"
    with engine.connect().execution_options(eb_begins=begins) as db:
        if write:
            _set_synchronous(db, "FULL" if durable else "NORMAL")
        with db.begin():
            yield db


def _set_synchronous(db: Connection, mode: str) -> None:
    driver = db.connection.driver_connection
    assert driver is not None
    driver.execute(f"PRAGMA synchronous = {mode}")
