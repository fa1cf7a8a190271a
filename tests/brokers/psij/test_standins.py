# SPDX-License-Identifier: Apache-2.0
"""PBS and LSF can't run on every machine: these are their commands' formats, not their behaviour."""

import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from eb_prefect.brokers.batch.scheduler import Submission, SubmissionRefusedError
from eb_prefect.brokers.psij.lsf import LSF
from eb_prefect.brokers.psij.pbs import PBS
from eb_prefect.brokers.psij.scheduler import PsijScheduler
from eb_prefect.brokers.psij.system import System
from eb_prefect.errors import BrokerUnavailableError
from eb_prefect.model.phase import Phase
from eb_prefect.testing.scheduler_bench import ended, submission, waiting
from eb_prefect.testing.scheduler_contract import SchedulerContract

pytest.importorskip("psij", reason="needs the extra psij")

STANDIN = Path(__file__).with_name("standin.py")
COMMANDS = ("qsub", "qstat", "qdel", "bsub", "bjobs", "bkill")
BENCHES = {
    "pbs": (PBS, ("-a", "203512312359"), "9999.pbs.example"),
    "lsf": (LSF, ("-b", "12:31:23:59"), "9999"),
}


@dataclass(frozen=True)
class StandinBench:
    directory: Path
    system: str
    waiting: tuple[str, ...]
    unknown: str
    patience: float = 20.0
    finds: bool = False

    def scheduler(self) -> PsijScheduler:
        return PsijScheduler(BENCHES[self.system][0], directory=self.directory / "psij")

    def impossible(self, submission: Submission) -> Submission:
        return replace(submission, queue="nowhere")

    def unreachable(self) -> None:
        return None


def standin(name: str, directory: Path, environment: pytest.MonkeyPatch) -> StandinBench:
    commands = directory / "bin"
    commands.mkdir()
    for command in COMMANDS:
        (commands / command).symlink_to(STANDIN)
    environment.setenv("PATH", f"{commands}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    environment.setenv("STANDIN_JOBS", str(directory / "jobs"))
    return StandinBench(directory, name, *BENCHES[name][1:])


class TestPBS(SchedulerContract):
    @pytest.fixture
    def bench(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandinBench:
        return standin("pbs", tmp_path, monkeypatch)


class TestLSF(SchedulerContract):
    @pytest.fixture
    def bench(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandinBench:
        return standin("lsf", tmp_path, monkeypatch)

    def test_what_names_no_limits_has_those_of_the_queue(  # type: ignore[override]  # psij can't
        self, scheduler: PsijScheduler, bench: StandinBench
    ) -> None:
        with pytest.raises(SubmissionRefusedError, match="without a duration"):
            scheduler.submit(replace(submission(bench, "true"), minutes=0))


@pytest.fixture
def pbs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandinBench:
    return standin("pbs", tmp_path, monkeypatch)


def test_a_pbs_that_tells_of_one_job_at_a_time_is_asked_for_each(
    pbs: StandinBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STANDIN_FIRST_ONLY", "yes")
    scheduler = pbs.scheduler()
    handles = scheduler.submit(waiting(pbs, tasks=3))
    assert [seen.phase for seen in scheduler.look(handles).values()] == [Phase.WAITING] * 3


def instead(pbs: StandinBench, command: str, text: str) -> None:
    """Put a shell script in the place of a command."""
    path = pbs.directory / "bin" / command
    path.unlink()
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)


def test_an_answer_without_a_number_leaves_it_unknown(pbs: StandinBench) -> None:
    instead(pbs, "qsub", "true")
    with pytest.raises(BrokerUnavailableError, match="did not say"):
        pbs.scheduler().submit(submission(pbs, "true"))


@pytest.mark.parametrize("answer", ["echo word", 'echo \'{"Jobs": {"1": {}}}\'', "exit 1", "true"])
def test_an_answer_that_is_none_is_no_end(pbs: StandinBench, answer: str) -> None:
    instead(pbs, "qstat", answer)
    with pytest.raises(BrokerUnavailableError):
        pbs.scheduler().look(["1"])


def test_a_server_that_does_not_answer_refuses_nothing(pbs: StandinBench) -> None:
    instead(pbs, "qsub", "echo 'qsub: cannot connect to server pbs (errno=111)' >&2; exit 111")
    with pytest.raises(BrokerUnavailableError, match="cannot connect"):
        pbs.scheduler().submit(submission(pbs, "true"))


def test_psij_asks_nothing_by_itself(pbs: StandinBench) -> None:
    instead(pbs, "qstat", f"touch {pbs.directory}/asked")
    scheduler = pbs.scheduler()
    handles = scheduler.submit(waiting(pbs))
    time.sleep(2.5)  # by default it would ask after 2 s
    assert not (pbs.directory / "asked").exists()
    scheduler.cancel(handles)


def test_where_it_runs_and_why_it_waits_is_told(pbs: StandinBench) -> None:
    scheduler = pbs.scheduler()
    (waits,) = scheduler.submit(waiting(pbs))
    (ran,) = scheduler.submit(submission(pbs, "true"))
    assert ended(scheduler, pbs, [ran])[ran].nodes == ("n1",)
    assert "Waiting" in scheduler.look([waits])[waits].reason


def test_a_task_that_is_refused_takes_those_before_it_along(
    pbs: StandinBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STANDIN_MOST", "2")
    scheduler = pbs.scheduler()
    with pytest.raises(SubmissionRefusedError, match="limit"):
        scheduler.submit(waiting(pbs, tasks=3))
    seen = scheduler.look(["1.pbs.example", "2.pbs.example", "3.pbs.example"])
    assert [one.phase for one in seen.values()] == [Phase.CANCELLED] * 2


@pytest.mark.parametrize("system", [PBS, LSF], ids=lambda system: system.name)
def test_commands_that_are_not_there_are_unavailable(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    scheduler = PsijScheduler(system, directory=tmp_path)
    given = StandinBench(tmp_path, system.name, (), "9999")
    with pytest.raises(BrokerUnavailableError, match="not found") as unavailable:
        scheduler.submit(submission(given, "true"))
    assert unavailable.value.is_unsent
    with pytest.raises(BrokerUnavailableError, match="not found"):
        scheduler.look(["9999"])
    with pytest.raises(BrokerUnavailableError, match="not found"):
        scheduler.cancel(["9999"])
