# SPDX-License-Identifier: Apache-2.0
"""Slurm clusters as brokers."""

from pathlib import Path

from eb_prefect.brokers.batch.broker import BatchBroker
from eb_prefect.brokers.batch.elsewhere import BatchBrokerElsewhere
from eb_prefect.brokers.batch.here import Here
from eb_prefect.brokers.batch.host import Host
from eb_prefect.brokers.batch.scheduler import Scheduler
from eb_prefect.brokers.batch.settings import BatchSettings
from eb_prefect.brokers.slurm.command_line import SlurmCommands


class SlurmBroker(BatchBroker):
    """The Slurm cluster of this machine, by its command line unless ``scheduler`` is another."""

    def __init__(
        self,
        scheduler: Scheduler | None = None,
        *,
        settings: BatchSettings | None = None,
        home: Path | None = None,
    ) -> None:
        host = Here()
        super().__init__("slurm", scheduler or SlurmCommands(host), host, settings=settings, home=home)


class RemoteSlurmBroker(BatchBrokerElsewhere):
    """The Slurm cluster that a host elsewhere reaches, such as an `ssh.Ssh`.

    Files of this machine that a request names are copied there when its offer
    is accepted, and products are copied back once it has ended.
    """

    def __init__(
        self,
        host: Host,
        scheduler: Scheduler | None = None,
        *,
        settings: BatchSettings | None = None,
        home: Path | None = None,
    ) -> None:
        super().__init__("slurm", scheduler or SlurmCommands(host), host, settings=settings, home=home)
