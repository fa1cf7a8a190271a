# SPDX-License-Identifier: Apache-2.0
"""What every broker must do, on a real PanDA server: ``tests/panda.sh`` starts one and says where."""

import os
from pathlib import Path

import pytest

from eb_prefect.model.phase import Phase
from eb_prefect.testing.contract import BrokerContract
from tests.brokers.http.losing import LOSSES
from tests.brokers.panda.bench import MODES, PandaBench
from tests.brokers.panda.losses import run_losing


class TestPandaBrokerOnARealServer(BrokerContract):
    @pytest.fixture(params=MODES)
    def bench(self, request: pytest.FixtureRequest, tmp_path: Path) -> PandaBench:
        return PandaBench(
            tmp_path, os.environ["PANDA_TEST_URL"], os.environ["PANDA_TEST_TOKEN"], MODES[request.param]
        )

    @pytest.mark.parametrize("what", LOSSES)
    def test_a_submission_that_gets_lost_runs_once(self, bench: PandaBench, what: str) -> None:
        assert run_losing(bench, what, 2).phase == Phase.COMPLETED
        assert (bench.starts(), bench.ends()) == (1, 1)
