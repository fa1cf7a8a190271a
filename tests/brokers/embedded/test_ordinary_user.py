# SPDX-License-Identifier: Apache-2.0
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NOBODY = 65534
SLOW = "test_cancelling_ends_every_process"
PYTHONS = (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}")


def is_usable(python: list[str], environment: dict[str, str]) -> bool:
    ask = [*python, "-c", "import pydantic, pytest_timeout"]
    return subprocess.run(ask, cwd="/", env=environment, capture_output=True, check=False).returncode == 0


@pytest.fixture
def nobodys_place() -> Iterator[Path]:
    """A directory of the user nobody, in a place that nobody can reach."""
    place = Path(tempfile.mkdtemp(prefix="eb-nobody-", dir="/tmp"))
    os.chown(place, NOBODY, NOBODY)
    yield place
    shutil.rmtree(place)


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can become another user; the suite runs as one already"
)
def test_all_that_holds_for_root_holds_for_an_ordinary_user(nobodys_place: Path) -> None:
    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "env"]
    packages = os.pathsep.join(path for path in sys.path if path.endswith("-packages"))
    environment = {**os.environ, "HOME": str(nobodys_place), "PYTHONPATH": packages}
    python = next(filter(lambda path: is_usable([*become, path], environment), PYTHONS), None)
    if python is None:
        pytest.skip("no Python with these packages can be run by the user nobody")
    files = [f"tests/brokers/embedded/test_{name}.py" for name in ("contract", "volumes", "limits")]
    options = ["-q", "-p", "no:cacheprovider", f"--basetemp={nobodys_place}/tmp", "-k", f"not {SLOW}"]
    done = subprocess.run(
        [*become, python, "-B", "-m", "pytest", *options, *files],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
