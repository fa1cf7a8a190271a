# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
from pathlib import Path

import pytest

from eb_prefect.brokers.batch.scheduler import SubmissionRefusedError
from eb_prefect.brokers.psij.options import attributes
from eb_prefect.brokers.psij.scheduler import PsijScheduler
from eb_prefect.brokers.psij.slurm import SLURM
from eb_prefect.brokers.psij.system import plain
from eb_prefect.errors import InvalidConfigurationError

PROBE = """
import sys
from pathlib import Path
sys.modules["psij"] = None
from eb_prefect.brokers.psij.scheduler import PsijScheduler
from eb_prefect.brokers.psij.slurm import SLURM
PsijScheduler(SLURM, directory=Path("nowhere"))
"""


@pytest.fixture
def scheduler(tmp_path: Path) -> PsijScheduler:
    pytest.importorskip("psij", reason="needs the extra psij")
    return PsijScheduler(SLURM, directory=tmp_path)


def test_without_psij_the_extra_is_named() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=False)
    assert InvalidConfigurationError.__name__ in done.stderr
    assert "eb-prefect[psij]" in done.stderr


def test_importing_our_package_imports_no_psij() -> None:
    program = "import sys, eb_prefect.brokers.psij.scheduler; sys.exit('psij' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_psij_leaves_signals_to_the_program() -> None:
    pytest.importorskip("psij", reason="needs the extra psij")
    program = (
        "import signal; from pathlib import Path\n"
        "from eb_prefect.brokers.psij.scheduler import PsijScheduler\n"
        "from eb_prefect.brokers.psij.slurm import SLURM\n"
        "before = signal.getsignal(signal.SIGCHLD)\n"
        "PsijScheduler(SLURM, directory=Path('nowhere'))\n"
        "assert signal.getsignal(signal.SIGCHLD) == before == signal.SIG_DFL\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_what_psij_left_long_ago_is_removed(scheduler: PsijScheduler, tmp_path: Path) -> None:
    kept = [tmp_path / "slurm" / name for name in ("1.ec", "launcher.sh")]
    for path in (*kept, tmp_path / "slurm" / "2.ec"):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    os.utime(tmp_path / "slurm" / "2.ec", (0, 0))
    os.utime(tmp_path / "slurm" / "launcher.sh", (0, 0))
    scheduler._library.tidy()
    assert sorted((tmp_path / "slurm").iterdir()) == kept


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), {}),
        (("--qos=high", "--begin=now+1hour"), {"slurm.qos": "high", "slurm.begin": "now+1hour"}),
        (("-q", "long", "-A", "ska"), {"slurm.q": "long", "slurm.A": "ska"}),
        (("--exclusive", "--qos=a"), {"slurm.exclusive": "", "slurm.qos": "a"}),
    ],
)
def test_options_are_what_a_command_line_has(options: tuple[str, ...], expected: dict[str, str]) -> None:
    assert attributes("slurm", options) == expected


@pytest.mark.parametrize(
    "options", [("--constraint=a|b",), ("-l", "a b"), ("word",), ("--",), ("--x=$(id)",)]
)
def test_options_that_would_arrive_otherwise_are_refused(options: tuple[str, ...]) -> None:
    with pytest.raises(SubmissionRefusedError, match="can't hand over"):
        attributes("slurm", options)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("smooth", "smooth"),
        ("M 31, r band\n#PBS -q x", "M-31-r-band-PBS"),
        ("31 Mess", "eb-31-Mess"),
        ("é", "eb"),
        ("", "eb"),
        ("a" * 40, "a" * 15),
    ],
)
def test_names_are_made_of_what_all_take(name: str, expected: str) -> None:
    assert plain(name) == expected
