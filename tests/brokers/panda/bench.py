# SPDX-License-Identifier: Apache-2.0
"""A PanDA server, real or not, and programs that count themselves."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from eb_prefect.brokers.panda.broker import PandaBroker
from eb_prefect.brokers.panda.job import Jobs
from eb_prefect.brokers.panda.mode import Mode
from eb_prefect.brokers.panda.task import Tasks
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.pace import Pace
from tests.brokers.counting import Counting

SITE = "EB_TEST"
MODES: dict[str, Mode] = {"tasks": Tasks(), "jobs": Jobs(site=SITE)}
PACE = Pace(price=0.001, shortest=0.02, longest=1.0)


@dataclass(frozen=True)
class PandaBench(Counting):
    root: Path
    url: str
    token: str
    mode: Mode
    vo: str = "eb"
    patience: float = 30.0
    tells_exit_codes: bool = True
    options: dict[str, Any] = field(default_factory=dict)

    def broker(self, **options: Any) -> PandaBroker:
        usual: dict[str, Any] = {"home": self.root / "home", "pace": PACE, "doubt": timedelta(seconds=1)}
        given = usual | self.options | options
        return PandaBroker(self.url, vo=self.vo, token=self.token, mode=self.mode, **given)

    def short_lived(self) -> PandaBroker:
        return self.broker(offer_life=timedelta(seconds=0.1))

    def impossible(self) -> ExecutionRequest:
        return program("true", schedule={"requested": {"start": "2030-01-01T00:00:00Z/PT1H"}})

    def alternatives(self) -> None:
        return None

    def program(self, *command: str, **parts: Any) -> ExecutionRequest:
        return program(*command, **parts)


def program(*command: str, **parts: Any) -> ExecutionRequest:
    environment = parts.pop("environment", {})
    executable = {"kind": "executable/program", "command": command, "environment": environment}
    return ExecutionRequest.model_validate({"executable": executable} | parts)
