# SPDX-License-Identifier: Apache-2.0
"""A client as plain as can be, and what it says in each dialect."""

from typing import Any, Self

import httpx

from eb_prefect.testing.faults import Faults
from eb_prefect.testing.scripted import ScriptedBroker
from eb_prefect.testing.wireserver import ScriptedServer
from eb_prefect.wire.dialect import Dialect, kind_uri

SUBMIT = {Dialect.A: "/offersets", Dialect.B1: "/offersets", Dialect.B2: "/requests"}
WIRED = tuple(SUBMIT)
LONG = ((0.0, "PREPARING"), (10.0, "RUNNING"), (100.0, "COMPLETED"))
PATIENCE = 5.0


def sent(dialect: Dialect = Dialect.B2, **parts: Any) -> dict[str, Any]:
    """Return a request as a client of the dialect sends it."""
    key = "type" if dialect is Dialect.A else "kind"
    image = {"locations": ["registry.example.org/sky:1"], "digest": f"sha256:{'1' * 64}"}
    return {
        "executable": {key: kind_uri("executable/docker-container", dialect), "image": image},
        "compute": {key: kind_uri("compute/simple-compute-resource", dialect), "cores": {"min": 3}},
        **parts,
    }


def update(phase: str, dialect: Dialect = Dialect.B2) -> dict[str, Any]:
    bare = {"path": "phase", "value": phase}
    if dialect is Dialect.A:
        return {"update": {"type": "uri:enum-value-update", **bare}}
    return {"kind": "uri:enum-value-update", **bare}


def serving(faults: Faults, **more: Any) -> ScriptedServer:
    """Return a server of a broker whose clock stands still unless it is given another."""
    from eb_prefect.testing.clock import Clock

    parts = {
        key: more.pop(key) for key in ("script", "clock", "streams", "refusal", "settling") if key in more
    }
    broker = ScriptedBroker(parts.pop("script", LONG), clock=parts.pop("clock", Clock()), **parts)
    return ScriptedServer(broker, faults=faults, **more)


class Plain:
    """Sends and receives; knows nothing of brokers but paths."""

    def __init__(self, server: ScriptedServer) -> None:
        self.dialect = server.dialect
        headers = {"Accept": "application/json"}
        self.http = httpx.Client(base_url=server.url, timeout=PATIENCE, headers=headers, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.http.close()

    def submit(self, **parts: Any) -> httpx.Response:
        return self.http.post(SUBMIT[self.dialect], json=sent(self.dialect, **parts))

    def offered(self, **parts: Any) -> str:
        return uuid_of(self.submit(**parts).json()["offers"][0])

    def update(self, session: str, phase: str) -> httpx.Response:
        return self.http.post(f"/sessions/{session}", json=update(phase, self.dialect))

    def accepted(self, **parts: Any) -> str:
        session = self.offered(**parts)
        assert self.update(session, "ACCEPTED").status_code == 200
        return session

    def get(self, session: str) -> httpx.Response:
        return self.http.get(f"/sessions/{session}")

    def phase(self, session: str) -> str:
        return str(self.get(session).json()["phase"])


def uuid_of(document: dict[str, Any]) -> str:
    return str(document.get("uuid") or document["meta"]["uuid"])
