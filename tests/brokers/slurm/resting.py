# SPDX-License-Identifier: Apache-2.0
"""A Slurm cluster by its REST interface as the bench of a scheduler."""

import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from eb_prefect.brokers.batch.scheduler import Submission
from eb_prefect.brokers.slurm.rest import SlurmREST


@dataclass(frozen=True)
class RestBench:
    directory: Path
    at: str
    user: str
    token: str
    patience: float = 30.0
    waiting: tuple[str, ...] = ("--hold",)
    unknown: str = "4000000"
    finds: bool = True
    newest: int = int(os.environ.get("EB_TEST_SLURM_NEWEST", "42"))

    def scheduler(self) -> SlurmREST:
        return SlurmREST(self.at, user=self.user, token=partial(str, self.token), newest=self.newest)

    def impossible(self, submission: Submission) -> Submission:
        return replace(submission, memory=1 << 30)

    def unreachable(self) -> SlurmREST:
        return SlurmREST("http://127.0.0.1:9", user=self.user, token=partial(str, self.token))
