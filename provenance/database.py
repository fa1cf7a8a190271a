# SPDX-License-Identifier: Apache-2.0
"""The database behind the store: a file of this machine, or a server for many."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError

from provenance.errors import StoreError
from provenance.sqlite import SQLite


class Database(Protocol):
    """Runs transactions; it is made where it is not there when the first one is."""

    def transaction(self, *, write: bool, durable: bool = True) -> AbstractContextManager[Connection]:
        """Yield a connection for one transaction, done as a whole or not at all.

        What is not ``durable`` outlives this process and any kill, but
        perhaps not a loss of power.

        Raises
        ------
        StoreError
            It was made by a later version of this program.
        """
        ...

    def close(self) -> None:
        """Let go of it; it can be used again."""
        ...


def database(place: Path | str) -> Database:
    """Return the database at a path, or at a URL such as ``postgresql://host/name``.

    Raises
    ------
    StoreError
        It is a URL of something else.
    """
    if isinstance(place, Path):
        return SQLite(place)
    try:
        url = make_url(place)
    except (ArgumentError, ValueError):  # the second of an address that the standard library can't take apart
        raise StoreError("of EB_STORE or a block", "its address is no URL of a database") from None
    if url.get_backend_name() != "postgresql":
        raise StoreError(url.render_as_string(), "it should be a path, or postgresql://HOST/NAME")
    from provenance.postgresql import PostgreSQL  # noqa: PLC0415 - most stores are files

    return PostgreSQL(url)


def shown(place: Path | str) -> str:
    """Return the place as text without a password."""
    if isinstance(place, Path):
        return os.fspath(place)
    try:
        return make_url(place).render_as_string()
    except (ArgumentError, ValueError):
        return "the store"


@contextmanager
def told(place: Path | str) -> Iterator[None]:
    """Raise what the database says as what the caller can do something about."""
    try:
        yield
    except DatabaseError as reason:
        raise StoreError(shown(place), str(reason.orig).strip()) from reason
    except OSError as reason:
        raise StoreError(shown(place), reason.strerror or str(reason)) from reason
