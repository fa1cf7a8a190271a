# SPDX-License-Identifier: Apache-2.0
"""The store on a server."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from eb_prefect.model.steprun import StepRun
from provenance.capture import capture
from provenance.errors import StoreError
from provenance.record import make_record
from provenance.store import Store, default_store
from tests.postgres import Postgres

RunOf = Callable[..., StepRun]


@pytest.fixture
def place(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    found = postgres.url(uuid4().hex)
    monkeypatch.setenv("EB_STORE", found)
    yield found
    default_store().close()


def test_it_is_the_default_store_where_the_environment_says_so(place: str) -> None:
    assert default_store().place == place


def test_who_has_no_access_is_told_so_without_the_password(place: str) -> None:
    wrong = place.replace("eb:", "eb:not-this-", 1)
    with pytest.raises(StoreError, match="password authentication failed") as told:
        Store(wrong).history()
    assert "not-this-" not in str(told.value)


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(StoreError, match=r"the store postgresql://127\.0\.0\.1:9/x can't be used"):
        Store("postgresql://127.0.0.1:9/x").history()


@pytest.mark.parametrize("given", ["mysql://127.0.0.1/x", "postgresql://[::1", "://"])
def test_an_address_of_something_else_is_told(given: str) -> None:
    with pytest.raises(StoreError):
        Store(given).history()


def test_a_store_of_another_version_is_not_touched(place: str, run_of: RunOf) -> None:
    import psycopg

    store = Store(place)
    store.add(make_record(run_of()))
    store.close()
    with psycopg.connect(place.replace("+psycopg", "")) as db:
        db.execute("UPDATE eb_store SET number = 99")
    with pytest.raises(StoreError, match="version is 99"):
        Store(place).history()


def test_processes_that_make_it_at_once_make_it_once(place: str) -> None:
    script = "from provenance.store import Store\nStore().history()"
    own = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    racing = [subprocess.Popen([sys.executable, "-c", script], env=own) for _ in range(4)]
    assert [one.wait(60) for one in racing] == [0] * 4


def test_text_that_the_server_can_not_index_is_in_the_record_all_the_same(place: str, run_of: RunOf) -> None:
    record = make_record(run_of(environment={"SEPARATOR": "a\0b"}))
    assert Store(place).add(record)
    assert Store(place).find(record.digest).text == record.text


def test_what_lost_its_record_is_found_from_another_machine(
    place: str, image: Path, run_of: RunOf, tmp_path: Path
) -> None:
    captured = capture(run_of(image), default_store())
    (made,) = captured.products
    bare = tmp_path / "bare.fits"
    bare.write_bytes(image.read_bytes())
    own = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "EB_HOME": str(tmp_path / "elsewhere")}
    main = "from provenance.cli.main import main; main()"
    for file in (made, bare):
        told = subprocess.run(
            [sys.executable, "-c", main, "show", str(file), "--json"],
            env=own,
            stdout=subprocess.PIPE,
            check=True,
        )
        assert captured.record.digest in told.stdout.decode()
