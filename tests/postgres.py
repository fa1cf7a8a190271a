# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server for tests, on loopback."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest


class Postgres(NamedTuple):
    """A server whose user ``eb`` may make databases; ``password`` is eb's."""

    port: int
    password: str

    def url(self, database: str, driver: str = "postgresql+psycopg") -> str:
        """Return the address of a database, which is made where it is not there."""
        import psycopg

        with psycopg.connect(self._address("postgres"), autocommit=True) as db:
            if not db.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
                db.execute(f'CREATE DATABASE "{database}"')
        return self._address(database).replace("postgresql", driver, 1)

    def _address(self, database: str) -> str:
        return f"postgresql://eb:{self.password}@127.0.0.1:{self.port}/{database}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for the whole test run."""
    if not (programs := _programs()):
        pytest.skip("PostgreSQL is not installed")
    with running(programs) as server:
        yield server


@contextmanager
def running(programs: Path) -> Iterator[Postgres]:
    """Run a server of one's own until the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="eb-postgres-"))
    become = _somebody(folder)
    password, port = os.urandom(12).hex(), _free_port()
    (folder / "password").write_text(password)
    try:
        made = [programs / "initdb", "-D", folder / "data", "-U", "eb", "-A", "scram-sha-256", "--no-sync"]
        _run([*become, *made, f"--pwfile={folder / 'password'}", "--locale=C.UTF-8", "-E", "UTF8"], folder)
        options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off -c max_connections=200"
        serve = [*become, programs / "pg_ctl", "-D", folder / "data", "-w", "-t", "60", "-l", folder / "log"]
        _run([*serve, "-o", options, "start"], folder)
        try:
            yield Postgres(port, password)
        finally:
            _run([*serve, "-m", "immediate", "stop"], folder)
    finally:
        shutil.rmtree(folder)


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).parent if initdb else None


def _somebody(folder: Path) -> list[str | Path]:
    """Return what makes a command another's: the server refuses root."""
    if os.geteuid():
        return []
    shutil.chown(folder, "nobody", "nogroup")
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]


def _run(command: list[str | Path], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        time.sleep(0.1)
        raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
