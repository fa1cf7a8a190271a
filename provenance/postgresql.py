# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server as the database of the store, for a team and for flows on many machines."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, Engine, create_engine, inspect, text

from provenance import schema
from provenance.errors import NeedsExtraError, StoreError

_MAKING = 0x6562_7072  # the lock of whoever makes the tables; any number that others do not use


class PostgreSQL:
    """A database of a server, in its default schema; see `provenance.database.Database`."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._engine: Engine | None = None

    @contextmanager
    def transaction(self, *, write: bool, durable: bool = True) -> Iterator[Connection]:
        """Yield a connection for one transaction."""
        if self._engine is None:
            self._engine = _opened(self._url)
        with self._engine.begin() as db:
            if write and not durable:
                db.execute(text("SET LOCAL synchronous_commit TO OFF"))
            yield db

    def close(self) -> None:
        """Close the connections."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None


def _opened(url: URL) -> Engine:
    try:
        engine = create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    except ModuleNotFoundError:
        raise NeedsExtraError(f"the store {url.render_as_string()}", "postgresql") from None
    with engine.begin() as db:
        db.execute(text(f"SELECT pg_advisory_xact_lock({_MAKING})"))  # of those that race, one makes it
        if not inspect(db).has_table(schema.records.name):
            schema.metadata.create_all(db)
            schema.version.create(db)
            db.execute(schema.version.insert(), {"number": schema.VERSION})
        found = db.scalar(schema.version.select())
    if found != schema.VERSION:
        engine.dispose()
        raise StoreError(
            url.render_as_string(), f"its version is {found}, and this program's {schema.VERSION}"
        )
    return engine
