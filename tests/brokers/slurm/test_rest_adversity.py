# SPDX-License-Identifier: Apache-2.0
"""Daemons of Slurm that are gone, for a while or for ever, under the REST interface."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eb_prefect.errors import BrokerUnavailableError
from eb_prefect.model.phase import Phase
from eb_prefect.testing.contract import wait_until
from eb_prefect.testing.scheduler_bench import booked, ended, submission
from tests.brokers.slurm.resting import RestBench
from tests.slurm import Slurm, cluster, facts


@pytest.fixture(scope="module")
def own() -> Iterator[Slurm]:
    """A cluster that others do not share."""
    with cluster() as directory, pytest.MonkeyPatch.context() as environment:
        _enter(directory, environment)
        yield facts()


@pytest.fixture(scope="module")
def bare() -> Iterator[Slurm]:
    """A cluster without slurmdbd."""
    with cluster(EB_SLURM_ACCOUNTS="no") as directory, pytest.MonkeyPatch.context() as environment:
        _enter(directory, environment)
        yield facts()


@pytest.fixture(scope="module")
def keeping() -> Iterator[Slurm]:
    """A cluster whose limits on memory are kept by the kernel."""
    with cluster(EB_SLURM_CGROUPS="yes") as directory, pytest.MonkeyPatch.context() as environment:
        _enter(directory, environment)
        yield facts()


def _enter(directory: Path, environment: pytest.MonkeyPatch) -> None:
    for line in (directory / "env").read_text().splitlines():
        environment.setenv(*line.split("=", 1))


def bench_of(slurm: Slurm, directory: Path) -> RestBench:
    return RestBench(directory, slurm.url, slurm.user, slurm.token)


def test_without_slurmctld_nothing_is_known(own: Slurm, tmp_path: Path) -> None:
    bench = bench_of(own, tmp_path)
    scheduler = bench.scheduler()
    (handle,) = scheduler.submit(submission(bench, "sleep 3; exit 4"))
    own.await_saved()
    with own.without("slurmctld", "kill-one"):
        with pytest.raises(BrokerUnavailableError):
            scheduler.look([handle, bench.unknown])
        with pytest.raises(BrokerUnavailableError):
            scheduler.submit(submission(bench, "true"))
    assert ended(scheduler, bench, [handle])[handle].phase is Phase.FAILED


def test_without_slurmdbd_accounts_come_later(own: Slurm, tmp_path: Path) -> None:
    bench = bench_of(own, tmp_path)
    scheduler = bench.scheduler()
    with own.without("slurmdbd"):
        (handle,) = scheduler.submit(submission(bench, "exit 4"))
        assert ended(scheduler, bench, [handle])[handle].phase is Phase.FAILED
        with pytest.raises(BrokerUnavailableError):
            scheduler.accounts([handle])
    assert booked(scheduler, bench, [handle])[handle].exit_code == 4


def test_a_lost_node_is_told(own: Slurm, tmp_path: Path) -> None:
    bench = bench_of(own, tmp_path)
    scheduler = bench.scheduler()
    (handle,) = scheduler.submit(submission(bench, "sleep 60", options=("--nodelist=n2",)))
    wait_until(lambda: scheduler.look([handle])[handle].phase is Phase.RUNNING, 20)
    with own.without("slurmd.n2", "kill-one"):
        own.ask("scontrol", "update", "NodeName=n2", "State=DOWN", "Reason=test")
        seen = ended(scheduler, bench, [handle])[handle]
    assert (seen.phase, seen.state) == (Phase.FAILED, "NODE_FAIL")


def test_without_a_database_slurmctld_tells_what_it_remembers(bare: Slurm, tmp_path: Path) -> None:
    bench = bench_of(bare, tmp_path)
    scheduler = bench.scheduler()
    handles = scheduler.submit(submission(bench, "[ $EB_TASK = 0 ] && exit 4; kill -9 $$", tasks=2))
    books = booked(scheduler, bench, handles)
    assert [(books[handle].exit_code, books[handle].signal) for handle in handles] == [(4, None), (None, 9)]
    assert {book.nodes for book in books.values()} <= {("n1",), ("n2",)}


def test_too_little_memory_is_told_as_such(keeping: Slurm, tmp_path: Path) -> None:
    bench = bench_of(keeping, tmp_path)
    scheduler = bench.scheduler()
    (handle,) = scheduler.submit(submission(bench, "head -c 300000000 /dev/zero | tail"))
    assert ended(scheduler, bench, [handle])[handle].state == "OUT_OF_MEMORY"
    book = booked(scheduler, bench, [handle])[handle]
    assert (book.phase, book.exit_code, book.signal) == (Phase.FAILED, None, None)
