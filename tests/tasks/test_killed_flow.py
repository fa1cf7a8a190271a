# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
import time
from pathlib import Path

import pytest

from provenance.products.extract import extract
from provenance.products.found import Binding
from provenance.store import Store

FLOW = Path(__file__).with_name("two_steps.py")


@pytest.mark.timeout(400)
@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_killed_flow_run_again_finds_its_sessions(
    tmp_path: Path, prefect_environment: dict[str, str], colour: str
) -> None:
    command = [sys.executable, str(FLOW), colour, str(tmp_path)]
    environment = {**prefect_environment, "EB_HOME": str(tmp_path / "home")}
    with subprocess.Popen(command, env=environment) as flow:
        wait_for(tmp_path / "second.tally")
        flow.kill()
    subprocess.run(command, env=environment, check=True, timeout=150)
    for name in ("first", "second"):
        assert (tmp_path / f"{name}.tally").read_text() == "begun\n"
        assert extract(tmp_path / "products" / f"{name}.txt").binding is Binding.BOUND
    history = Store(tmp_path / "home" / "records.db").history()
    assert sorted((entry.name, entry.phase) for entry in history) == [
        ("first", "COMPLETED"),
        ("second", "COMPLETED"),
    ]


def wait_for(path: Path) -> None:
    end = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < end, f"{path} was not made"
        time.sleep(0.05)
