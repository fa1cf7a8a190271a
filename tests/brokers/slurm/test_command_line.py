# SPDX-License-Identifier: Apache-2.0
import os
import shutil
from pathlib import Path

import pytest

from eb_prefect.errors import BrokerUnavailableError
from eb_prefect.testing.contract import finish
from eb_prefect.testing.scheduler_contract import SchedulerContract
from tests.brokers.slurm.bench import SlurmBench
from tests.brokers.slurm.scheduling import CommandsBench
from tests.slurm import Slurm


class TestSlurmCommands(SchedulerContract):
    @pytest.fixture
    def bench(self, tmp_path: Path, slurm: Slurm) -> CommandsBench:
        return CommandsBench(tmp_path)


def test_a_submission_that_an_interrupt_cut_off_is_no_refusal_and_is_found(
    tmp_path: Path, slurm: Slurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = SlurmBench(tmp_path)
    broker = bench.broker()
    offer = broker.request_offers(bench.succeeding()).offers[0]
    with monkeypatch.context() as interrupting:
        shim = tmp_path / "sbatch"
        shim.write_text(f'#!/bin/sh\n{shutil.which("sbatch")} "$@" > /dev/null\nkill -KILL $$\n')
        shim.chmod(0o755)
        interrupting.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        with pytest.raises(BrokerUnavailableError, match="sbatch was ended by signal 9"):
            broker.accept(offer.uuid)
    assert finish(broker, offer, bench).phase == "COMPLETED"
    assert bench.starts() == 1
