# SPDX-License-Identifier: Apache-2.0
import os
import shlex
from pathlib import Path

import pytest

from eb_prefect.testing.contract import BrokerContract
from tests.brokers.slurm.bench import RemoteBench, RestSlurmBench, SlurmBench
from tests.slurm import Slurm
from tests.sshd import Sshd


class TestSlurmBroker(BrokerContract):
    @pytest.fixture
    def bench(self, tmp_path: Path, slurm: Slurm) -> SlurmBench:
        return SlurmBench(tmp_path)


class TestRemoteSlurmBroker(BrokerContract):
    @pytest.fixture
    def bench(self, tmp_path: Path, slurm: Slurm, sshd: Sshd) -> RemoteBench:
        setup = f"export SLURM_CONF={shlex.quote(os.environ['SLURM_CONF'])}"
        return RemoteBench(tmp_path, configuration=sshd.configuration, setup=setup)


class TestSlurmBrokerByREST(BrokerContract):
    @pytest.fixture
    def bench(self, tmp_path: Path, slurm: Slurm) -> RestSlurmBench:
        return RestSlurmBench(tmp_path, url=slurm.url, user=slurm.user, token=slurm.token)
