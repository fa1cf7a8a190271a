# SPDX-License-Identifier: Apache-2.0
"""The command on a Slurm cluster, as a person uses it."""

import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.walking import EB, Eb, environment, request, runs
from tests.slurm import Slurm

SLURM = ("--broker", "slurm")


def interrupted(tmp_path: Path, *words: object) -> tuple[int, str]:
    """Run a command until its session runs, and interrupt it; return its code and what it said."""
    command = [*EB, "run", *map(str, words), *SLURM]
    home = environment(tmp_path / "eb home")
    with subprocess.Popen(
        command, env=home, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        end = time.monotonic() + 60
        while runs(tmp_path) == 0:
            assert time.monotonic() < end
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        said = "".join(process.communicate(timeout=60))
    return process.returncode, said


def test_a_step_runs_and_its_product_tells_where(tmp_path: Path, slurm: Slurm, frame: Path, eb: Eb) -> None:
    made = eb("run", request(tmp_path), *SLURM, "--out", "made")
    assert (made.returncode, runs(tmp_path)) == (0, 1), made.stderr
    assert "  product  made/copy.fits" in made.stdout
    shown = eb("show", "made/copy.fits").stdout
    assert re.search(r"^  used      exit code 0, .* s of CPU, .* of memory", shown, re.MULTILINE)
    assert re.search(r"^  where     node n[12], as \d+, COMPLETED$", shown, re.MULTILINE)


def test_a_program_that_fails_is_1_with_its_reason_and_recorded(
    tmp_path: Path, slurm: Slurm, frame: Path, eb: Eb
) -> None:
    told = eb("run", request(tmp_path, "echo oh >&2; exit 3"), *SLURM, "--json")
    answer = json.loads(told.stdout)
    assert (told.returncode, answer["phase"], answer["outcome"]["exit_code"]) == (1, "FAILED", 3)
    assert "the program ended with exit code 3; its last words on stderr: oh" in answer["messages"]
    assert eb("logs", answer["session"], "--stderr", *SLURM).stdout == "oh\n"
    said = eb("session", answer["session"], *SLURM).stdout
    assert f"{answer['session']}: FAILED" in said
    assert re.search(r"^  used       exit code 3, ", said, re.MULTILINE)


@pytest.mark.parametrize("command", ["run", "offers"])
def test_what_no_queue_can_give_is_3_with_each_reason_once(
    tmp_path: Path, slurm: Slurm, frame: Path, eb: Eb, command: str
) -> None:
    told = eb(command, request(tmp_path), *SLURM, "--set", "compute.cores.min=100")
    assert (told.returncode, runs(tmp_path)) == (3, 0)
    said = told.stdout + told.stderr
    assert said.count("a node of queue main has 8") == said.count("queue closed is DRAIN") == 1
    assert "a node of queue closed" not in said


def test_a_machine_without_slurm_is_2_and_says_so(tmp_path: Path, frame: Path, eb: Eb) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("sh", "env"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or "")
    told = eb("run", request(tmp_path), *SLURM, env={**environment(tmp_path), "PATH": f"{tmp_path}/bin"})
    assert (told.returncode, told.stdout) == (2, "")
    assert re.match("eb: there is no Slurm on .*: sinfo: command not found; install", told.stderr)
    assert told.stderr.count("\n") == 1


def test_a_cluster_that_does_not_answer_is_4(tmp_path: Path, slurm: Slurm, frame: Path, eb: Eb) -> None:
    own = (slurm.directory / "etc" / "slurm.conf").read_text()
    gone = tmp_path / "slurm.conf"
    gone.write_text(re.sub(r"SlurmctldPort=\d+", "SlurmctldPort=1\nMessageTimeout=2", own))
    told = eb("offers", request(tmp_path), *SLURM, env={**environment(tmp_path), "SLURM_CONF": str(gone)})
    assert told.returncode == 4
    assert "Slurm on " in told.stdout
    assert "can't be reached: sinfo: " in told.stdout


def test_offers_tell_their_queues(tmp_path: Path, slurm: Slurm, frame: Path, eb: Eb) -> None:
    said = eb("offers", request(tmp_path), "--broker", "slurm,embedded").stdout
    assert "slurm offer 1: queue main\nslurm offer 2: queue brief\n" in said
    assert re.search(r"^\*  slurm +1 ", said, re.MULTILINE)
    assert re.search(r"^   embedded +1 ", said, re.MULTILINE)


def test_the_best_of_two_brokers_runs_it_once(tmp_path: Path, slurm: Slurm, frame: Path, eb: Eb) -> None:
    words = ("--broker", "embedded,slurm", "--policy", "expected-wait:1", "--json")
    told: dict[str, Any] = json.loads(eb("run", request(tmp_path), *words).stdout)
    assert (told["phase"], told["outcome"]["state"], runs(tmp_path)) == ("COMPLETED", "COMPLETED", 1)


def test_an_interrupted_step_goes_on_and_is_found_and_ended(
    tmp_path: Path, slurm: Slurm, frame: Path, eb: Eb
) -> None:
    code, said = interrupted(tmp_path, request(tmp_path, "echo here; sleep 300"))
    assert code == 130
    found = re.search(r"double goes on; the same command finds it again, eb (cancel (\S+) .*) ends it", said)
    assert found, said
    assert ": RUNNING" in eb("session", found[2], *SLURM).stdout
    assert eb("logs", found[2], *SLURM).stdout == "here\n"
    eb(*found[1].split())
    end = time.monotonic() + 60
    while ": CANCELLED" not in eb("session", found[2], *SLURM).stdout:
        assert time.monotonic() < end
    assert runs(tmp_path) == 1


def test_the_same_command_finds_an_interrupted_step_again(
    tmp_path: Path, slurm: Slurm, frame: Path, eb: Eb
) -> None:
    wanted = request(tmp_path, "sleep 10")
    assert interrupted(tmp_path, wanted)[0] == 130
    assert (eb("run", wanted, *SLURM).returncode, runs(tmp_path)) == (0, 1)
