# SPDX-License-Identifier: Apache-2.0
"""What clients of a server ask, in each dialect."""

import json
import time
from dataclasses import dataclass
from typing import Any

import httpx

from eb_prefect.model.phase import FINAL
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.document import write_request
from eb_prefect.wire.text import parse, to_text
from eb_prefect.wire.write import Style
from tests.brokers.embedded.bench import program, storage, volume

DIALECTS = (Dialect.A, Dialect.B1, Dialect.B2, Dialect.NEUTRAL)
SUBMIT = {Dialect.A: "/offersets", Dialect.B1: "/offersets"}
DIRECT = {Dialect.B1: "/sessions"}
JSON = {"Content-Type": "application/json"}
YAML = {"Content-Type": "application/yaml"}


@dataclass(frozen=True)
class Asking:
    """A client of one dialect of a server."""

    root: str
    dialect: Dialect = Dialect.B2
    auth: tuple[str, str] | None = None

    @property
    def url(self) -> str:
        return f"{self.root}/{self.dialect}"

    def submit(self, request: ExecutionRequest, path: str = "", **options: Any) -> httpx.Response:
        return self.post(path or SUBMIT.get(self.dialect, "/requests"), self.written(request), **options)

    def execute(self, request: ExecutionRequest) -> httpx.Response:
        return self.submit(request, DIRECT.get(self.dialect, "/direct"))

    def written(self, request: ExecutionRequest) -> dict[str, Any]:
        return write_request(request, self.dialect, Style(lossy=True))

    def offered(self, request: ExecutionRequest) -> str:
        answer = self.submit(request)
        assert answer.status_code == 303, answer.text
        return uuid_of(parse(answer.content)["offers"][0])

    def update(self, session: str, value: str, path: str = "phase", **options: Any) -> httpx.Response:
        return self.post(f"/sessions/{session}", self.phase_update(value, path), **options)

    def phase_update(self, value: str, path: str = "phase") -> dict[str, Any]:
        kind = "uri:enum-value-update"
        if self.dialect is Dialect.A:
            return {"update": {"type": kind, "path": path, "value": value}}
        return {"kind": kind, "path": path, "value": value}

    def started(self, request: ExecutionRequest) -> str:
        session = self.offered(request)
        answer = self.update(session, "ACCEPTED")
        assert answer.status_code == 200, answer.text
        return session

    def finished(self, request: ExecutionRequest) -> dict[str, Any]:
        return self.final(self.started(request))

    def final(self, session: str) -> dict[str, Any]:
        until = time.monotonic() + 60
        while (found := self.session(session))["phase"] not in FINAL:
            assert time.monotonic() < until, found
            time.sleep(0.02)
        return found

    def session(self, session: str) -> dict[str, Any]:
        return self.get(f"/sessions/{session}").json()

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(self.at(path), auth=self.auth, timeout=20, **options)

    def post(self, path: str, document: Any, **options: Any) -> httpx.Response:
        given = {"content": json.dumps(document), "headers": JSON} | options
        return httpx.post(self.at(path), auth=self.auth, timeout=20, **given)

    def at(self, path: str) -> str:
        return path if path.startswith("http") else f"{self.url}{path}"


def yaml(document: Any) -> dict[str, Any]:
    return {"content": to_text(document, "yaml"), "headers": YAML}


def uuid_of(document: dict[str, Any]) -> str:
    return str(document.get("uuid") or document["meta"]["uuid"])


def url_of(document: dict[str, Any]) -> str:
    return str(document.get("href") or document.get("url") or document["meta"]["url"])


def messages_of(document: dict[str, Any]) -> str:
    told = document.get("messages") or document.get("meta", {}).get("messages", [])
    return "\n".join(message["message"] for message in told)


def making(script: str, **parts: Any) -> ExecutionRequest:
    """Return a request for a shell script that can leave products in /output."""
    compute = {"volumes": [volume("/output", "products", mode="READWRITE", name="output")]}
    return program("sh", "-c", script, compute=compute, storage=[storage("products")], **parts)


def locations(document: dict[str, Any], kind: str) -> list[str]:
    """Return where a session's connectors lead whose kind has such an end."""
    found = [each for each in document.get("connectors", ()) if "location" in each]
    kinds = [(each.get("kind") or each["type"]).removesuffix("-1.0").removesuffix(".yaml") for each in found]
    return [each["location"] for each, its in zip(found, kinds, strict=True) if its.endswith(kind)]
