# SPDX-License-Identifier: Apache-2.0
"""A pool as the bench of a scheduler."""

import os
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from eb_prefect.brokers.batch.scheduler import Submission
from eb_prefect.brokers.condor.scheduler import HTCondorScheduler


@dataclass(frozen=True)
class CondorBench:
    directory: Path
    patience: float = 30.0
    waiting: tuple[str, ...] = ("requirements = false",)
    unknown: str = "999999.0"
    finds: bool = True

    def scheduler(self) -> HTCondorScheduler:
        return HTCondorScheduler()

    def impossible(self, submission: Submission) -> Submission:
        return replace(submission, options=("+Forbidden = true",))

    def unreachable(self) -> None:
        return None  # the bindings read their configuration once


def condor_bench(directory: Path) -> CondorBench:
    """Return the bench, or skip the test."""
    if find_spec("htcondor2") is None:
        pytest.skip("needs the extra htcondor")
    if "EB_TEST_CONDOR" not in os.environ:
        pytest.skip("needs a pool, which tests/condor.sh starts")
    return CondorBench(directory)
