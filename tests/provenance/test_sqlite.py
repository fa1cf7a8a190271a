# SPDX-License-Identifier: Apache-2.0
"""The store in a file."""

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from eb_prefect.model.steprun import StepRun
from provenance.errors import StoreError
from provenance.record import StepRecord, make_record
from provenance.store import Store

RunOf = Callable[..., StepRun]


def test_nobody_else_may_read_the_store(store: Store, run_of: RunOf) -> None:
    store.add(make_record(run_of()))
    assert stat.S_IMODE(store.place.stat().st_mode) == 0o600


def test_a_store_of_another_version_is_not_touched(store: Store, run_of: RunOf) -> None:
    store.add(make_record(run_of()))
    store.close()
    with sqlite3.connect(store.place) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="version is 99"):
        store.history()


def test_a_file_that_is_no_database_is_an_error_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    path.write_text("not a database, and long enough to be looked at" * 40)
    with pytest.raises(StoreError, match="not a database"):
        Store(path).history()
    assert path.read_text().startswith("not a database")


_VERSION_1 = """
CREATE TABLE things (id INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (id), UNIQUE (name));
CREATE TABLE records (id INTEGER NOT NULL, text TEXT NOT NULL, name TEXT NOT NULL, phase TEXT NOT NULL,
    broker TEXT NOT NULL, session TEXT NOT NULL, request TEXT, made TEXT NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY(id) REFERENCES things (id));
CREATE TABLE products (record INTEGER NOT NULL, name TEXT NOT NULL, content INTEGER, file INTEGER, path TEXT,
    PRIMARY KEY (record, name)) WITHOUT ROWID;
CREATE TABLE inputs (record INTEGER NOT NULL, name TEXT NOT NULL, file INTEGER, location TEXT,
    PRIMARY KEY (record, name)) WITHOUT ROWID;
CREATE TABLE parameters (record INTEGER NOT NULL, path TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (record, path)) WITHOUT ROWID;
CREATE TABLE links (child INTEGER NOT NULL, parent INTEGER NOT NULL, kind TEXT NOT NULL,
    PRIMARY KEY (child, parent, kind)) WITHOUT ROWID;
CREATE TABLE secrets (record INTEGER NOT NULL, path TEXT NOT NULL, digest TEXT NOT NULL,
    PRIMARY KEY (record, path)) WITHOUT ROWID;
PRAGMA user_version = 1;
"""


@pytest.fixture
def old(tmp_path: Path, run_of: RunOf) -> tuple[Path, StepRecord]:
    """Return a store as version 1 made it, with one record in it."""
    path, record = tmp_path / "old.db", make_record(run_of())
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"PRAGMA journal_mode = WAL;{_VERSION_1}")
        db.execute("INSERT INTO things VALUES (1, ?)", (record.digest,))
        db.execute(
            "INSERT INTO records VALUES (1, ?, 'smooth', 'COMPLETED', ?, ?, NULL, '2026')",
            (record.text, record.broker.name, record.session.uuid),
        )
        db.commit()
    return path, record


def test_a_store_of_version_1_keeps_its_records_and_takes_signatures(old: tuple[Path, StepRecord]) -> None:
    path, record = old
    store = Store(path)
    assert store.find(record.digest) == record
    assert store.signatures(record.digest) == ()
    store.sign(record.digest, "SHA256:x", "text")
    assert Store(path).signatures(record.digest) == ("text",)


def test_processes_that_bring_a_store_up_to_date_at_once_do_it_once(old: tuple[Path, StepRecord]) -> None:
    path, record = old
    script = "import sys\nfrom pathlib import Path\nfrom provenance.store import Store\n"
    script += "print(Store(Path(sys.argv[1])).signatures(sys.argv[2]))"
    own = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-c", script, str(path), record.digest]
    racing = [subprocess.Popen(words, env=own, stdout=subprocess.PIPE) for _ in range(4)]
    assert [(one.communicate(timeout=60)[0], one.returncode) for one in racing] == [(b"()\n", 0)] * 4


def test_a_store_made_anew_is_as_one_that_was_brought_up_to_date(
    old: tuple[Path, StepRecord], store: Store
) -> None:
    Store(old[0]).history()
    store.history()
    tables = [
        [row[:3] for row in closing_execute(path, "PRAGMA table_info(signatures)")]
        for path in (old[0], store.place)
    ]
    assert tables[0] == tables[1] != []


def closing_execute(path: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(statement).fetchall()


def test_processes_that_make_it_at_once_leave_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    script = "import sys\nfrom pathlib import Path\nfrom provenance.store import Store\n"
    script += "Store(Path(sys.argv[1])).history()"
    own = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    racing = [subprocess.Popen([sys.executable, "-c", script, str(path)], env=own) for _ in range(4)]
    assert [one.wait(60) for one in racing] == [0] * 4
    assert [one.name for one in tmp_path.iterdir() if not one.name.startswith("shared.db-")] == ["shared.db"]
    assert closing_execute(path, "PRAGMA integrity_check") == [("ok",)]
