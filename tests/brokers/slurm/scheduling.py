# SPDX-License-Identifier: Apache-2.0
"""A Slurm cluster as the bench of a scheduler."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eb_prefect.brokers.batch.here import Here
from eb_prefect.brokers.batch.host import Ran
from eb_prefect.brokers.batch.scheduler import Submission
from eb_prefect.brokers.slurm.command_line import SlurmCommands


@dataclass(frozen=True)
class CommandsBench:
    directory: Path
    patience: float = 30.0
    waiting: tuple[str, ...] = ("--begin=now+1hour",)
    unknown: str = "4000000"
    finds: bool = True

    def scheduler(self) -> SlurmCommands:
        return SlurmCommands()

    def impossible(self, submission: Submission) -> Submission:
        return replace(submission, queue="nowhere")

    def unreachable(self) -> SlurmCommands:
        return SlurmCommands(Elsewhere(self.directory))


class Elsewhere(Here):
    """A machine whose Slurm has no controller that answers."""

    is_here = False  # its environment is not that of this process

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._configuration = directory / "slurm.conf"
        self._configuration.write_text(
            "ClusterName=gone\nSlurmctldHost=localhost(127.0.0.1)\nSlurmctldPort=1\nMessageTimeout=2\n"
            "AuthType=auth/none\nNodeName=n\nPartitionName=p Nodes=n\n"
        )

    def run(
        self, argv: Sequence[str], *, text: str = "", environment: Mapping[str, str] | None = None
    ) -> Ran:
        elsewhere = {"SLURM_CONF": str(self._configuration), **(environment or {})}
        return super().run(argv, text=text, environment=elsewhere)
