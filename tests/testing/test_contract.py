# SPDX-License-Identifier: Apache-2.0
"""The scripted broker without faults is a broker like any other."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.testing.contract import BrokerContract
from eb_prefect.testing.script import Script
from eb_prefect.testing.scripted import ScriptedBroker
from eb_prefect.testing.terms import Terms
from eb_prefect.testing.wireserver import ScriptedServer
from eb_prefect.wire.dialect import Dialect


def command(*words: str, cores: int = 1) -> ExecutionRequest:
    kind = "executable/docker-container"
    image = {"locations": ["registry.example.org/sky:1"], "digest": f"sha256:{'1' * 64}"}
    executable: dict[str, Any] = {"kind": kind, "image": image, "environment": {"DO": " ".join(words)}}
    return ExecutionRequest.model_validate({"executable": executable, "compute": {"cores": {"min": cores}}})


def script(request: ExecutionRequest) -> Script:
    verb, value = request.executable.environment["DO"].split()
    if verb == "sleep":
        return ((0.0, "PREPARING"), (0.01, "RUNNING"), (float(value), "COMPLETED"))
    return ((0.0, "RUNNING"), (0.02, "COMPLETED" if value == "0" else "FAILED"))


@dataclass(frozen=True)
class ServedBench:
    url: str
    hasty_url: str
    dialect: Dialect
    patience: float = 20.0
    tells_exit_codes: bool = False

    def broker(self) -> HTTPBroker:
        return self._to(self.url)

    def short_lived(self) -> HTTPBroker:
        return self._to(self.hasty_url)

    def _to(self, url: str) -> HTTPBroker:
        return HTTPBroker(url, dialect=self.dialect)

    def succeeding(self) -> ExecutionRequest:
        return command("exit", "0")

    def failing(self, code: int) -> ExecutionRequest:
        return command("exit", str(code))

    def lasting(self, seconds: float) -> ExecutionRequest:
        return command("sleep", str(seconds))

    def impossible(self) -> ExecutionRequest:
        return command("exit", "0", cores=100_000)

    def alternatives(self) -> ExecutionRequest:
        return command("exit", "0", cores=2)

    def starts(self) -> int:
        return self._runs("begun")

    def ends(self) -> int:
        return self._runs("ended")

    def _runs(self, what: str) -> int:
        answers = [httpx.get(f"{url}/-/runs", trust_env=False) for url in (self.url, self.hasty_url)]
        return sum(answer.json()[what] for answer in answers)


def refusal(request: ExecutionRequest) -> list[str]:
    return ["there are not so many cores"] if request.compute.cores.min > 1000 else []


class TestServedContract(BrokerContract):
    @pytest.fixture(params=[Dialect.A, Dialect.B1, Dialect.B2, Dialect.NEUTRAL])
    def bench(self, request: pytest.FixtureRequest) -> Iterator[ServedBench]:
        def offers(asked: ExecutionRequest) -> list[Terms]:
            return [Terms()] * asked.compute.cores.min

        brokers = (
            ScriptedBroker(script, offers=offers, refusal=refusal),
            ScriptedBroker(script, offers=[Terms(life=0.2)]),
        )
        with ExitStack() as stack:
            servers = [stack.enter_context(ScriptedServer(broker, request.param)) for broker in brokers]
            yield ServedBench(*(server.url for server in servers), request.param)
