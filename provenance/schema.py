# SPDX-License-Identifier: Apache-2.0
"""The tables of the store.

Whatever has a digest is a thing with a small number; records and links
speak of numbers, so a walk over many thousand links stays in a few pages.
A record's canonical text is kept as it is; all else is an index of it.
"""

from sqlalchemy import Column, ForeignKey, Index, Integer, MetaData, Table, Text

VERSION = 2
"""Written into the database file; one of version 1 gets what is new, any other is not touched."""

metadata = MetaData()

things = Table(
    "things",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)

records = Table(
    "records",
    metadata,
    Column("id", Integer, ForeignKey("things.id"), primary_key=True),
    Column("text", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("phase", Text, nullable=False),
    Column("broker", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("request", Text),
    Column("made", Text, nullable=False),
    Index("records_by_session", "session"),
    Index("records_by_time", "made"),
    Index("records_by_name", "name", "made"),
)

products = Table(
    "products",
    metadata,
    Column("record", Integer, ForeignKey("records.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("content", Integer, ForeignKey("things.id")),
    Column("file", Integer, ForeignKey("things.id")),
    Column("path", Text),
    Index("products_by_content", "content"),
    Index("products_by_file", "file"),
    sqlite_with_rowid=False,
)

inputs = Table(
    "inputs",
    metadata,
    Column("record", Integer, ForeignKey("records.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("file", Integer, ForeignKey("things.id")),
    Column("location", Text),
    Index("inputs_by_file", "file"),
    sqlite_with_rowid=False,
)

parameters = Table(
    "parameters",
    metadata,
    Column("record", Integer, ForeignKey("records.id"), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Index("parameters_by_value", "path", "value"),
    sqlite_with_rowid=False,
)

links = Table(
    "links",
    metadata,
    Column("child", Integer, ForeignKey("things.id"), primary_key=True),
    Column("parent", Integer, ForeignKey("things.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Index("links_by_parent", "parent", "child"),
    sqlite_with_rowid=False,
)

secrets = Table(
    "secrets",
    metadata,
    Column("record", Integer, ForeignKey("records.id"), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    sqlite_with_rowid=False,
)

signatures = Table(
    "signatures",
    metadata,
    Column("record", Integer, ForeignKey("records.id"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("text", Text, nullable=False),
    sqlite_with_rowid=False,
)

version = Table("eb_store", MetaData(), Column("number", Integer, nullable=False))
"""Where a server, whose databases have no version of their own, has it."""

NEW = {1: (signatures,)}
"""The tables that a version has not, by version."""
