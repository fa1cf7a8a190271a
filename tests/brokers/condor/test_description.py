# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
from pathlib import Path

import pytest

from eb_prefect.brokers.batch.scheduler import Submission, SubmissionRefusedError
from eb_prefect.brokers.condor.description import describe
from eb_prefect.errors import InvalidConfigurationError

PROBE = """
import sys
sys.modules["htcondor2"] = None
from eb_prefect.brokers.condor.scheduler import HTCondorScheduler
HTCondorScheduler()
"""


def described(*options: str, name: str = "smooth", minutes: int = 0, gpus: int = 0) -> dict[str, str]:
    given = Submission("f00", name, "#!/bin/sh\n", "/shared/log", minutes=minutes, gpus=gpus, options=options)
    return dict(describe(given, Path("/shared/f00.sh")))


def test_options_are_lines_of_a_submit_description() -> None:
    found = described("accounting_group = ska.radio", '+Project = "SKA=1"')
    assert (found["accounting_group"], found["MY.Project"]) == ("ska.radio", '"SKA=1"')


def test_own_requirements_are_kept_beside_ours() -> None:
    assert described("Requirements = Memory > 10")["requirements"].startswith("(Memory > 10) && ")


@pytest.mark.parametrize(
    "option", ["word", "= value", "key =", "executable = /bin/x", "Queue = 3", "a = b\nqueue 2", "--x"]
)
def test_other_options_are_refused(option: str) -> None:
    with pytest.raises(SubmissionRefusedError, match="can't be a line"):
        described(option)


def test_limits_that_nobody_asked_for_are_left_out() -> None:
    assert not {"allowed_job_duration", "request_gpus", "request_memory"} & set(described())
    assert described(minutes=5, gpus=1)["allowed_job_duration"] == "300"


def test_a_name_is_one_line_of_plain_signs() -> None:
    assert described(name='M 31 "r"\nqueue 9')["batch_name"] == "M-31-r-queue-9"


def test_without_the_bindings_the_extra_is_named() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=False)
    assert InvalidConfigurationError.__name__ in done.stderr
    assert "eb-prefect[htcondor]" in done.stderr


def test_importing_our_package_imports_no_bindings() -> None:
    program = "import sys, eb_prefect.brokers.condor.scheduler; sys.exit('htcondor2' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
