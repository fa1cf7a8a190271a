# SPDX-License-Identifier: Apache-2.0
"""Running tests as an ordinary user where the suite runs as root."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PYTHONS = (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}")


class User(NamedTuple):
    uid: int
    gid: int


@contextmanager
def place_of(user: User) -> Iterator[Path]:
    """A directory of the user's, in a place that the user can reach."""
    place = Path(tempfile.mkdtemp(prefix="eb-user-", dir="/tmp"))
    os.chown(place, *user)
    yield place
    shutil.rmtree(place)


def passes_as(user: User, files: Sequence[str], *options: str) -> None:
    """Assert that the tests in these files pass as the user."""
    become = ["setpriv", f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups", "env"]
    with place_of(user) as place:
        packages = os.pathsep.join(path for path in sys.path if path.endswith("-packages"))
        environment = {**os.environ, "HOME": str(place), "PYTHONPATH": packages}
        python = next((each for each in PYTHONS if _is_usable([*become, each], environment)), None)
        if python is None:
            pytest.skip("no Python with these packages can be run by this user")
        command = [*become, python, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*command, f"--basetemp={place}/tmp", *options, *files],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-4000:]


def _is_usable(python: list[str], environment: dict[str, str]) -> bool:
    ask = [*python, "-c", "import pydantic, pytest_timeout"]
    return subprocess.run(ask, cwd="/", env=environment, capture_output=True, check=False).returncode == 0
