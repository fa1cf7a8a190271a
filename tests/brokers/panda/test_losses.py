# SPDX-License-Identifier: Apache-2.0
import pytest

from eb_prefect.model.phase import Phase
from tests.brokers.http.losing import LOSSES
from tests.brokers.panda.bench import PandaBench
from tests.brokers.panda.losses import run_losing


@pytest.mark.parametrize("number", [1, 2, 3, 6])
@pytest.mark.parametrize("what", LOSSES)
def test_whichever_message_gets_lost_a_session_runs_once(bench: PandaBench, what: str, number: int) -> None:
    assert run_losing(bench, what, number).phase == Phase.COMPLETED
    assert (bench.starts(), bench.ends()) == (1, 1)
