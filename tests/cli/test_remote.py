# SPDX-License-Identifier: Apache-2.0
"""The commands that read a product read it by its URL too."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.walking import Eb, request, runs
from tests.ranges import Files, files_served


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Files]:
    (tmp_path / "web").mkdir()
    with files_served(tmp_path / "web") as server:
        yield server


def test_a_step_runs_again_from_a_url_alone(tmp_path: Path, frame: Path, eb: Eb, web: Files) -> None:
    eb("run", request(tmp_path), "--out", "made")
    shutil.copy(tmp_path / "made" / "copy.fits", web.folder / "x.fits")
    url = f"{web.url}/x.fits?token=abcdef"
    shown = eb("show", url)
    assert shown.returncode == 0, shown.stderr
    assert f"{web.url}/x.fits?...: BOUND" in shown.stdout
    assert "abcdef" not in shown.stdout
    assert json.loads(eb("extract", url, "--json").stdout)["binding"] == "BOUND"
    assert "made by double" in eb("lineage", url).stdout
    again = eb("rerun", url, "--yes", "--json")
    assert again.returncode == 0, again.stderr
    assert runs(tmp_path) == 2


def test_a_file_url_is_as_its_path(frame: Path, eb: Eb) -> None:
    by_url, by_path = eb("show", frame.as_uri()), eb("show", frame)
    assert (by_url.returncode, by_url.stderr) == (by_path.returncode, by_path.stderr) != (2, "")


def test_what_is_not_there_is_a_wrong_argument(eb: Eb, web: Files) -> None:
    gone = eb("show", f"{web.url}/x.fits")
    assert gone.returncode == 2
    assert "check the address" in gone.stderr
    assert len(gone.stderr.splitlines()) == 1
