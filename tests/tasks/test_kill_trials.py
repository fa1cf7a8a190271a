# SPDX-License-Identifier: Apache-2.0
"""A handful of flows that are killed; all points with EB_KILL_TRIALS=200, in half an hour; -s shows each."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TRIALS = Path(__file__).with_name("kill_trials.py")
COUNT = int(os.environ.get("EB_KILL_TRIALS", "4")) // 2


@pytest.mark.timeout(240 + COUNT * 120)
@pytest.mark.parametrize(("kind", "seed"), [("embedded", 3), ("served", 9)])
def test_killed_flows_complete_and_run_nothing_twice(
    tmp_path: Path, prefect_environment: dict[str, str], kind: str, seed: int
) -> None:
    command = [sys.executable, str(TRIALS), kind, str(COUNT), str(seed), str(tmp_path)]
    done = subprocess.run(command, env=prefect_environment, capture_output=True, text=True, check=False)
    print(done.stdout)
    bad = [
        line.split()[0] for line in done.stdout.splitlines() if ": ok" not in line and line.startswith("t")
    ]
    logs = "\n".join((tmp_path / name / "log").read_text()[-3000:] for name in bad)
    assert done.returncode == 0, done.stdout + done.stderr + logs
