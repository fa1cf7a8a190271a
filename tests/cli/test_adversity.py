# SPDX-License-Identifier: Apache-2.0
"""What a terminal, a disk and a user can do to the commands."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.walking import EB, Eb, environment, request


@pytest.mark.parametrize("command", ["show", "extract", "lineage", "rerun"])
def test_what_is_no_file_is_a_wrong_path(tmp_path: Path, eb: Eb, command: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("nothing", "pipe", "/dev/null"):
        told = eb(command, name, "--json")
        assert told.returncode == 2, told.stderr
        assert name in json.loads(told.stdout)["error"]["message"]
        assert "Traceback" not in told.stderr


@pytest.mark.parametrize("command", ["show", "extract", "lineage", "rerun"])
def test_a_directory_may_have_a_record_and_this_one_has_none(tmp_path: Path, eb: Eb, command: str) -> None:
    told = eb(command, ".")
    assert told.returncode == 5
    assert f"{tmp_path.name} has no record" in told.stderr


def test_a_place_that_can_not_be_written_is_told_before_anything_runs(
    tmp_path: Path, frame: Path, eb: Eb
) -> None:
    told = eb("run", request(tmp_path), "--out", "/dev/null/made")
    assert (told.returncode, (tmp_path / "runs").exists()) == (2, False)
    assert "/dev/null" in told.stderr


@pytest.mark.parametrize("words", [("history",), ("lineage", "made/copy.fits")])
def test_a_home_that_can_not_be_used_is_told(
    tmp_path: Path, frame: Path, eb: Eb, words: tuple[str, ...]
) -> None:
    eb("run", request(tmp_path), "--out", "made")
    told = eb(*words, env=environment(Path("/dev/null/home")))
    assert told.returncode == 2
    assert told.stderr.startswith("eb: the store /dev/null/home/")


@pytest.mark.parametrize("words", [("history",), ("--help",), ("history", "--help")])
def test_a_reader_who_leaves_early_is_no_failed_step(tmp_path: Path, words: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    told = subprocess.run(
        [*EB, *words],
        stdout=writing,
        stderr=subprocess.PIPE,
        env=environment(tmp_path / "eb home"),
        check=False,
        timeout=60,
    )
    os.close(writing)
    assert (told.returncode, told.stderr) == (130, b"")


def test_a_step_that_nobody_watches_is_recorded_all_the_same(tmp_path: Path, frame: Path, eb: Eb) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [*EB, "run", request(tmp_path), "--out", "made", "--json"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=writing,
        env=environment(tmp_path / "eb home"),
        check=False,
        timeout=60,
    )
    os.close(writing)
    assert ran.returncode == 0
    assert json.loads(ran.stdout)["products"] == ["made/copy.fits"]
    assert len(json.loads(eb("history", "--json").stdout)) == 1


def test_output_that_finds_no_room_is_told(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        told = subprocess.run(
            [*EB, "history"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(tmp_path / "eb home"),
            check=False,
            timeout=60,
        )
    assert told.returncode == 2
    assert b"No space left" in told.stderr
    assert b"Traceback" not in told.stderr


def test_the_name_of_a_step_commands_no_terminal(tmp_path: Path, frame: Path, eb: Eb) -> None:
    path = request(tmp_path)
    path.write_text(path.read_text().replace("name: double", r'name: "a\e[31m[/b]"', 1))
    told = eb("run", path)
    assert told.returncode == 0, told.stderr
    assert "\x1b" not in told.stderr
    assert r"a\x1b[31m[/b]: COMPLETED" in told.stderr
    assert eb("run", path, "--name", "two\nlines").returncode == 2


@pytest.mark.parametrize("setting", ["name", "executable.environment.X"])
def test_a_setting_that_is_no_text_is_refused(tmp_path: Path, frame: Path, eb: Eb, setting: str) -> None:
    told = eb("run", request(tmp_path), "--set", f"{setting}=a\udcff")
    assert told.returncode == 2, told.stderr
    assert "UTF-8" in told.stderr


def test_products_go_to_a_directory_of_any_name(tmp_path: Path, frame: Path, eb: Eb) -> None:
    made = eb("run", request(tmp_path), "--out", "a \udcff", "--json")
    assert made.returncode == 0, made.stderr
    assert eb("show", "a \udcff/copy.fits").returncode == 0
