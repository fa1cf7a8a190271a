# SPDX-License-Identifier: Apache-2.0
"""A kill at any moment, of the caller or of its sbatch, loses nothing and runs nothing twice."""

import signal
import time
from pathlib import Path
from random import Random

import pytest

from eb_prefect.testing.contract import offered
from tests.brokers.slurm.accepting import POINTS
from tests.brokers.slurm.bench import SlurmBench
from tests.brokers.slurm.killing import (
    PATIENCE,
    TRIALS,
    await_idle,
    caller,
    ended,
    is_whole,
    kill,
    life,
    trials,
)
from tests.slurm import Slurm

pytestmark = pytest.mark.timeout(max(300, 20 * TRIALS))
MANY = 8


@pytest.fixture
def bench(tmp_path: Path, slurm: Slurm) -> SlurmBench:
    return SlurmBench(tmp_path, patience=PATIENCE)


def offers(bench: SlurmBench, number: int) -> list[str]:
    broker = bench.broker()
    return [offered(broker, bench.script("sleep 0.1")).uuid for _ in range(number)]


@pytest.fixture
def length(tmp_path_factory: pytest.TempPathFactory, slurm: Slurm) -> float:
    """How long an accept takes in a process that nobody ends."""
    bench = SlurmBench(tmp_path_factory.mktemp("length"), patience=PATIENCE)
    with caller(bench, offers(bench, 1)) as process:
        begun = time.monotonic()
        assert process.wait(PATIENCE) == 0
        return time.monotonic() - begun


@pytest.mark.parametrize("point", POINTS)
def test_a_caller_killed_at_any_point_is_followed_by_one_that_submits_once(
    bench: SlurmBench, point: str
) -> None:
    sessions = offers(bench, MANY)
    assert life(bench, sessions, point) == -signal.SIGKILL
    assert life(bench, sessions) == 0
    for final in ended(bench, sessions):
        is_whole(final)
    await_idle()
    assert (bench.starts(), bench.ends()) == (MANY, MANY)


def test_whoever_looks_gets_a_session_submitted_whose_caller_was_killed(bench: SlurmBench) -> None:
    sessions = offers(bench, 1)
    assert life(bench, sessions, "before-sbatch") == -signal.SIGKILL
    is_whole(ended(bench, sessions)[0])
    assert (bench.starts(), bench.ends()) == (1, 1)


def test_a_session_that_was_cancelled_after_its_caller_was_killed_never_runs(bench: SlurmBench) -> None:
    sessions = offers(bench, 1)
    assert life(bench, sessions, "before-sbatch") == -signal.SIGKILL
    bench.broker().cancel(sessions[0])
    assert ended(bench, sessions)[0].phase == "CANCELLED"
    assert bench.starts() == 0


@pytest.mark.parametrize("children", [True, False])
@pytest.mark.parametrize("number", [1, MANY])
def test_callers_killed_at_any_moment_lose_nothing_and_run_nothing_twice(
    bench: SlurmBench, length: float, number: int, children: bool
) -> None:
    def trial(bench: SlurmBench, chance: Random) -> None:
        sessions = offers(bench, number)
        for _ in range(chance.randint(1, 2)):
            with caller(bench, sessions) as process:
                time.sleep(chance.uniform(0, 1.2 * length))
                kill(process, children=children)
        assert life(bench, sessions) == 0
        for final in ended(bench, sessions):
            is_whole(final)

    trials(bench, trial)
    await_idle()
    benches = [SlurmBench(bench.root / str(trial)) for trial in range(TRIALS)]
    assert {(each.starts(), each.ends()) for each in benches} == {(number, number)}
