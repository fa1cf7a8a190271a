# SPDX-License-Identifier: Apache-2.0
"""Daemons of Slurm that are killed, late or absent, and nodes that die with what they run."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from eb_prefect.brokers.slurm.command_line import SlurmCommands
from eb_prefect.errors import BrokerUnavailableError
from eb_prefect.model.phase import Phase
from eb_prefect.model.session import Session
from eb_prefect.testing.contract import offered, wait_until
from tests.brokers.embedded.bench import texts
from tests.brokers.slurm.bench import SlurmBench
from tests.brokers.slurm.killing import PATIENCE, SEED, TRIALS, await_idle, ended, is_whole
from tests.slurm import Slurm, alone, cluster, facts

pytestmark = pytest.mark.timeout(max(300, 30 * TRIALS))
SLOWLY = pytest.mark.skipif("EB_SLURM_SLOW" not in os.environ, reason="takes long; EB_SLURM_SLOW=1 runs it")
LASTING = (0.0, 0.1, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0)
LATER = ("--begin=now+1hour",)


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    """A cluster of its own: no other test misses the daemons that are killed here."""
    with alone() as found:
        yield found


@pytest.fixture
def bench(tmp_path: Path, slurm: Slurm) -> SlurmBench:
    """A bench whose nodes are known to a controller that may just have been started."""
    found = bench_in(tmp_path)
    wait_until(lambda: bool(found.broker().request_offers(found.succeeding()).offers), PATIENCE)
    return found


def bench_in(root: Path) -> SlurmBench:
    bench = SlurmBench(root, patience=PATIENCE)
    return replace(bench, settings=replace(bench.settings, accounts_within=10.0, lost_after=10.0))


@pytest.fixture(scope="module")
def bare() -> Iterator[Slurm]:
    """A cluster without accounts, which gives up on a silent node soon."""
    with pytest.MonkeyPatch.context() as environment, cluster(EB_SLURM_ACCOUNTS="no") as directory:
        for line in (directory / "env").read_text().splitlines():
            environment.setenv(*line.split("=", 1))
        configuration = directory / "etc" / "slurm.conf"
        configuration.write_text(configuration.read_text().replace("SlurmdTimeout=30", "SlurmdTimeout=5"))
        subprocess.run(["scontrol", "reconfigure"], check=True, timeout=60)
        yield facts()


def accepted(bench: SlurmBench, text: str = "true") -> str:
    broker = bench.broker()
    session = offered(broker, bench.script(text)).uuid
    broker.accept(session)
    return session


def is_whole_or_lost(bench: SlurmBench, session: Session) -> None:
    """Claim that a session ran well, or says that Slurm lost or ended it."""
    if session.phase == Phase.COMPLETED:
        if "had nothing on" not in texts(session):
            is_whole(session)
        return
    assert session.phase in (Phase.FAILED, Phase.CANCELLED)  # what it forgot while it ran, Slurm cancels
    assert "Slurm cluster eb" in texts(session)


def test_a_controller_killed_while_sessions_wait_start_run_and_end(bench: SlurmBench, slurm: Slurm) -> None:
    for trial in range(-(-TRIALS // 4)):  # of eight sessions each
        chance = Random(f"{SEED} {trial}")
        some = replace(bench, root=bench.root / str(trial))
        some.root.mkdir()
        sessions = [accepted(some, f"sleep {seconds}") for seconds in LASTING]
        time.sleep(chance.uniform(0, 8))
        with slurm.without("slurmctld", "kill-one"):
            time.sleep(chance.uniform(0, 4))
        finals = ended(some, sessions)
        for final in finals:
            is_whole_or_lost(some, final)
        well = sum(final.phase == Phase.COMPLETED for final in finals)
        assert well <= some.ends() <= some.starts() <= len(sessions)


@SLOWLY
def test_a_controller_that_saved_what_it_knows_loses_nothing(bench: SlurmBench, slurm: Slurm) -> None:
    sessions = [accepted(bench, f"sleep {seconds}") for seconds in LASTING]
    slurm.await_saved()
    with slurm.without("slurmctld", "kill-one"):
        time.sleep(3)
    for final in ended(bench, sessions):
        is_whole(final)
    assert (bench.starts(), bench.ends()) == (len(sessions), len(sessions))


def test_without_a_controller_the_broker_is_unavailable(bench: SlurmBench, slurm: Slurm) -> None:
    session = accepted(bench, "sleep 1")
    slurm.await_saved()
    broker = bench.broker()
    with slurm.without("slurmctld"), pytest.raises(BrokerUnavailableError):
        broker.session(session)
    is_whole(ended(bench, [session])[0])


def test_books_that_are_closed_are_waited_for_so_long_and_no_longer(bench: SlurmBench, slurm: Slurm) -> None:
    with slurm.without("slurmdbd", "kill-one"):
        session = accepted(bench)
        began = time.monotonic()
        final = ended(bench, [session])[0]
        assert time.monotonic() - began < PATIENCE / 2
    is_whole(final)
    assert "had nothing on" in texts(final)
    assert bench.broker().session(session) == final


def test_books_that_come_late_are_read(bench: SlurmBench, slurm: Slurm) -> None:
    patient = replace(bench, settings=replace(bench.settings, accounts_within=PATIENCE))
    with slurm.without("slurmdbd"):
        session = accepted(patient, "sleep 2")
        wait_until(lambda: patient.ends() == 1, PATIENCE)
        wait_until(lambda: patient.broker().session(session).phase == Phase.RELEASING, PATIENCE)
    final = ended(patient, [session])[0]
    is_whole(final)
    assert "had nothing on" not in texts(final)
    assert final.outcome is not None
    assert final.outcome.read_bytes is not None


@SLOWLY
def test_a_controller_started_without_its_books_serves_sessions(bench: SlurmBench, slurm: Slurm) -> None:
    slurm.await_saved()
    with slurm.without("slurmdbd"):
        with slurm.without("slurmctld"):
            pass
        wait_until(lambda: bool(bench.broker().request_offers(bench.succeeding()).offers), PATIENCE)
        final = ended(bench, [accepted(bench)])[0]
    is_whole(final)
    assert (bench.starts(), bench.ends()) == (1, 1)


def test_a_lost_answer_is_looked_for_without_the_books(bench: SlurmBench, slurm: Slurm) -> None:
    with slurm.without("slurmdbd"):
        assert SlurmCommands().find("nothing-of-ours") == {}


def test_a_cluster_without_accounts_says_so_and_tells_what_the_supervisor_saw(
    tmp_path: Path, bare: Slurm
) -> None:
    bench = bench_in(tmp_path)
    final = ended(bench, [accepted(bench, "sleep 0.2")])[0]
    is_whole(final)
    assert "keeps no books" in texts(final)
    failed = ended(bench, [accepted(bench, "exit 3")])[0]
    assert failed.outcome is not None
    assert (failed.phase, failed.outcome.exit_code) == (Phase.FAILED, 3)


def test_a_session_whose_node_died_failed_and_is_not_run_again(tmp_path: Path, bare: Slurm) -> None:
    bench = bench_in(tmp_path)
    session = accepted(bench, f"echo $$ > {tmp_path}/pid; sleep 600")
    wait_until(lambda: bool(read(tmp_path / "pid").strip()), PATIENCE)
    seen = SlurmCommands().look([str((bench.directory(session) / "handle").readlink())])
    (node,) = next(iter(seen.values())).nodes
    with bare.without(f"slurmd.{node}", "kill-one"):
        for pid in lineage(int(read(tmp_path / "pid"))):
            os.kill(pid, signal.SIGKILL)
        final = ended(bench, [session])[0]
    assert final.phase == Phase.FAILED
    assert final.outcome is not None
    assert (final.outcome.state, final.outcome.nodes) == ("NODE_FAIL", (node,))
    assert "NODE_FAIL" in texts(final)
    await_idle()
    assert (bench.starts(), bench.ends()) == (1, 0)


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def lineage(pid: int) -> list[int]:
    """Return a process of a session, its supervisor and what of Slurm's holds that, the last one first."""
    found = [pid]
    while "slurmstepd" not in Path(f"/proc/{found[0]}/comm").read_text():
        status = Path(f"/proc/{found[0]}/stat").read_text()
        found.insert(0, int(status.rpartition(")")[2].split()[1]))
    return found


def reused(bench: SlurmBench, bare: Slurm) -> str:
    """Return a session whose handle Slurm forgot, and gave to a submission of somebody else."""
    for _ in range(5):
        wrapped("true")
        bare.await_saved()
        session = accepted(bench)
        handle = str((bench.directory(session) / "handle").readlink())
        with bare.without("slurmctld", "kill-one"):
            pass
        if handle in [wrapped("sleep 600", *LATER) for _ in range(5)]:  # trials take numbers too
            return session
    pytest.skip("this Slurm forgot nothing")


def wrapped(line: str, *options: str) -> str:
    command = ["sbatch", "--parsable", "--output=/dev/null", *options, f"--wrap={line}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_a_handle_that_was_given_to_another_is_not_followed(tmp_path: Path, bare: Slurm) -> None:
    bench = bench_in(tmp_path)
    late = replace(bench, settings=replace(bench.settings, options=LATER))
    session = reused(late, bare)
    final = ended(bench, [session])[0]
    assert final.phase == Phase.FAILED
    assert "lost the record" in texts(final)
    subprocess.run(["scancel", "--me"], check=True)
    assert bench.starts() == 0


def test_a_handle_that_was_given_to_another_is_not_cancelled(tmp_path: Path, bare: Slurm) -> None:
    bench = bench_in(tmp_path)
    late = replace(bench, settings=replace(bench.settings, options=LATER))
    session = reused(late, bare)
    handle = str((bench.directory(session) / "handle").readlink())
    bench.broker().cancel(session)
    assert ended(bench, [session])[0].phase == Phase.CANCELLED
    assert SlurmCommands().look([handle])[handle].phase == Phase.WAITING
    subprocess.run(["scancel", "--me"], check=True)
