# SPDX-License-Identifier: Apache-2.0
"""PanDA's own client gets from the stand-in what it gets from a real server."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.panda.serving import StandIn
from tests.brokers.panda.standin import FIRST

PEER = Path(__file__).parent / "peer.py"


@pytest.fixture
def got(standin: StandIn, tmp_path: Path) -> dict[str, Any]:
    """What panda-client got: from the stand-in, or from the server that ``PANDA_TEST_URL`` names."""
    url = os.environ.get("PANDA_TEST_URL", standin.url)
    own = {
        "PANDA_URL": f"{url}/server/panda",
        "PANDA_URL_SSL": f"{url}/server/panda",
        "PANDACACHE_URL": f"{url}/server/panda",
        "PANDA_BEHIND_REAL_LB": "1",  # it looks hosts up at its import otherwise
        "PANDA_AUTH": "oidc",
        "PANDA_AUTH_VO": "eb",
        "PANDA_AUTH_ID_TOKEN": os.environ.get("PANDA_TEST_TOKEN", "token"),
        "PANDA_CONFIG_ROOT": str(tmp_path),
    }
    commands = [f"touch {tmp_path}/task", f"touch {tmp_path}/job"]
    done = subprocess.run(
        [sys.executable, PEER, *commands],
        env=os.environ | own,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert (tmp_path / "task").exists()
    assert (tmp_path / "job").exists()
    return found


def test_panda_client_can_do_all_that_we_do(got: dict[str, Any]) -> None:
    tasks, jobs = got["tasks"], got["jobs"]
    status, (code, said) = tasks["submitted"]
    number = int(said.rpartition("=")[2])
    assert (status, code, said) == (0, 0, f"succeeded. new jediTaskID={number}")
    assert number >= FIRST
    assert tasks["again"][1][0] in {1, 2}
    assert f"jediTaskID={number} is" in tasks["again"][1][1]
    assert (tasks["end"], tasks["aborted"]) == ("done", "aborted")
    assert tasks["late"][1][1].startswith("Command rejected: the kill command is not accepted")
    assert tasks["early"][1][1] == "not the task owner or no production role"
    assert tasks["killed"] == [0, [True, 0]]
    assert len(tasks["jobs"][1]) == 1
    assert jobs["submitted"][0] == 0
    assert [len(each) for each in jobs["submitted"][1]] == [3, 3]
    assert (jobs["end"], jobs["killed"], jobs["cancelled"]) == ("finished", [0, [True]], "cancelled")
    assert jobs["whole"]["maxRSS"] == 123456
    assert jobs["whole"]["VO"] == "eb"
