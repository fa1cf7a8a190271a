# SPDX-License-Identifier: Apache-2.0
"""A broker in a directory of its own, and programs that count themselves."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import Session
from eb_prefect.testing.contract import finish, offered
from tests.brokers.counting import Counting


@dataclass(frozen=True)
class EmbeddedBench(Counting):
    root: Path
    may_mount: bool = True
    patience: float = 20.0
    tells_exit_codes: bool = True

    @property
    def home(self) -> Path:
        return self.root / "home"

    def broker(self) -> EmbeddedBroker:
        return EmbeddedBroker(self.home, may_mount=self.may_mount)

    def short_lived(self) -> EmbeddedBroker:
        return EmbeddedBroker(self.home, offer_life=timedelta(seconds=0.1))

    def impossible(self) -> ExecutionRequest:
        return program("true", compute={"cores": {"min": 100_000}})

    def alternatives(self) -> ExecutionRequest:
        return self.script("true", compute={"memory": {"min": 1, "max": 2}})

    def program(self, *command: str, **parts: Any) -> ExecutionRequest:
        return program(*command, **parts)

    def directory(self, session: str) -> Path:
        return self.home / "sessions" / session


def program(*command: str, **parts: Any) -> ExecutionRequest:
    compute = {"kind": "compute/simple-compute-resource", **parts.pop("compute", {})}
    environment = parts.pop("environment", {})
    executable = {"kind": "executable/program", "command": command, "environment": environment}
    return ExecutionRequest.model_validate({"executable": executable, "compute": compute, **parts})


def volume(path: str, *resources: str, mode: str = "READONLY", **more: Any) -> dict[str, Any]:
    kind = "volume/simple-volume-mount"
    return {"kind": kind, "path": path, "mode": mode, "resources": resources, **more}


def data(name: str, location: str, **more: Any) -> dict[str, Any]:
    return {"kind": "data/simple-data-resource", "name": name, "location": location, **more}


def storage(name: str, **more: Any) -> dict[str, Any]:
    return {"kind": "storage/simple-storage-resource", "name": name, **more}


def run(bench: EmbeddedBench, request: ExecutionRequest) -> Session:
    """Run a request to its end."""
    broker = bench.broker()
    return finish(broker, offered(broker, request), bench)


def texts(session: Session) -> str:
    return "\n".join(message.text for message in session.messages)


def reasons(bench: EmbeddedBench, request: ExecutionRequest) -> str:
    """Return why the broker says NO."""
    answer = bench.broker().request_offers(request)
    assert answer.result == "NO"
    return "\n".join(message.text for message in answer.messages)


def stream(bench: EmbeddedBench, session: Session, name: str = "stdout") -> str:
    return (bench.directory(session.uuid) / name).read_text()
