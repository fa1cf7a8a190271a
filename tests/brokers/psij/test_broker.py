# SPDX-License-Identifier: Apache-2.0
import dataclasses
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from eb_prefect.brokers.batch.broker import BatchBroker
from eb_prefect.brokers.batch.scheduler import Queue
from eb_prefect.brokers.batch.settings import BatchSettings
from eb_prefect.brokers.psij.scheduler import PsijScheduler
from eb_prefect.brokers.psij.slurm import SLURM
from eb_prefect.testing.contract import BrokerContract
from tests.brokers.embedded.bench import EmbeddedBench
from tests.slurm import Slurm

pytest.importorskip("psij", reason="needs the extra psij")

MAIN = Queue("main", cores=8, memory=8192, gpus=1, is_default=True)
SETTINGS = BatchSettings(interval=0.2)


@dataclass(frozen=True)
class PsijBrokerBench(EmbeddedBench):
    patience: float = 40.0

    def broker(self, settings: BatchSettings = SETTINGS) -> BatchBroker:  # type: ignore[override]  # another
        scheduler = PsijScheduler(SLURM, queues=[MAIN], directory=self.root / "psij")
        return BatchBroker("psij", scheduler, settings=settings, home=self.home)

    def short_lived(self) -> BatchBroker:  # type: ignore[override]  # another
        return self.broker(dataclasses.replace(SETTINGS, offer_life=timedelta(seconds=0.1)))


class TestPsijBroker(BrokerContract):
    @pytest.fixture
    def bench(self, tmp_path: Path, slurm: Slurm) -> PsijBrokerBench:
        return PsijBrokerBench(tmp_path)
