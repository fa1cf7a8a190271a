# SPDX-License-Identifier: Apache-2.0
"""A Slurm broker in a directory of its own, and programs that count themselves."""

import dataclasses
import sys
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from eb_prefect.brokers.batch.settings import BatchSettings
from eb_prefect.brokers.batch.ssh import Ssh
from eb_prefect.brokers.slurm.broker import RemoteSlurmBroker, SlurmBroker
from eb_prefect.brokers.slurm.rest import SlurmREST
from tests.brokers.embedded.bench import EmbeddedBench

SETTINGS = BatchSettings(interval=0.2)


@dataclass(frozen=True)
class SlurmBench(EmbeddedBench):
    patience: float = 40.0
    settings: BatchSettings = SETTINGS

    def broker(self) -> SlurmBroker:  # type: ignore[override]  # the same programs, another broker
        return SlurmBroker(settings=self.settings, home=self.home)

    def short_lived(self) -> SlurmBroker:  # type: ignore[override]  # the same
        brief = dataclasses.replace(self.settings, offer_life=timedelta(seconds=0.1))
        return SlurmBroker(settings=brief, home=self.home)


@dataclass(frozen=True)
class RemoteBench(SlurmBench):
    """The same cluster, reached by ssh as if it were elsewhere."""

    configuration: Path = Path()
    setup: str = ""

    def broker(self) -> RemoteSlurmBroker:  # type: ignore[override]  # the same
        return self._broker(self.settings)

    def short_lived(self) -> RemoteSlurmBroker:  # type: ignore[override]  # the same
        return self._broker(dataclasses.replace(self.settings, offer_life=timedelta(seconds=0.1)))

    def _broker(self, settings: BatchSettings) -> RemoteSlurmBroker:
        host = Ssh("host", configuration=self.configuration, setup=self.setup)
        there = dataclasses.replace(settings, directory=str(self.root / "there"), python=sys.executable)
        return RemoteSlurmBroker(host, settings=there, home=self.home)


@dataclass(frozen=True)
class RestSlurmBench(SlurmBench):
    """The same cluster by slurmrestd, with this machine's files."""

    url: str = ""
    user: str = ""
    token: str = ""

    def broker(self) -> SlurmBroker:
        return SlurmBroker(self._scheduler(), settings=self.settings, home=self.home)

    def short_lived(self) -> SlurmBroker:
        brief = dataclasses.replace(self.settings, offer_life=timedelta(seconds=0.1))
        return SlurmBroker(self._scheduler(), settings=brief, home=self.home)

    def _scheduler(self) -> SlurmREST:
        return SlurmREST(self.url, user=self.user, token=partial(str, self.token))
