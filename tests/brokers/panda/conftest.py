# SPDX-License-Identifier: Apache-2.0
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers.panda.bench import MODES, PandaBench
from tests.brokers.panda.serving import StandIn, serving

collect_ignore = [] if "PANDA_TEST_URL" in os.environ else ["test_real.py"]


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with serving() as server:
        yield server


@pytest.fixture(params=MODES)
def bench(request: pytest.FixtureRequest, tmp_path: Path, standin: StandIn) -> PandaBench:
    """Tasks, and jobs, on the stand-in."""
    return PandaBench(tmp_path, standin.url, "token", MODES[request.param])


@pytest.fixture
def tasks(tmp_path: Path, standin: StandIn) -> PandaBench:
    return PandaBench(tmp_path, standin.url, "token", MODES["tasks"])


@pytest.fixture
def jobs(tmp_path: Path, standin: StandIn) -> PandaBench:
    return PandaBench(tmp_path, standin.url, "token", MODES["jobs"])
