# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from eb_prefect.testing.contract import BrokerContract
from tests.brokers.embedded.bench import EmbeddedBench


class TestEmbeddedBroker(BrokerContract):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> EmbeddedBench:
        return EmbeddedBench(tmp_path)
