# SPDX-License-Identifier: Apache-2.0
"""The cluster that other tests use."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm import SCRIPT, Slurm, alone, cluster


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    """A cluster of its own, to kill daemons of."""
    with alone() as found:
        yield found


def ask(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


def state(task: str) -> str:
    return ask("scontrol", "--oneliner", "show", "job", task).partition("JobState=")[2].split()[0]


def awaited(task: str) -> str:
    end = time.monotonic() + 30
    while (seen := state(task)) in {"PENDING", "RUNNING", "COMPLETING"} and time.monotonic() < end:
        time.sleep(0.1)
    return seen


def submitted(script: str, *options: str) -> str:
    return ask("sbatch", "--parsable", "--output=/dev/null", *options, f"--wrap={script}")


def test_two_nodes_run_what_is_submitted(slurm: Slurm) -> None:
    assert awaited(submitted("exit 3", "--nodelist=n1", "--gres=gpu:1")) == "FAILED"
    assert awaited(submitted("true", "--nodelist=n2", "--partition=brief")) == "COMPLETED"


def test_a_thousand_tasks_are_one_submission(slurm: Slurm) -> None:
    task = submitted("true", "--array=0-1999", "--hold")
    assert ask("squeue", "--noheader", "--array", f"--jobs={task}").count("\n") == 1999
    ask("scancel", task)


def test_accounts_keep_our_comment(slurm: Slurm) -> None:
    if not slurm.has_accounts:
        pytest.skip("this cluster keeps no accounts")
    task = submitted("exit 3", "--comment=eb:x")
    for _ in range(200):
        if ask("sacct", "--jobs", task, "-XPno", "ExitCode,Comment,State") == "3:0|eb:x|FAILED":
            return
        time.sleep(0.1)
    pytest.fail("there is no account of it")


def test_what_runs_outlives_the_controller(slurm: Slurm) -> None:
    task = submitted("sleep 8; exit 5")
    while state(task) == "PENDING":
        time.sleep(0.1)
    slurm.await_saved()
    with slurm.without("slurmctld", "kill-one"):
        time.sleep(2)
    assert awaited(task) == "FAILED"


def test_a_second_start_changes_nothing(slurm: Slurm) -> None:
    pids = ask("sh", "-c", f"cat {slurm.directory}/run/*.pid")
    ask(str(SCRIPT), "start", str(slurm.directory))
    assert ask("sh", "-c", f"cat {slurm.directory}/run/*.pid") == pids


def ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.fixture
def bare(slurm: Slurm) -> Iterator[Path]:
    with cluster(EB_SLURM_ACCOUNTS="no") as directory:
        yield directory


def test_a_stop_ends_what_still_runs_without_accounts_too(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_CONF", str(bare / "etc" / "slurm.conf"))
    mark = bare / "log" / "pid"
    submitted(f"trap '' TERM; echo $$ > {mark}; while true; do sleep 0.1; done")
    while not (mark.exists() and mark.read_text().strip()):
        time.sleep(0.1)
    pid = int(mark.read_text())
    ask(str(SCRIPT), "stop", str(bare))
    assert ended(pid)
    assert not bare.exists()


def test_a_start_says_in_one_line_what_is_missing(tmp_path: Path) -> None:
    for program in ("bash", "mkdir", "id", "rm"):
        found = shutil.which(program)
        assert found is not None
        (tmp_path / program).symlink_to(found)
    begun = subprocess.run(
        ["bash", SCRIPT, "start", tmp_path / "cluster"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (begun.returncode, begun.stderr.count("\n")) == (3, 1)
    assert "is not installed" in begun.stderr
