# SPDX-License-Identifier: Apache-2.0
"""However a session ends, its record says it."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import Outcome, Session
from tests.brokers.embedded.bench import program, run, texts
from tests.brokers.slurm.bench import SlurmBench
from tests.brokers.slurm.killing import PATIENCE
from tests.slurm import Slurm, cluster

ALLOCATE = "b = bytearray(1600 << 20); import time; time.sleep(60)"
SLOW = "EB_SLURM_SLOW"


@pytest.fixture
def bench(tmp_path: Path, slurm: Slurm) -> SlurmBench:
    return SlurmBench(tmp_path, patience=PATIENCE)


def with_settings(bench: SlurmBench, **settings: Any) -> SlurmBench:
    return replace(bench, settings=replace(bench.settings, **settings))


def outcome(session: Session) -> Outcome:
    assert session.outcome is not None
    return session.outcome


def failed(bench: SlurmBench, request: ExecutionRequest) -> Session:
    final = run(bench, request)
    assert final.phase == Phase.FAILED, texts(final)
    return final


def test_the_record_says_where_and_when_it_ran_and_what_it_used(bench: SlurmBench) -> None:
    text = (
        "import time; b = bytearray(200 << 20); end = time.time() + 2.5\n"
        "open('file', 'wb').write(bytes(8 << 20))\nwhile time.time() < end: pass"
    )
    final = run(bench, program(sys.executable, "-I", "-S", "-c", text))
    told = outcome(final)
    assert (told.exit_code, told.signal, told.state) == (0, None, "COMPLETED"), texts(final)
    assert told.nodes in (("n1",), ("n2",))
    assert told.started is not None
    assert told.ended is not None
    assert 2 < (told.ended - told.started).total_seconds() < 60
    assert 0.2 < (told.cpu_seconds or 0) < 10
    assert 200 << 20 < (told.peak_memory or 0) < 400 << 20
    assert (told.written_bytes or 0) >= 8 << 20
    assert told.read_bytes is not None
    assert f"ran it as {told.identifier}" in texts(final)


def test_an_exit_code_is_told(bench: SlurmBench) -> None:
    final = failed(bench, bench.script("echo so it is >&2; exit 37"))
    assert (outcome(final).exit_code, outcome(final).signal, outcome(final).state) == (37, None, "FAILED")
    assert "exit code 37; its last words on stderr: so it is" in texts(final)


def test_a_signal_is_told(bench: SlurmBench) -> None:
    final = failed(bench, bench.script("kill -SEGV $$"))
    assert (outcome(final).exit_code, outcome(final).signal) == (None, 11)
    assert "signal 11" in texts(final)


def test_more_memory_than_it_had_is_told(bench: SlurmBench) -> None:
    final = failed(bench, program(sys.executable, "-c", ALLOCATE, compute={"memory": {"min": 1}}))
    assert "memory" in texts(final).lower()


def test_the_end_of_its_duration_is_told(bench: SlurmBench) -> None:
    final = failed(bench, bench.script("sleep 60", schedule={"requested": {"duration": "PT2S"}}))
    assert "ran longer than the 2 s that it had" in texts(final)
    assert (bench.starts(), bench.ends()) == (1, 0)


@pytest.mark.skipif(SLOW not in os.environ, reason="Slurm's own limit comes after more than a minute")
@pytest.mark.timeout(300)
def test_the_time_limit_of_slurm_is_told(bench: SlurmBench) -> None:
    limited = with_settings(bench, options=("--time=1",))
    final = failed(limited, bench.script("sleep 200"))
    assert outcome(final).state == "TIMEOUT"
    assert "TIMEOUT" in texts(final)
    assert (bench.starts(), bench.ends()) == (1, 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has control groups to give")
def test_memory_that_the_kernel_guards_is_told(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as environment, cluster(EB_SLURM_CGROUPS="yes") as directory:
        for line in (directory / "env").read_text().splitlines():
            environment.setenv(*line.split("=", 1))
        bench = SlurmBench(tmp_path, patience=PATIENCE)
        hidden = f"{sys.executable} -c '{ALLOCATE}' & wait; true"
        final = failed(bench, bench.script(hidden, compute={"memory": {"min": 1}}))
    assert "memory" in texts(final).lower()
