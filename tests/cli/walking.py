# SPDX-License-Identifier: Apache-2.0
"""The command and a request, as tests call them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
EB = [sys.executable, "-c", "from provenance.cli.main import main; main()"]

REQUEST = """
name: double
executable:
  kind: urn:eb-prefect:kind/executable/program
  command: [sh, -c, 'echo ran >> "$RUNS"; {work}']
  environment: {{RUNS: {runs}, FACTOR: 2}}
compute:
  cores: {{min: 1}}
  memory: {{min: 1}}
  volumes:
    - {{path: /input/frame.fits, mode: READONLY, resources: [frame]}}
    - {{path: /output, mode: READWRITE, resources: [products]}}
storage:
  - name: products
data:
  - {{name: frame, location: {frame}}}
schedule:
  requested: {{duration: PT5M}}
"""

Eb = Callable[..., subprocess.CompletedProcess[str]]


def environment(home: Path) -> dict[str, str]:
    own = {name: text for name, text in os.environ.items() if name != "EB_CONFIG"}
    places = {"EB_HOME": str(home), "XDG_CONFIG_HOME": f"{home}/configuration"}
    return {**own, **places, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}


def calling(folder: Path, home: Path) -> Eb:
    """Return the command as it is called in a folder, by someone with that home."""

    def call(*words: object, **given: object) -> subprocess.CompletedProcess[str]:
        options = {"cwd": folder, "env": environment(home), **given}
        return subprocess.run(
            [*EB, *map(str, words)], capture_output=True, text=True, check=False, timeout=60, **options
        )

    return call


def request(folder: Path, work: str = "cp /input/frame.fits /output/copy.fits") -> Path:
    path = folder / "request.yaml"
    frame = (folder / "frame.fits").as_uri()
    path.write_text(REQUEST.format(work=work, runs=folder / "runs", frame=frame))
    return path


def runs(folder: Path) -> int:
    return len((folder / "runs").read_text().splitlines()) if (folder / "runs").exists() else 0
