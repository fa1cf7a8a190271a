# SPDX-License-Identifier: Apache-2.0
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.containers import Images

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
TABLE = ("--input", f"table={EXAMPLES / 'stars.csv'}")
STARS = ["Sirius,-1.46", "Canopus,-0.74", "Vega,0.03", "Rigel,0.13", "Procyon,0.34", "Betelgeuse,0.50"]


def eb(home: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `eb` as the heads of the examples show it."""
    return subprocess.run(
        [sys.executable, "-c", "from provenance.cli.main import main; main()", *words],
        env={**os.environ, "EB_HOME": str(home), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.container
def test_a_table_is_sorted_in_a_container(images: Images, tmp_path: Path) -> None:
    image = (
        *("--set", f"executable.image.locations={json.dumps(images.plain.locations)}"),
        *("--set", f"executable.image.digest={images.plain.digest}"),
    )
    done = eb(tmp_path / "home", "run", EXAMPLES / "container.yaml", *TABLE, *image, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "sorted.csv").read_text().splitlines() == STARS


def test_a_notebook_counts_stars_and_runs_again_from_its_product(tmp_path: Path) -> None:
    pytest.importorskip("papermill", reason="the extra notebook is not installed")
    notebook = Path(shutil.copy(EXAMPLES / "magnitudes.ipynb", tmp_path))
    location = ("--set", f"executable.location={notebook.as_uri()}")
    first, second = tmp_path / "first", tmp_path / "second"
    done = eb(tmp_path / "home", "run", EXAMPLES / "notebook.yaml", *TABLE, *location, "--out", first)
    assert done.returncode == 0, done.stderr
    assert bright(first) == ["Sirius", "Canopus", "Vega"]
    assert "'Sirius'" in (first / "magnitudes.ipynb").read_text()

    again = ("rerun", first / "summary.json", "--set", "executable.parameters.limit=0.2", "--yes")
    assert eb(tmp_path / "home", *again, "--out", second).returncode == 0
    assert bright(second) == ["Sirius", "Canopus", "Vega", "Rigel"]

    notebook.write_text(notebook.read_text().replace("stars[name] < limit", "True"))
    changed = eb(tmp_path / "home", *again, "--out", tmp_path / "third")
    assert changed.returncode == 1
    assert "sha-256" in changed.stdout + changed.stderr


def bright(made: Path) -> list[str]:
    counted: dict[str, list[str]] = json.loads((made / "summary.json").read_text())
    return counted["bright"]
