# SPDX-License-Identifier: Apache-2.0
import json
import os
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from astropy.table import Table

from flows.server import prefect_server
from provenance.products.extract import extract

DEMO = (sys.executable, "-P", "-c", "from flows.demo import demo; demo()")


def thresholds(*catalogues: str) -> list[float]:
    return [Table.read(path, hdu="SOURCES").meta["THRESHLD"] for path in catalogues]


def task_runs(environment: dict[str, str], flow_run: str) -> list[dict[str, Any]]:
    asked = json.dumps({"flow_runs": {"id": {"any_": [flow_run]}}}).encode()
    url = f"{environment['PREFECT_API_URL']}/task_runs/filter"
    request = urllib.request.Request(url, asked, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        found: list[dict[str, Any]] = json.load(answer)
    return found


@pytest.mark.timeout(400)  # it starts a server whose database is not there yet
def test_the_demo_needs_nothing_and_leaves_a_history(tmp_path: Path) -> None:
    environment = {
        "HOME": str(tmp_path),
        "PATH": os.defpath,
        "PYTHONPATH": os.environ["PYTHONPATH"],
        "PREFECT_API_URL": "http://127.0.0.1:9/api",
    }
    ended = subprocess.run(
        [*DEMO, "--json"], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert thresholds(told["product"], told["rerun_product"]) == [3.0, 5.0]
    rerun = extract(Path(told["rerun_product"]))
    assert rerun.record["based_on"]["record"] == told["record"] == extract(Path(told["product"])).digest
    assert "a8280271.fits" in ended.stderr.partition("eb lineage")[2]
    assert not (tmp_path / ".prefect").exists()

    home = Path(next(word for word in told["prefect"]["start"].split() if "PREFECT_HOME=" in word)[13:])
    with prefect_server(home) as kept:
        ran = task_runs(kept, told["flow_run"])
    assert sorted((run["name"], run["state_name"]) for run in ran) == [
        ("smooth: COMPLETED", "Completed"),
        ("sources: COMPLETED", "Completed"),
    ]


def test_the_command_finds_the_demo() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["eb.commands"] == {"demo": "flows.demo:demo"}
