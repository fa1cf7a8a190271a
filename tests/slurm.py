# SPDX-License-Identifier: Apache-2.0
"""A Slurm cluster for tests, on loopback."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

_LACKING = 3
SCRIPT = Path(__file__).with_name("slurm.sh")


class Slurm(NamedTuple):
    """A cluster: nodes n1, with a GPU, and n2, of 8 cores and 8 GiB; partitions main, brief, closed.

    ``url`` and ``socket`` are those of slurmrestd, which takes ``token`` for
    ``user``. ``release`` is such as (22, 5).
    """

    directory: Path
    url: str
    token: str
    user: str
    release: tuple[int, int]

    @property
    def socket(self) -> Path:
        return self.directory / "rest" / "socket"

    @property
    def is_24(self) -> bool:
        return self.release >= (24, 0)

    @property
    def has_accounts(self) -> bool:
        return (self.directory / "etc" / "slurmdbd.conf").exists()

    def ask(self, *command: str) -> str:
        """Return what one of Slurm's commands says."""
        environment = {**os.environ, "SLURM_CONF": str(self.directory / "etc" / "slurm.conf")}
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=30, env=environment
        )
        return done.stdout.strip()

    def token_of(self, user: str) -> str:
        """Return a token of any user, which root's cluster gives to root."""
        return self.ask("scontrol", "token", "lifespan=3600", f"username={user}").partition("=")[2]

    @contextmanager
    def without(self, daemon: str, verb: str = "stop-one") -> Iterator[None]:
        """Do without a daemon for a while; ``kill-one`` ends it without a warning."""
        self.switch(verb, daemon)
        try:
            yield
        finally:
            self.switch("start-one", daemon)

    def await_saved(self) -> None:
        """Wait until a kill of slurmctld loses nothing of now; it saves what it knows every five seconds."""
        now, state = time.time(), self.directory / "state" / "job_state"
        while not (state.exists() and state.stat().st_mtime > now):
            if time.time() > now + 20:
                return  # nothing was to be saved
            time.sleep(0.05)

    def switch(self, verb: str, daemon: str) -> None:
        subprocess.run([SCRIPT, verb, daemon, self.directory], check=True, timeout=60)


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    """A cluster for the whole test run, and an environment in which Slurm's commands find it.

    Skipped where the machine has not what it needs.
    """
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("SLURM_JWT", raising=False)
        if "EB_TEST_SLURM" in os.environ:
            yield facts()
            return
        with cluster() as directory:
            for line in (directory / "env").read_text().splitlines():
                environment.setenv(*line.split("=", 1))
            yield facts()


@contextmanager
def alone(**options: str) -> Iterator[Slurm]:
    """Have a cluster that nobody else uses, to take daemons away from."""
    with pytest.MonkeyPatch.context() as environment, cluster(**options) as directory:
        for line in (directory / "env").read_text().splitlines():
            environment.setenv(*line.split("=", 1))
        yield facts()


@contextmanager
def cluster(**options: str) -> Iterator[Path]:
    """Start a cluster of its own in a directory that every user may enter; end it."""
    directory = Path(tempfile.mkdtemp(prefix="eb-slurm-"))
    started = subprocess.run(
        [SCRIPT, "start", directory],
        stderr=subprocess.PIPE,
        env=os.environ | options,
        text=True,
        check=False,
        timeout=90,
    )
    if started.returncode:
        shutil.rmtree(directory, ignore_errors=True)
        said = started.stderr.strip().rpartition("\n")[2]
        if started.returncode == _LACKING:
            pytest.skip(said)
        pytest.fail(said)
    try:
        yield directory
    finally:
        subprocess.run([SCRIPT, "stop", directory], check=True, timeout=60)


def facts() -> Slurm:
    """Return what the environment says of a cluster that runs."""
    said = subprocess.run(["sinfo", "--version"], capture_output=True, text=True, check=True, timeout=20)
    year, month = said.stdout.split()[-1].split(".")[:2]
    return Slurm(
        directory=Path(os.environ["EB_TEST_SLURM"]),
        url=os.environ["EB_TEST_SLURM_URL"],
        token=os.environ["EB_TEST_SLURM_TOKEN"],
        user=os.environ["EB_TEST_SLURM_USER"],
        release=(int(year), int(month)),
    )
