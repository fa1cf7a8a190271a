# SPDX-License-Identifier: Apache-2.0
import dataclasses
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from eb_prefect.brokers.batch.broker import BatchBroker
from eb_prefect.brokers.batch.settings import BatchSettings
from eb_prefect.brokers.condor.scheduler import HTCondorScheduler
from eb_prefect.model.phase import Phase
from eb_prefect.testing.contract import BrokerContract, finish, offered
from tests.brokers.condor.bench import condor_bench
from tests.brokers.embedded.bench import EmbeddedBench

SETTINGS = BatchSettings(interval=0.2, python="/usr/bin/python3")


@dataclass(frozen=True)
class CondorBrokerBench(EmbeddedBench):
    patience: float = 40.0

    def broker(self, settings: BatchSettings = SETTINGS) -> BatchBroker:  # type: ignore[override]  # another
        return BatchBroker("htcondor", HTCondorScheduler(), settings=settings, home=self.home)

    def short_lived(self) -> BatchBroker:  # type: ignore[override]  # another
        return self.broker(dataclasses.replace(SETTINGS, offer_life=timedelta(seconds=0.1)))


class TestHTCondorBroker(BrokerContract):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> CondorBrokerBench:
        condor_bench(tmp_path)
        return CondorBrokerBench(tmp_path)

    def test_the_record_has_what_the_history_tells(self, bench: CondorBrokerBench) -> None:
        broker = bench.broker()
        session = finish(broker, offered(broker, bench.succeeding()), bench)
        assert session.phase == Phase.COMPLETED
        assert "HTCondor ran it as" in str(session.messages)
