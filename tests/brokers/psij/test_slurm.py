# SPDX-License-Identifier: Apache-2.0
import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from eb_prefect.brokers.batch.scheduler import Submission
from eb_prefect.brokers.psij.scheduler import PsijScheduler
from eb_prefect.brokers.psij.slurm import SLURM
from eb_prefect.errors import BrokerUnavailableError
from eb_prefect.testing.scheduler_bench import submission
from eb_prefect.testing.scheduler_contract import SchedulerContract
from tests.slurm import Slurm

pytest.importorskip("psij", reason="needs the extra psij")


@dataclass(frozen=True)
class PsijSlurmBench:
    directory: Path
    patience: float = 30.0
    waiting: tuple[str, ...] = ("--begin=now+1hour",)
    unknown: str = "99999999"
    finds: bool = False

    def scheduler(self) -> PsijScheduler:
        return PsijScheduler(SLURM, directory=self.directory / "psij")

    def impossible(self, submission: Submission) -> Submission:
        return replace(submission, queue="nowhere")

    def unreachable(self) -> None:
        return None


class TestPsijScheduler(SchedulerContract):
    @pytest.fixture
    def bench(self, tmp_path: Path, slurm: Slurm) -> PsijSlurmBench:
        return PsijSlurmBench(tmp_path)


def test_a_controller_that_is_down_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slurm: Slurm
) -> None:
    lines = Path(os.environ["SLURM_CONF"]).read_text().splitlines()
    dead = ["SlurmctldPort=1" if line.startswith("SlurmctldPort=") else line for line in lines]
    (tmp_path / "slurm.conf").write_text("\n".join([*dead, "MessageTimeout=1", ""]))
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "slurm.conf"))
    scheduler = PsijScheduler(SLURM, directory=tmp_path / "psij")
    with pytest.raises(BrokerUnavailableError, match="Unable to contact"):
        scheduler.look(["1"])
    with pytest.raises(BrokerUnavailableError, match="Unable to contact"):
        scheduler.submit(submission(PsijSlurmBench(tmp_path), "true"))
