# SPDX-License-Identifier: Apache-2.0
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.containers import Images

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
STARS = ["Sirius,-1.46", "Canopus,-0.74", "Vega,0.03", "Rigel,0.13", "Procyon,0.34", "Betelgeuse,0.50"]


def eb_run(example: str, into: Path, *settings: str) -> dict[str, Path]:
    """Run an example on the table of stars by the command that its head shows; products by name."""
    done = subprocess.run(
        [
            *(sys.executable, "-c", "from provenance.cli.main import main; main()"),
            *(
                "run",
                EXAMPLES / example,
                "--input",
                f"table={EXAMPLES / 'stars.csv'}",
                "--out",
                into,
                "--json",
            ),
            *(word for setting in settings for word in ("--set", setting)),
        ],
        env={**os.environ, "EB_HOME": str(into / "home"), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.name: path for path in into.iterdir() if path.is_file()}


@pytest.mark.container
def test_a_table_is_sorted_in_a_container(images: Images, tmp_path: Path) -> None:
    made = eb_run(
        "container.yaml",
        tmp_path,
        f"executable.image.locations={json.dumps(images.plain.locations)}",
        f"executable.image.digest={images.plain.digest}",
    )
    assert made["sorted.csv"].read_text().splitlines() == STARS


def test_a_notebook_counts_the_bright_stars(tmp_path: Path) -> None:
    pytest.importorskip("papermill", reason="the extra notebook is not installed")
    made = eb_run(
        "notebook.yaml", tmp_path, f"executable.location={(EXAMPLES / 'magnitudes.ipynb').as_uri()}"
    )
    assert json.loads(made["summary.json"].read_text()) == {
        "limit": 0.1,
        "of": 6,
        "bright": ["Sirius", "Canopus", "Vega"],
    }
    assert "'Sirius'" in made["magnitudes.ipynb"].read_text()
