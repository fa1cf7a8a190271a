# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from eb_prefect.testing.scheduler_contract import SchedulerContract
from tests.brokers.slurm.resting import RestBench
from tests.slurm import Slurm


class TestSlurmREST(SchedulerContract):
    @pytest.fixture
    def bench(self, tmp_path: Path, slurm: Slurm) -> RestBench:
        return RestBench(tmp_path, slurm.url, slurm.user, slurm.token)
