# SPDX-License-Identifier: Apache-2.0
"""Sbatch did its work, or did not, and what it said about it was lost."""

import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from eb_prefect.brokers.batch.broker import BatchBroker
from eb_prefect.brokers.batch.here import Here
from eb_prefect.brokers.batch.scheduler import Submission
from eb_prefect.brokers.batch.script import script
from eb_prefect.brokers.slurm.command_line import SlurmCommands
from eb_prefect.errors import BrokerUnavailableError
from eb_prefect.testing.contract import offered, wait_until
from tests.brokers.slurm.bench import SlurmBench
from tests.brokers.slurm.killing import PATIENCE, await_idle, ended, is_whole
from tests.slurm import Slurm

pytestmark = pytest.mark.timeout(300)
MANY = 3
WORKS = '"$sbatch" "$@" >/dev/null || exit'
LOSSES = {
    "killed": f"{WORKS}; kill -9 $$",
    "killed before its work": "kill -9 $$",
    "silent": WORKS,
    "silent failure": f"{WORKS}; exit 1",
    "garbled": f"{WORKS}; echo '\N{REPLACEMENT CHARACTER}12'",
    "a failure nobody knows": f"{WORKS}; echo 'gateway is full' >&2; exit 3",
    "an error of the network": f"{WORKS}; echo 'sbatch: error: Batch job submission failed:"
    " Unexpected message received' >&2; exit 1",
    "no answer in time": f"{WORKS}; exec sleep 60",
}


@pytest.fixture
def bench(tmp_path: Path, slurm: Slurm) -> SlurmBench:
    return SlurmBench(tmp_path, patience=PATIENCE)


@pytest.fixture
def shim(tmp_path: Path, slurm: Slurm, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A way to let the next submission by sbatch be what a line of shell makes of it."""
    path = tmp_path / "bin" / "sbatch"
    path.parent.mkdir()
    real, once = shutil.which("sbatch") or "", shlex.quote(str(tmp_path / "once"))

    def write(line: str) -> None:
        path.write_text(
            f"#!/bin/sh\nsbatch={shlex.quote(real)}\n"
            'case "$*" in *--test-only*) exec "$sbatch" "$@";; esac\n'
            f'mkdir {once} 2>/dev/null || exec "$sbatch" "$@"\n{line}\n'
        )
        path.chmod(0o755)

    monkeypatch.setenv("PATH", str(path.parent), prepend=":")
    return write


@pytest.mark.parametrize("loss", LOSSES)
def test_a_lost_answer_runs_nothing_twice(bench: SlurmBench, shim: Callable[[str], None], loss: str) -> None:
    shim(LOSSES[loss])
    host = Here(patience=4 if "in time" in loss else 60)
    broker = BatchBroker("slurm", SlurmCommands(host), host, settings=bench.settings, home=bench.home)
    sessions = [offered(broker, bench.script("sleep 0.1")).uuid for _ in range(MANY)]
    try:
        broker.accept_all(sessions)
    except BrokerUnavailableError:
        bench.broker().accept_all(sessions)
    for final in ended(bench, sessions):
        is_whole(final)
    await_idle()
    assert (bench.starts(), bench.ends()) == (MANY, MANY)


def submitted_again(bench: SlurmBench, session: str, **more: object) -> list[str]:
    """Submit a session by hand as its broker did, and return the handle."""
    link = (bench.directory(session) / "attempt").readlink()
    identifier = str(link).partition("@")[0]
    manifest = bench.home / "submissions" / identifier
    supervisor = str(Path(script.__code__.co_filename).parents[1] / "embedded")
    text = script(str(manifest), supervisor, Here(), bench.settings)
    given = Submission(identifier, "again", text, f"{manifest}.log", **more)  # type: ignore[arg-type]  # as its fields are
    return list(SlurmCommands().submit(given))


def test_a_session_that_was_submitted_many_times_runs_once(bench: SlurmBench) -> None:
    broker = bench.broker()
    session = offered(broker, bench.script("sleep 0.5")).uuid
    broker.accept(session)
    for _ in range(5):
        submitted_again(bench, session)
    is_whole(ended(bench, [session])[0])
    await_idle()
    assert (bench.starts(), bench.ends()) == (1, 1)


def test_the_submission_that_has_the_session_is_followed_and_the_other_withdrawn(bench: SlurmBench) -> None:
    late = replace(bench, settings=replace(bench.settings, options=("--begin=now+1hour",)))
    broker = late.broker()
    session = offered(broker, bench.script("sleep 0.5")).uuid
    broker.accept(session)
    first = (bench.directory(session) / "handle").readlink()
    (second,) = submitted_again(bench, session)
    final = ended(late, [session])[0]
    is_whole(final)
    assert final.outcome is not None
    assert final.outcome.identifier == second
    wait_until(lambda: "CANCELLED" in told(str(first)), PATIENCE)
    assert (bench.starts(), bench.ends()) == (1, 1)


def told(handle: str) -> str:
    command = ["squeue", "-h", "-t", "all", "-j", handle, "-o", "%T"]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout
