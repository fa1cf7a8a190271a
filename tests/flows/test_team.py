# SPDX-License-Identifier: Apache-2.0
"""A team: one Prefect server and one store of records, on PostgreSQL, and workers in other processes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from flows.server import await_history, prefect_server
from tests.postgres import Postgres

FLOW = f"{Path(__file__).with_name('team_flow.py')}:sorted_stars"
EB = [sys.executable, "-c", "from provenance.cli.main import main; main()"]
LIMIT = 300

pytestmark = pytest.mark.timeout(2 * LIMIT)


@pytest.fixture
def team(postgres: Postgres, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Return the environment of everybody in the team."""
    database = postgres.url(uuid4().hex, "postgresql+asyncpg")
    settings = {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database,
        "EB_STORE": postgres.url(uuid4().hex),
        "EB_CONFIG": str(tmp_path / "none.toml"),
    }
    (tmp_path / "none.toml").touch()
    with prefect_server(tmp_path / "prefect", settings) as environment:
        yield environment


def prefect(team: dict[str, str], *words: str) -> None:
    subprocess.run([sys.executable, "-m", "prefect", *words], env=team, check=True, timeout=LIMIT)


@contextmanager
def worker(team: dict[str, str], home: Path) -> Iterator[None]:
    """Run a worker as on a machine of its own."""
    words = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "team"]
    own = {**team, "EB_HOME": str(home), "PREFECT_WORKER_QUERY_SECONDS": "1"}
    with subprocess.Popen(words, env=own, start_new_session=True) as process:
        try:
            yield
        finally:
            process.terminate()


def test_a_flow_runs_by_a_worker_and_anybody_knows_how_its_products_were_made(
    team: dict[str, str], tmp_path: Path
) -> None:
    prefect(team, "work-pool", "create", "team", "--type", "execution-broker")
    made = tmp_path / "made"
    with worker(team, tmp_path / "first"):
        words = [sys.executable, "-P", str(Path(__file__).with_name("team_flow.py")), str(made)]
        told = subprocess.run(words, env=team, check=True, stdout=subprocess.PIPE).stdout
    run = json.loads(told.splitlines()[-1])  # Prefect prints what it deployed before that
    assert run["state"] == "Completed"
    await_history(team, run["id"])
    elsewhere = {**team, "EB_HOME": str(tmp_path / "second")}
    assert [entry["name"] for entry in eb(elsewhere, "history", "--json")] == ["sort"]
    bare = tmp_path / "bare.csv"
    bare.write_bytes((made / "sorted.csv").read_bytes())
    assert eb(elsewhere, "show", str(bare), "--json")["record"]["name"] == "sort"


def eb(environment: dict[str, str], *words: str) -> Any:
    done = subprocess.run([*EB, *words], env=environment, stdout=subprocess.PIPE, check=True, timeout=LIMIT)
    return json.loads(done.stdout)
